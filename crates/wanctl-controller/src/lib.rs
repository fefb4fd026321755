//! The control law of wanctl.

mod config;
mod controller;
mod decision;
mod observation;

pub use config::{
    Aggregation, Alpha, BaselineConfig, ConfigError, ControllerConfig, Factor, Floors, LawKind,
    QueueConfig, SilenceMode, SilencePolicy, Threshold, Thresholds,
};
pub use controller::{Controller, ControllerState, QueueState};
pub use decision::{
    Decision, DirectionDecision, Held, Limit, Outcome, Transition, TransitionReason,
};
pub use observation::{
    LinkObservation, LoadObservation, MAX_REFLECTORS, Observation, QueueObservation, Reachability,
    ReflectorObservation,
};
