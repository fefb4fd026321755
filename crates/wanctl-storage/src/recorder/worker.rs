//! The thread that commits.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::upkeep::Upkeep;
use super::{Entry, Opener, RING, Shared};
use crate::{Error, StorageConfig, Writer, clock};

/// Pause between two commits.
const COMMIT_INTERVAL: Duration = Duration::from_millis(500);
/// Pause between two slices of deletion, in which other programs may write.
const SLICE_INTERVAL: Duration = Duration::from_millis(25);
/// Pause between two attempts while the owner waits for the end.
const LAST_ATTEMPTS: Duration = Duration::from_millis(50);
/// Most cycles in a transaction.
const BATCH: usize = 512;

/// Owns the connection.
pub(super) struct Worker {
    shared: Arc<Shared>,
    config: StorageConfig,
    opener: Opener,
    /// None before the first success and after each failure.
    writer: Option<Writer>,
    /// Taken from the ring and not yet committed; kept through failures.
    batch: Vec<Entry>,
    trouble: Option<Backoff>,
    upkeep: Upkeep,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, config: StorageConfig, opener: Opener) -> Self {
        Self {
            shared,
            config,
            opener,
            writer: None,
            batch: Vec::with_capacity(BATCH),
            trouble: None,
            upkeep: Upkeep::due(Instant::now()),
        }
    }

    /// Commits until the owner wants an end and everything is written or the time is up.
    pub(super) fn run(mut self) {
        loop {
            let stop_by = self.shared.stop_by.get().copied();
            let pause = self.turn(Instant::now(), stop_by.is_some());
            if let Some(stop_by) = stop_by {
                let drained = self.batch.is_empty() && !self.shared.has_waiting();
                if drained || Instant::now() >= stop_by {
                    return;
                }
            }
            thread::park_timeout(pause);
        }
    }

    /// Does what is due and says how long to pause.
    fn turn(&mut self, now: Instant, stopping: bool) -> Duration {
        let wait = self
            .trouble
            .as_ref()
            .map_or(Duration::ZERO, |trouble| trouble.remaining(now));
        if !wait.is_zero() && !stopping {
            return wait;
        }
        match self.work(now, stopping) {
            Ok(()) => self.healed(),
            Err(error) => self.failed(now, &error),
        }
        if stopping {
            LAST_ATTEMPTS
        } else if self.trouble.is_none() && self.upkeep.is_due(now) {
            SLICE_INTERVAL
        } else {
            COMMIT_INTERVAL
        }
    }

    fn work(&mut self, now: Instant, stopping: bool) -> Result<(), Error> {
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => (self.opener)(&self.config.db_path)?,
        };
        self.write_snapshots(&mut writer)?;
        self.write_cycles(&mut writer)?;
        if !stopping && self.upkeep.is_due(now) {
            let days = self.config.retention_days;
            let deleted = self.upkeep.slice(&mut writer, now, clock::now(), days)?;
            self.shared
                .deleted
                .fetch_add(count(deleted), Ordering::Relaxed);
        }
        self.writer = Some(writer);
        Ok(())
    }

    fn write_snapshots(&self, writer: &mut Writer) -> Result<(), Error> {
        loop {
            let Some((wan, time, snapshot)) = self.shared.snapshots().front().cloned() else {
                return Ok(());
            };
            let written = writer
                .record_config_snapshot(&wan, time, &snapshot)
                .and_then(|()| writer.check_in_place());
            self.settle(written, 1)?;
            self.shared.snapshots().pop_front();
        }
    }

    /// Commits what the ring held when it began, and little more.
    fn write_cycles(&mut self, writer: &mut Writer) -> Result<(), Error> {
        for _ in 0..=RING / BATCH {
            while self.batch.len() < BATCH {
                let Some(entry) = self.shared.next_cycle() else {
                    break;
                };
                self.batch.push(entry);
            }
            let cycles = count(self.batch.len());
            self.shared.in_hand.store(cycles, Ordering::Relaxed);
            if cycles == 0 {
                break;
            }
            let written = writer
                .write_entries(&self.batch)
                .and_then(|()| writer.check_in_place());
            if self.settle(written, cycles)? {
                self.shared.committed.fetch_add(cycles, Ordering::Relaxed);
                self.shared.health().last_commit = Some(clock::now());
            }
            self.batch.clear();
            self.shared.in_hand.store(0, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Whether rows were written; rows that the database will never take are given up, so that
    /// the ones after them get their turn.
    fn settle(&self, written: Result<(), Error>, lost: u64) -> Result<bool, Error> {
        match written {
            Ok(()) => Ok(true),
            Err(error) if error.refuses_the_rows() => {
                self.shared.errors.fetch_add(1, Ordering::Relaxed);
                self.shared.dropped.fetch_add(lost, Ordering::Relaxed);
                let text = error.chain();
                tracing::warn!(
                    error = text,
                    lost,
                    "the history refuses rows, they are given up"
                );
                self.shared.health().last_error = Some(text);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn failed(&mut self, now: Instant, error: &Error) {
        let text = error.chain();
        self.shared.errors.fetch_add(1, Ordering::Relaxed);
        if let Some(trouble) = &mut self.trouble {
            trouble.prolong(now);
            tracing::debug!(error = text, "the history is still not written");
        } else {
            self.trouble = Some(Backoff::begin(now));
            tracing::warn!(error = text, "the history is not written, control goes on");
        }
        let mut health = self.shared.health();
        health.last_error = Some(text);
        health.failing_since.get_or_insert_with(clock::now);
    }

    fn healed(&mut self) {
        if self.trouble.take().is_some() {
            self.shared.health().failing_since = None;
            let dropped = self.shared.dropped.load(Ordering::Relaxed);
            tracing::info!(dropped, "the history is written again");
        }
    }
}

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}
