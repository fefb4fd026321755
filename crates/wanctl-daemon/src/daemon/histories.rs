//! The history databases of a process: one writer per file, whichever WANs share it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tracing::{error, info, warn};
use wanctl_config::WanConfig;
use wanctl_storage::{CycleSink, Recorder, RecorderStats};
use wanctl_telemetry::HistorySnapshot;

use crate::clock::Clock;

/// Where the Python wanctl keeps its history.
const USUAL_PATH: &str = "/var/lib/wanctl/metrics.db";

/// All writers, by file.
pub(super) struct Histories {
    recorders: BTreeMap<PathBuf, Arc<Recorder>>,
}

impl Histories {
    /// Starts one writer per file and records each WAN's configuration, in effect from now on.
    pub(super) fn start(wans: &[WanConfig], clock: &Clock) -> Result<Self, wanctl_storage::Error> {
        let mut recorders = BTreeMap::new();
        for wan in wans {
            let Some(storage) = &wan.storage else {
                info!(wan = %wan.name, "history is off; set storage.db_path (usually {USUAL_PATH}) to record it");
                continue;
            };
            if !recorders.contains_key(&storage.db_path) {
                let recorder = Arc::new(Recorder::start(storage.clone())?);
                recorders.insert(storage.db_path.clone(), recorder);
            }
        }
        let histories = Self { recorders };
        for wan in wans {
            if let Some(sink) = histories.sink(wan) {
                let mut snapshot = wan.snapshot.clone();
                snapshot.clock_set = clock.wall_is_set();
                sink.snapshot(clock.wall(), snapshot);
            }
        }
        Ok(histories)
    }

    /// The entrance for one WAN's cycles; `None` when its history is off.
    pub(super) fn sink(&self, wan: &WanConfig) -> Option<CycleSink> {
        let recorder = self.recorders.get(&wan.storage.as_ref()?.db_path)?;
        Some(recorder.handle(wan.name.clone()))
    }

    /// Tells how the writers do.
    pub(super) fn watcher(&self) -> HistoryWatcher {
        HistoryWatcher(self.recorders.values().cloned().collect())
    }

    /// Writes what is waiting, all files at once, in at most `grace`. Watchers must be gone by
    /// then.
    pub(super) async fn stop(self, grace: Duration) {
        let mut stopping = JoinSet::new();
        for (path, recorder) in self.recorders {
            stopping.spawn_blocking(move || close(&path, recorder, grace));
        }
        while let Some(stopped) = stopping.join_next().await {
            if stopped.is_err() {
                error!("a history could not be closed in order");
            }
        }
    }
}

fn close(path: &std::path::Path, recorder: Arc<Recorder>, grace: Duration) {
    match Arc::try_unwrap(recorder) {
        Ok(recorder) => report(path, &recorder.shutdown(grace)),
        Err(shared) => shared.flush(),
    }
}

fn report(path: &std::path::Path, stats: &RecorderStats) {
    let unwritten = stats.queue_len;
    if unwritten > 0 {
        warn!(file = %path.display(), unwritten, "cycles were not written to the history before the stop");
    }
}

/// Reads the writers' figures.
#[derive(Clone)]
pub(super) struct HistoryWatcher(Vec<Arc<Recorder>>);

impl HistoryWatcher {
    /// The sum over all files; `None` when history is off.
    pub(super) fn snapshot(&self) -> Option<HistorySnapshot> {
        if self.0.is_empty() {
            return None;
        }
        let mut sum = HistorySnapshot::default();
        for recorder in &self.0 {
            let stats = recorder.stats();
            sum.lagging |= stats.is_lagging();
            sum.committed += stats.committed;
            sum.dropped += stats.dropped;
            sum.queued += stats.queue_len;
            let trouble = stats.last_error.filter(|_| stats.failing_since.is_some());
            sum.last_error = trouble.or(sum.last_error);
        }
        Some(sum)
    }
}
