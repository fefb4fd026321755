//! Signs of life of a WAN's loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wanctl_types::Timestamp;

/// A loop that has not turned for so long is stuck: even a silent provider, a router that hangs
/// and a full disk let it turn with every probe.
const STUCK_AFTER: Duration = Duration::from_secs(10);

/// Not started yet.
const STARTING: u64 = u64::MAX;
/// Not running on purpose: its supervisor waits before it starts it again.
const RESTING: u64 = u64::MAX - 1;

/// When a loop turned last, for whoever wants to know without asking the loop.
#[derive(Clone, Debug)]
pub(crate) struct Pulse(Arc<AtomicU64>);

impl Pulse {
    /// Of a loop that has not started yet.
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(STARTING)))
    }

    /// The loop has turned.
    pub(crate) fn beat(&self, now: Timestamp) {
        let micros = now.as_micros().min(RESTING - 1);
        self.0.store(micros, Ordering::Relaxed);
    }

    /// The loop has ended; somebody else answers for it.
    pub(crate) fn rest(&self) {
        self.0.store(RESTING, Ordering::Relaxed);
    }

    /// Whether the loop has turned at all, or has failed to.
    pub(crate) fn has_started(&self) -> bool {
        self.0.load(Ordering::Relaxed) != STARTING
    }

    /// Whether the loop runs but does not turn.
    pub(crate) fn is_stuck(&self, now: Timestamp) -> bool {
        match self.0.load(Ordering::Relaxed) {
            STARTING | RESTING => false,
            micros => now.saturating_since(Timestamp::from_micros(micros)) > STUCK_AFTER,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_loop_that_runs_can_be_stuck() {
        let late = Timestamp::ZERO + STUCK_AFTER + Duration::from_millis(1);
        let pulse = Pulse::new();
        assert!(!pulse.has_started() && !pulse.is_stuck(late));
        pulse.beat(Timestamp::ZERO);
        assert!(pulse.has_started() && pulse.is_stuck(late));
        pulse.beat(late);
        assert!(!pulse.is_stuck(late));
        pulse.rest();
        assert!(pulse.has_started() && !pulse.is_stuck(late + STUCK_AFTER * 2));
    }
}
