//! The quiet ports of a virtual run: memory, and real files where asked for.

use std::io;

use async_trait::async_trait;
use wanctl_daemon::{FileStore, History, StateImage, StateStore};
use wanctl_probe::{ReserveAnswer, ReserveChecks};
use wanctl_storage::{CycleRecord, CycleSink, Recorded};

use super::Shared;

/// What a run leaves behind.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) records: Vec<CycleRecord>,
    pub(super) saves: u64,
    pub(super) last_state: Option<StateImage>,
}

/// Keeps records, and hands them on.
pub(super) struct MemoryHistory {
    pub(super) memory: Shared<Memory>,
    pub(super) sink: Option<CycleSink>,
}

impl History for MemoryHistory {
    fn record(&mut self, record: CycleRecord) -> Recorded {
        self.memory.with(|memory| memory.records.push(record));
        match &self.sink {
            Some(sink) => sink.record(record),
            None => Recorded::Queued,
        }
    }
}

/// Keeps the newest state, and writes it to a file.
pub(super) struct MemoryStore {
    pub(super) memory: Shared<Memory>,
    pub(super) file: Option<FileStore>,
}

#[async_trait]
impl StateStore for MemoryStore {
    async fn save(&self, image: &StateImage) -> io::Result<()> {
        self.memory.with(|memory| {
            memory.saves += 1;
            memory.last_state = Some(*image);
        });
        match &self.file {
            Some(file) => file.save(image).await,
            None => Ok(()),
        }
    }
}

/// Finds always the same.
pub(crate) struct FixedAnswer(pub(crate) ReserveAnswer);

#[async_trait]
impl ReserveChecks for FixedAnswer {
    async fn check(&self) -> ReserveAnswer {
        self.0
    }
}
