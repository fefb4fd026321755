//! The immutable value that a daemon publishes and every view renders.

use std::time::Duration;

use wanctl_types::{Bps, Millis, PerDirection, Timestamp, WanName, Zone};

/// One daemon at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Version of the program.
    pub version: &'static str,
    /// Time since start.
    pub uptime: Duration,
    /// When it was published, on the clock of the WANs' own times.
    pub published_at: Timestamp,
    /// Whether the system's clock is believable; records are misdated until it is.
    pub clock_set: bool,
    /// Lines that the logs did not take since the start.
    pub log_lines_lost: u64,
    /// One entry per WAN, in the order of the configuration files.
    pub wans: Vec<WanSnapshot>,
    /// State of the history database; `None` when history is off.
    pub history: Option<HistorySnapshot>,
}

/// One WAN at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct WanSnapshot {
    /// Its name.
    pub name: WanName,
    /// Idle RTT.
    pub baseline: Millis,
    /// Smoothed RTT.
    pub load: Millis,
    /// Zone and rates of each direction.
    pub directions: PerDirection<DirectionSnapshot>,
    /// Failed cycles in a row.
    pub consecutive_failures: u32,
    /// When a cycle last ended, completed or not; `None` before the first.
    pub last_step: Option<Timestamp>,
    /// When a cycle was last completed; `None` before the first.
    pub last_completed: Option<Timestamp>,
    /// Counters since start.
    pub counters: CycleCounters,
    /// Time the last cycle's own work took.
    pub cycle_duration: Duration,
    /// What 99 of a hundred turns of the loop did not exceed, over the last thousand: from waking
    /// up to going back to sleep.
    pub cycle_p99: Duration,
    /// What each reflector does.
    pub reflectors: Vec<ReflectorSnapshot>,
    /// What the router does.
    pub router: RouterSnapshot,
}

/// One direction of one WAN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectionSnapshot {
    /// Zone of the last cycle.
    pub zone: Zone,
    /// The rate the controller wants.
    pub intended: Bps,
    /// The rate the router last said it has; `None` before the first answer.
    pub applied: Option<Bps>,
    /// Reason of the last change of zone, as history records it.
    pub last_reason: Option<String>,
}

/// Counters of one WAN since the daemon started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CycleCounters {
    /// Completed cycles.
    pub completed: u64,
    /// Cycles that froze the rates on purpose.
    pub frozen: u64,
    /// Failed cycles.
    pub failed: u64,
    /// Ticks that came too late to be used.
    pub missed_ticks: u64,
    /// Rounds in which no reflector answered.
    pub silent_rounds: u64,
    /// Writes the router accepted.
    pub router_updates: u64,
    /// Requests the router refused or did not answer.
    pub router_errors: u64,
    /// Times a queue had a rate that the daemon did not set.
    pub router_drift: u64,
    /// Increases that the write budget put off.
    pub writes_deferred: u64,
    /// Records the history queue had no room for.
    pub records_dropped: u64,
}

/// One reflector.
#[derive(Clone, Debug, PartialEq)]
pub struct ReflectorSnapshot {
    /// As configured.
    pub host: String,
    /// Its last RTT.
    pub rtt: Option<Millis>,
    /// When it last answered; `None` before the first time.
    pub last_answer: Option<Timestamp>,
    /// Probes sent.
    pub sent: u64,
    /// Probes given up as lost.
    pub lost: u64,
}

/// The router, as last seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouterSnapshot {
    /// Whether it answers and does what it is asked.
    pub state: RouterState,
    /// The last error's text, kept until all is well again.
    pub last_error: Option<String>,
    /// How long the last accepted write took.
    pub last_latency: Option<Duration>,
    /// Whether its queues' counters are read.
    pub counters: CountersState,
}

/// Whether the counters of the router's queues are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CountersState {
    /// The control law does not look at them.
    #[default]
    Off,
    /// None was read yet.
    Waiting,
    /// They are read.
    Read,
    /// They cannot be read now; the control law goes on with delay alone.
    Lost,
    /// The router has none; the control law goes on with delay alone.
    Unsupported,
}

impl CountersState {
    /// The word for it in health reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Waiting => "waiting",
            Self::Read => "read",
            Self::Lost => "lost",
            Self::Unsupported => "unsupported",
        }
    }
}

/// How a router takes requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RouterState {
    /// Nothing was asked yet.
    #[default]
    Unknown,
    /// It does what it is asked.
    Reachable,
    /// It answers and does not do what it is asked.
    Rejecting,
    /// It does not answer.
    Unreachable,
    /// It refuses the credentials, or the user's rights do not suffice.
    Refused,
}

impl RouterState {
    /// The word for it in health reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Reachable => "reachable",
            Self::Rejecting => "rejecting",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
        }
    }

    /// Whether the last request was answered; `None` before the first.
    #[must_use]
    pub const fn is_reachable(self) -> Option<bool> {
        match self {
            Self::Unknown => None,
            Self::Reachable | Self::Rejecting | Self::Refused => Some(true),
            Self::Unreachable => Some(false),
        }
    }
}

/// The history database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistorySnapshot {
    /// Cycles committed since start.
    pub committed: u64,
    /// Cycles lost for want of room in the queue.
    pub dropped: u64,
    /// Cycles waiting to be written.
    pub queued: usize,
    /// Whether it falls behind or cannot be written.
    pub lagging: bool,
    /// The last error's text, kept until a commit succeeds.
    pub last_error: Option<String>,
}
