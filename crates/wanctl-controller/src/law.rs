//! The seam between one WAN's controller and the law that decides.

mod adaptive;
mod reference;

use wanctl_types::Timestamp;

use crate::{ControllerConfig, ControllerState, Decision, LawKind, Observation};
use adaptive::AdaptiveLaw;
use reference::ReferenceLaw;

/// The laws a controller can run, a closed set.
///
/// A law gets the time and the whole observation, uses as much of them as it needs, and keeps its
/// memory in a [`ControllerState`].
#[derive(Clone, Debug)]
pub(crate) enum Law {
    Reference(Box<ReferenceLaw>),
    Adaptive(Box<AdaptiveLaw>),
}

impl Law {
    /// The configured law, going on from `state`.
    pub(crate) fn new(config: &ControllerConfig, state: &ControllerState) -> Self {
        match config.law {
            LawKind::Reference => Self::Reference(Box::new(ReferenceLaw::new(config, state))),
            LawKind::Adaptive => Self::Adaptive(Box::new(AdaptiveLaw::new(config, state))),
        }
    }

    pub(crate) fn step(&mut self, now: Timestamp, observation: &Observation) -> Decision {
        match self {
            Self::Reference(law) => law.step(now, observation),
            Self::Adaptive(law) => law.step(now, observation),
        }
    }

    pub(crate) fn state(&self) -> ControllerState {
        match self {
            Self::Reference(law) => law.state(),
            Self::Adaptive(law) => law.state(),
        }
    }
}
