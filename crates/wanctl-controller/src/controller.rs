//! One WAN's controller.

use wanctl_types::Timestamp;

use crate::law::Law;
use crate::{ControllerConfig, ControllerState, Decision, Observation};

/// One WAN's controller: a configuration and the law it names.
///
/// It holds no clock, does no I/O and allocates nothing: one call of [`step`](Self::step) is one
/// control cycle, and the same calls give the same decisions.
#[derive(Clone, Debug)]
pub struct Controller {
    config: ControllerConfig,
    began_with: ControllerState,
    law: Law,
}

impl Controller {
    /// Starts without any memory: the reference law at the ceilings, GREEN, with the configured
    /// baseline; the adaptive law below the plan.
    #[must_use]
    pub fn new(config: ControllerConfig) -> Self {
        let state = ControllerState::initial(&config);
        Self {
            law: Law::new(&config, &state),
            began_with: state,
            config,
        }
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &ControllerConfig {
        &self.config
    }

    /// One step: what was seen goes in, rates and reasons come out.
    pub fn step(&mut self, now: Timestamp, observation: &Observation) -> Decision {
        self.law.step(now, observation)
    }

    /// Exports every piece of state.
    #[must_use]
    pub fn state(&self) -> ControllerState {
        self.law.state()
    }

    /// Puts an exported state back, exactly. A state that comes from a file should go through
    /// [`ControllerState::validated`] first.
    pub fn restore(&mut self, state: ControllerState) {
        self.law = Law::new(&self.config, &state);
        self.began_with = state;
    }

    /// The state that it began with or that was put back last. A controller with the same
    /// configuration that is given this state and the same steps makes the same decisions, to the
    /// bit; an exported state is rounded to whole bits per second.
    #[must_use]
    pub const fn began_with(&self) -> &ControllerState {
        &self.began_with
    }
}
