//! What health and explanations are made of.

use std::sync::Arc;

use wanctl_config::SteerConfig;
use wanctl_steering::{Decision, Observation, WanIndex};
use wanctl_types::Timestamp;

/// The steering daemon at one moment. Renewed with every decision and every answer of the router.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SteerView {
    /// What was configured.
    pub config: Arc<SteerConfig>,
    /// When the daemon began.
    pub started: Timestamp,
    /// When the last decision was made.
    pub decided: Option<Timestamp>,
    /// That decision.
    pub decision: Option<Decision>,
    /// What it rests on.
    pub observation: Observation,
    /// Where eligible traffic goes; in shadow mode where it would.
    pub active: WanIndex,
    /// Since when.
    pub active_since: Timestamp,
    /// When it last moved, in local civil time.
    pub last_transition: Option<String>,
    /// Why it last moved.
    pub last_reason: Option<String>,
    /// What the router last refused, or what is wrong with its objects.
    pub troubles: Vec<String>,
    /// Whether the router answered last; `None` before the first answer.
    pub router_reachable: Option<bool>,
    /// Failed readings of the queue in a row.
    pub queue_failures: u32,
    /// Counters since the start.
    pub counters: SteerCounters,
}

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SteerCounters {
    /// Cycles with something to decide on.
    pub completed: u64,
    /// Cycles without.
    pub blind: u64,
    /// Cycles without in a row.
    pub blind_in_a_row: u32,
    /// Completed moves of eligible traffic.
    pub moves: u64,
    /// Requests the router refused.
    pub refused: u64,
    /// Times a rule was not as it should be.
    pub drift: u64,
}

impl SteerView {
    /// Name of the state, as the Python program has it: the WAN's name is data beside it.
    #[must_use]
    pub fn state_name(&self) -> String {
        state_name(&self.config, self.active)
    }

    /// Name of a WAN.
    #[must_use]
    pub fn wan_name(&self, wan: WanIndex) -> &str {
        self.config
            .wans
            .get(wan.get())
            .map_or("", |wan| wan.name.as_str())
    }
}

/// `CABLE_GOOD` while eligible traffic is where it is in normal use, else `CABLE_DEGRADED`.
pub(super) fn state_name(config: &SteerConfig, active: WanIndex) -> String {
    let primary = config.wans.first().map_or("", |wan| wan.name.as_str());
    let state = if active.is_primary() {
        "GOOD"
    } else {
        "DEGRADED"
    };
    format!("{}_{state}", primary.to_uppercase())
}
