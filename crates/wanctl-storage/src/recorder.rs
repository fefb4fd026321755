//! The way from the control loop to the disk.
//!
//! ```text
//!  control loop                      writer thread
//!  CycleSink::record ──► ring ──► batch ──► one transaction each half second
//!        │  (full)                   │ (fails)
//!        ▼                           ▼
//!  oldest cycle makes room     batch kept, back-off 0.5 s ... 30 s, file opened anew
//! ```

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_queue::ArrayQueue;
use wanctl_types::{WallTime, WanName};

use crate::{ConfigSnapshot, CycleRecord, Error, SteeringRecord, StorageConfig, Writer};

mod backoff;
mod upkeep;
mod worker;

use worker::Worker;

/// Cycles that wait for the disk: at 20 cycles a second nearly seven minutes of one WAN.
const RING: usize = 8_192;

/// Cycles with a zone change that outlive a full ring.
const SPARE: usize = 512;

/// Configurations that wait for the disk.
const SNAPSHOTS: usize = 64;

/// How often [`Recorder::shutdown`] looks whether the thread has ended.
const JOIN_POLL: Duration = Duration::from_millis(2);

/// Longest wait for another program's write; the thread tries again by itself.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// How the worker comes by a writer.
type Opener = Box<dyn FnMut(&Path) -> Result<Writer, Error> + Send>;

/// A cycle on its way to the disk.
type Entry = (Arc<WanName>, Cycle);

/// A cycle of either daemon.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cycle {
    Control(CycleRecord),
    Steering(SteeringRecord),
}

impl Cycle {
    /// Whether it tells of a change.
    fn is_change(&self) -> bool {
        match self {
            Self::Control(record) => record.changes().next().is_some(),
            Self::Steering(record) => record.moved.is_some(),
        }
    }
}

/// Owns the thread that writes the history.
///
/// A history that cannot be written never reaches the control loop: not a missing directory, not a
/// full disk, not a lock, not a broken file. Cycles wait meanwhile, at most 8192 of them; then the
/// oldest make room and are counted, those with a zone change last. [`Recorder::stats`] tells. A
/// file that is deleted or moved away is begun anew; the commit that missed it is made again.
///
/// Commits come each half second, so a killed process loses about as much; a loss of power may
/// take what SQLite's `synchronous = NORMAL` had not yet put on the disk, never the file. Once an
/// hour rows older than [`StorageConfig::retention_days`] are deleted in slices of about 20 ms.
#[derive(Debug)]
pub struct Recorder {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Starts the thread. A database that cannot be opened is no error here: the thread goes on
    /// trying, and [`RecorderStats::last_error`] says why it has not succeeded.
    ///
    /// # Errors
    ///
    /// [`Error::Thread`] when the system gives no thread.
    pub fn start(config: StorageConfig) -> Result<Self, Error> {
        Self::start_with(
            config,
            Box::new(|path| Writer::open_within(path, BUSY_TIMEOUT)),
        )
    }

    fn start_with(config: StorageConfig, opener: Opener) -> Result<Self, Error> {
        let shared = Arc::new(Shared::new());
        let worker = Worker::new(Arc::clone(&shared), config, opener);
        let thread = thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || worker.run())
            .map_err(|source| Error::Thread { source })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// The entrance for the cycles of one WAN.
    #[must_use]
    pub fn handle(&self, wan: WanName) -> CycleSink {
        CycleSink {
            shared: Arc::clone(&self.shared),
            wan: Arc::new(wan),
        }
    }

    /// Has what is waiting committed now instead of within half a second. Does not wait for it,
    /// and does not shorten the pause after a failure.
    pub fn flush(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }

    /// How it goes. Reads memory alone, never the disk.
    #[must_use]
    pub fn stats(&self) -> RecorderStats {
        self.shared.stats()
    }

    /// Writes what is waiting and ends the thread, in at most `grace`. Blocks the caller. What
    /// could not be written by then is the `queue_len` of the answer.
    #[must_use = "tells whether cycles were lost"]
    pub fn shutdown(self, grace: Duration) -> RecorderStats {
        let stop_by = self.stop(grace);
        while let Some(thread) = &self.thread {
            if thread.is_finished() || Instant::now() >= stop_by {
                break;
            }
            thread::sleep(JOIN_POLL);
        }
        self.stats()
    }

    fn stop(&self, grace: Duration) -> Instant {
        let now = Instant::now();
        let stop_by = now.checked_add(grace).unwrap_or(now);
        let stop_by = *self.shared.stop_by.get_or_init(|| stop_by);
        self.flush();
        stop_by
    }
}

/// Ends the thread after one last attempt to write, without waiting for it.
impl Drop for Recorder {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}

/// Takes the cycles of one WAN. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CycleSink {
    shared: Arc<Shared>,
    wan: Arc<WanName>,
}

impl CycleSink {
    /// Hands a cycle over: no lock, no allocation, no system call, no wait, whatever the state of
    /// the disk.
    #[expect(
        clippy::must_use_candidate,
        reason = "losses are counted, a caller need not look"
    )]
    pub fn record(&self, record: CycleRecord) -> Recorded {
        self.push(Cycle::Control(record))
    }

    /// As [`CycleSink::record`], for a cycle of steering.
    #[expect(
        clippy::must_use_candidate,
        reason = "losses are counted, a caller need not look"
    )]
    pub fn record_steering(&self, record: SteeringRecord) -> Recorded {
        self.push(Cycle::Steering(record))
    }

    #[expect(
        clippy::large_types_passed_by_value,
        reason = "moves into the ring's slot"
    )]
    fn push(&self, cycle: Cycle) -> Recorded {
        match self.shared.ring.force_push((Arc::clone(&self.wan), cycle)) {
            None => Recorded::Queued,
            Some(oldest) => self.shared.make_room_for(oldest),
        }
    }

    /// Hands over the configuration in effect from `time` on. Takes a lock and allocates, so it has
    /// its place at start and reload, not in a cycle.
    pub fn snapshot(&self, time: WallTime, snapshot: ConfigSnapshot) {
        let mut waiting = self.shared.snapshots();
        if waiting.len() >= SNAPSHOTS {
            waiting.pop_front();
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
        waiting.push_back((Arc::clone(&self.wan), time, snapshot));
    }

    /// The WAN whose cycles it takes.
    #[must_use]
    pub fn wan(&self) -> &WanName {
        &self.wan
    }
}

/// What became of a cycle that was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It waits for the next commit, and nothing was lost for it.
    Queued,
    /// It waits, but the ring was full and the oldest waiting cycle was lost.
    Dropped,
}

/// How the history goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecorderStats {
    /// Cycles committed since the start.
    pub committed: u64,
    /// Cycles and configurations lost since the start: given up by a full ring, or refused by the
    /// database for good.
    pub dropped: u64,
    /// Failed attempts to open, write or delete since the start.
    pub errors: u64,
    /// Rows deleted for their age since the start.
    pub deleted: u64,
    /// Cycles that wait, those of the commit in hand included.
    pub queue_len: usize,
    /// Cycles that can wait.
    pub queue_capacity: usize,
    /// The newest failure, also after it has passed.
    pub last_error: Option<String>,
    /// Since when nothing can be written; nothing when the newest attempt succeeded.
    pub failing_since: Option<WallTime>,
    /// When a commit last succeeded.
    pub last_commit: Option<WallTime>,
}

impl RecorderStats {
    /// Whether the history falls behind: writing fails, or the ring is at least half full.
    #[must_use]
    pub const fn is_lagging(&self) -> bool {
        self.failing_since.is_some() || self.queue_len >= self.queue_capacity / 2
    }
}

/// What the sinks, the owner and the worker have in common.
#[derive(Debug)]
struct Shared {
    ring: ArrayQueue<Entry>,
    /// Older than everything in `ring`.
    spare: ArrayQueue<Entry>,
    snapshots: Mutex<VecDeque<(Arc<WanName>, WallTime, ConfigSnapshot)>>,
    /// Cycles in the worker's hands.
    in_hand: AtomicU64,
    committed: AtomicU64,
    dropped: AtomicU64,
    errors: AtomicU64,
    deleted: AtomicU64,
    health: Mutex<Health>,
    /// Set once, by the owner.
    stop_by: OnceLock<Instant>,
}

#[derive(Debug, Default)]
struct Health {
    last_error: Option<String>,
    failing_since: Option<WallTime>,
    last_commit: Option<WallTime>,
}

impl Shared {
    fn new() -> Self {
        Self {
            ring: ArrayQueue::new(RING),
            spare: ArrayQueue::new(SPARE),
            snapshots: Mutex::new(VecDeque::with_capacity(SNAPSHOTS)),
            in_hand: AtomicU64::new(0),
            committed: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            deleted: AtomicU64::new(0),
            health: Mutex::new(Health::default()),
            stop_by: OnceLock::new(),
        }
    }

    /// Keeps a displaced cycle if it tells of a zone change and the spare ring has room.
    fn make_room_for(&self, oldest: Entry) -> Recorded {
        let kept = oldest.1.is_change() && self.spare.push(oldest).is_ok();
        if kept {
            return Recorded::Queued;
        }
        self.dropped.fetch_add(1, Ordering::Relaxed);
        Recorded::Dropped
    }

    /// The oldest waiting cycle.
    fn next_cycle(&self) -> Option<Entry> {
        self.spare.pop().or_else(|| self.ring.pop())
    }

    fn has_waiting(&self) -> bool {
        !(self.spare.is_empty() && self.ring.is_empty() && self.snapshots().is_empty())
    }

    fn snapshots(&self) -> MutexGuard<'_, VecDeque<(Arc<WanName>, WallTime, ConfigSnapshot)>> {
        self.snapshots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stats(&self) -> RecorderStats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let in_hand = usize::try_from(count(&self.in_hand)).unwrap_or(usize::MAX);
        let health = self.health();
        RecorderStats {
            committed: count(&self.committed),
            dropped: count(&self.dropped),
            errors: count(&self.errors),
            deleted: count(&self.deleted),
            queue_len: self.ring.len() + self.spare.len() + in_hand,
            queue_capacity: RING,
            last_error: health.last_error.clone(),
            failing_since: health.failing_since,
            last_commit: health.last_commit,
        }
    }
}

#[cfg(test)]
mod tests;
