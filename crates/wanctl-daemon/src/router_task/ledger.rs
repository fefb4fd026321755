//! What the router's queues are believed to have.

use wanctl_types::{Bps, Direction, PerDirection};

/// What is believed of each queue.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ledger(PerDirection<Belief>);

/// What is believed of one queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Belief {
    /// It was never written nor read.
    #[default]
    Unknown,
    /// It last said so.
    Known(Bps),
    /// A write failed, which may have been carried out all the same.
    Uncertain { before: Option<Bps>, asked: Bps },
}

/// A rate that nobody here ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Drift {
    /// The rate the queue should have had.
    pub(super) expected: Bps,
    /// The rate it has.
    pub(super) observed: Bps,
}

impl Ledger {
    /// The rates that are certain.
    pub(super) fn known(&self) -> PerDirection<Option<Bps>> {
        self.0.map(|belief| match belief {
            Belief::Known(rate) => Some(rate),
            Belief::Unknown | Belief::Uncertain { .. } => None,
        })
    }

    /// A write was accepted.
    pub(super) fn accepted(&mut self, direction: Direction, rate: Bps) {
        self.0[direction] = Belief::Known(rate);
    }

    /// A write failed.
    pub(super) fn failed(&mut self, direction: Direction, asked: Bps) {
        let before = match self.0[direction] {
            Belief::Unknown => None,
            Belief::Known(rate) => Some(rate),
            Belief::Uncertain { before, .. } => before,
        };
        self.0[direction] = Belief::Uncertain { before, asked };
    }

    /// A rate was read; returns how it drifted, if it did.
    pub(super) fn observed(&mut self, direction: Direction, observed: Bps) -> Option<Drift> {
        let expected = match self.0[direction] {
            Belief::Known(rate) => Some(rate),
            Belief::Uncertain { before, asked } => before.filter(|_| observed != asked),
            Belief::Unknown => None,
        };
        self.0[direction] = Belief::Known(observed);
        let expected = expected.filter(|expected| *expected != observed)?;
        Some(Drift { expected, observed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOWN: Direction = Direction::Download;

    fn mbps(rate: u64) -> Bps {
        Bps::from_mbps(rate)
    }

    #[test]
    fn a_rate_that_nobody_ordered_is_a_drift_once() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.observed(DOWN, mbps(1)), None);
        ledger.accepted(DOWN, mbps(50));
        assert_eq!(ledger.observed(DOWN, mbps(50)), None);
        let drift = Drift {
            expected: mbps(50),
            observed: mbps(900),
        };
        assert_eq!(ledger.observed(DOWN, mbps(900)), Some(drift));
        assert_eq!(ledger.observed(DOWN, mbps(900)), None);
        assert_eq!(ledger.known().download, Some(mbps(900)));
        assert_eq!(ledger.known().upload, None);
    }

    #[test]
    fn a_failed_write_may_have_been_carried_out_or_not() {
        for (observed, drifted) in [(50, false), (40, false), (30, false), (70, true)] {
            let mut ledger = Ledger::default();
            ledger.accepted(DOWN, mbps(50));
            ledger.failed(DOWN, mbps(40));
            assert_eq!(ledger.known().download, None);
            if observed == 30 {
                ledger.failed(DOWN, mbps(30));
            }
            let drift = ledger.observed(DOWN, mbps(observed));
            assert_eq!(drift.is_some(), drifted, "{observed}");
        }
    }
}
