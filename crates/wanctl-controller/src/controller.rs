//! Composition of one WAN's law.

use serde::{Deserialize, Serialize};
use wanctl_types::{Bps, Millis, PerDirection, RateBound, Timestamp, Zone};

use crate::{ControllerConfig, Decision, Observation};

/// One WAN's controller.
#[derive(Clone, Debug)]
pub struct Controller {
    config: ControllerConfig,
}

/// Everything that must survive a restart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ControllerState {
    /// State of each queue controller.
    pub queues: PerDirection<QueueState>,
    /// Idle RTT.
    pub baseline: Millis,
    /// Smoothed RTT.
    pub load: Millis,
    /// Smoothed RTT of the previous step.
    pub previous_load: Millis,
    /// Silent steps counted so far.
    pub outage_cycles: u32,
}

/// State of one queue controller.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueueState {
    /// Current rate; the raw ceiling, fraction included, before the first step.
    pub rate: RateBound,
    /// GREEN steps in a row.
    pub green_streak: u32,
    /// `SOFT_RED` steps in a row.
    pub soft_red_streak: u32,
    /// RED steps in a row.
    pub red_streak: u32,
    /// Zone of the last step.
    pub last_zone: Zone,
}

impl Controller {
    /// Starts at the ceilings, GREEN, with the configured baseline.
    #[must_use]
    pub fn new(config: ControllerConfig) -> Self {
        Self { config }
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &ControllerConfig {
        &self.config
    }

    /// One step.
    pub fn step(&mut self, now: Timestamp, observation: &Observation) -> Decision {
        todo!("{now} {observation:?} {:?}", Bps::ZERO)
    }

    /// Exports every piece of state.
    #[must_use]
    pub fn state(&self) -> ControllerState {
        todo!()
    }

    /// Puts an exported state back, exactly.
    pub fn restore(&mut self, state: ControllerState) {
        todo!("{state:?}")
    }
}
