//! What the router's queues count, for a law that looks at traffic.
//!
//! A task of its own reads the counters on a connection of its own, several times a second;
//! [`Traffic`] makes differences of them. The control loop takes the newest and waits for none.

mod task;
mod traffic;

use tracing::{info, warn};
use wanctl_controller::LinkObservation;
use wanctl_telemetry::CountersState;
use wanctl_types::{PerDirection, Timestamp, WanName};

use tokio::sync::watch;

pub(crate) use task::LoadTask;
use traffic::Traffic;

/// What is known of the router's counters.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoadStatus {
    /// Whether they are read.
    pub(crate) state: CountersState,
    /// What they say.
    pub(crate) traffic: PerDirection<Traffic>,
    /// The last error, until a reading succeeds.
    pub(crate) last_error: Option<String>,
    /// Times a counter began anew.
    pub(crate) resets: u64,
}

/// The control loop's end.
#[derive(Debug)]
pub(crate) struct LoadView {
    status: watch::Receiver<LoadStatus>,
    told: CountersState,
    told_resets: u64,
}

impl LoadView {
    pub(crate) fn new(status: watch::Receiver<LoadStatus>) -> Self {
        Self {
            status,
            told: CountersState::Waiting,
            told_resets: 0,
        }
    }

    /// The newest of both directions, as old as it is at `now`.
    pub(crate) fn observe(&self, now: Timestamp) -> PerDirection<LinkObservation> {
        let status = self.status.borrow();
        status.traffic.as_ref().map(|traffic| traffic.observe(now))
    }

    /// Whether the counters are read.
    pub(crate) fn state(&self) -> CountersState {
        self.status.borrow().state
    }

    /// One log line for each change, if `may_tell`.
    pub(crate) fn log_change(&mut self, wan: &WanName, mut may_tell: impl FnMut() -> bool) {
        let status = self.status.borrow();
        let before = std::mem::replace(&mut self.told, status.state);
        if before != status.state && may_tell() {
            let error = status.last_error.as_deref().unwrap_or_default();
            match (before, status.state) {
                (CountersState::Waiting, CountersState::Read) => {
                    info!(%wan, "the router's counters are read");
                }
                (_, CountersState::Read) => info!(%wan, "the router's counters are read again"),
                (_, CountersState::Lost) => warn!(
                    %wan, error,
                    "the router's counters cannot be read; control goes on with delay alone"
                ),
                (_, CountersState::Unsupported) => warn!(
                    %wan, error,
                    "the router has no counters; control goes on with delay alone"
                ),
                (_, CountersState::Off | CountersState::Waiting) => {}
            }
        }
        let resets = std::mem::replace(&mut self.told_resets, status.resets);
        if resets != status.resets && may_tell() {
            info!(%wan, "the router's counters began anew; so does the difference");
        }
    }
}
