//! Counters of what happened to probes and rounds.

use super::outcome::{Closed, ClosedRound, Rejected};

/// Counters since the start. At any moment `sent == answered + lost +` what is outstanding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoundsStats {
    /// Rounds opened.
    pub rounds: u64,
    /// Rounds closed and collected.
    pub closed: u64,
    /// Of the closed rounds, those collected after a newer one.
    pub stale: u64,
    /// Of the closed rounds, those that were pushed out of a full table.
    pub superseded: u64,
    /// Rounds pushed out of the table that nobody ever collected.
    pub uncollected: u64,
    /// Requests handed out.
    pub sent: u64,
    /// Requests answered within the timeout.
    pub answered: u64,
    /// Of the answered requests, those whose round had been collected without them.
    pub answered_late: u64,
    /// Requests given up: not answered within the timeout, or not sent.
    pub lost: u64,
    /// Of the lost requests, those that could not be sent.
    pub send_failures: u64,
    rejected: [u64; Rejected::ALL.len()],
}

impl RoundsStats {
    /// How many replies were rejected for this reason.
    #[must_use]
    pub fn rejected(&self, kind: Rejected) -> u64 {
        self.rejected.get(kind as usize).copied().unwrap_or(0)
    }

    /// How many replies were rejected for any reason.
    #[must_use]
    pub fn rejected_total(&self) -> u64 {
        self.rejected.iter().sum()
    }

    pub(super) const fn count_answer(&mut self, late: bool) {
        self.answered += 1;
        if late {
            self.answered_late += 1;
        }
    }

    pub(super) fn count_rejected(&mut self, kind: Rejected) {
        if let Some(count) = self.rejected.get_mut(kind as usize) {
            *count += 1;
        }
    }

    pub(super) fn count_closed(&mut self, round: &ClosedRound) {
        self.closed += 1;
        self.stale += u64::from(round.stale);
        self.superseded += u64::from(round.cause == Closed::Superseded);
    }
}
