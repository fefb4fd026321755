//! Named troubles of a WAN, derived from a [`Snapshot`].

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wanctl_types::Timestamp;

use crate::snapshot::{CountersState, RouterState, Snapshot, WanSnapshot};

/// Without a completed step for longer than this, a WAN is not being controlled.
pub const BLIND_AFTER: Duration = Duration::from_secs(2);

/// A trouble that an operator should know by name. Several may hold at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Condition {
    /// No step was completed for more than [`BLIND_AFTER`]: steps fail, rates are frozen, or the
    /// loop stands still.
    Blind,
    /// The router did not answer the last request.
    RouterLost,
    /// The router refused the credentials, or the user's rights do not suffice.
    RouterRefused,
    /// The history falls behind or cannot be written.
    HistoryLagging,
    /// No more than half of the reflectors answered within [`BLIND_AFTER`].
    ProbeQuorumLost,
    /// The control law wants the counters of the router's queues, and they cannot be read.
    CountersLost,
}

impl Condition {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 6] = [
        Self::Blind,
        Self::RouterLost,
        Self::RouterRefused,
        Self::HistoryLagging,
        Self::ProbeQuorumLost,
        Self::CountersLost,
    ];

    /// The word for it in health reports and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blind => "blind",
            Self::RouterLost => "router_lost",
            Self::RouterRefused => "router_refused",
            Self::HistoryLagging => "history_lagging",
            Self::ProbeQuorumLost => "probe_quorum_lost",
            Self::CountersLost => "counters_lost",
        }
    }

    /// Whether it holds for this WAN of the snapshot.
    #[must_use]
    pub fn holds(self, snapshot: &Snapshot, wan: &WanSnapshot) -> bool {
        match self {
            Self::Blind => snapshot.is_overdue(wan.last_completed),
            Self::RouterLost => wan.router.state == RouterState::Unreachable,
            Self::RouterRefused => wan.router.state == RouterState::Refused,
            Self::HistoryLagging => snapshot.history.as_ref().is_some_and(|h| h.lagging),
            Self::ProbeQuorumLost => snapshot.has_lost_quorum(wan),
            Self::CountersLost => wan.router.counters == CountersState::Lost,
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Snapshot {
    /// What holds for this WAN, in the order of [`Condition::ALL`].
    #[must_use]
    pub fn conditions(&self, wan: &WanSnapshot) -> Vec<Condition> {
        let mut all = Condition::ALL.to_vec();
        all.retain(|condition| condition.holds(self, wan));
        all
    }

    /// How long ago something happened, as of this snapshot.
    pub(crate) fn age(&self, event: Timestamp) -> Duration {
        self.published_at.saturating_since(event)
    }

    /// Whether something that should happen all the time last happened too long ago, or never
    /// since the start.
    fn is_overdue(&self, last: Option<Timestamp>) -> bool {
        last.map_or(self.uptime, |last| self.age(last)) > BLIND_AFTER
    }

    fn has_lost_quorum(&self, wan: &WanSnapshot) -> bool {
        let reflectors = wan.reflectors.iter();
        let answering = reflectors.filter(|r| !self.is_overdue(r.last_answer));
        !wan.reflectors.is_empty() && answering.count() * 2 <= wan.reflectors.len()
    }
}
