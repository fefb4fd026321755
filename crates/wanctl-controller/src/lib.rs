//! The control law of one WAN: how the delay above the idle RTT becomes two rates.
//!
//! A pure function of time, observations and its own exportable state. It has no clock, does no
//! I/O, writes no log and allocates nothing per step, so history can be replayed through it.
//!
//! ```
//! use wanctl_controller::{
//!     Alpha, BaselineConfig, Controller, ControllerConfig, Factor, Floors, Observation,
//!     QueueConfig, ReflectorObservation, Threshold, Thresholds,
//! };
//! use wanctl_types::{Millis, PerDirection, RateBound, Timestamp};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let queue = |floor, ceiling, step| -> Result<QueueConfig, Box<dyn std::error::Error>> {
//!     Ok(QueueConfig::new(
//!         Floors::uniform(RateBound::from_mbps(floor)?),
//!         RateBound::from_mbps(ceiling)?,
//!         RateBound::from_mbps(step)?,
//!         Factor::new(0.85)?,
//!         Factor::new(0.96)?,
//!     )?)
//! };
//! let [target, warn, hard_red] = [15, 45, 80].map(Threshold::from_integer);
//! let baseline = BaselineConfig {
//!     initial: Millis::saturating(25.0),
//!     alpha: Alpha::new(0.001)?,
//!     update_threshold: Millis::saturating(3.0),
//!     min: Millis::saturating(10.0),
//!     max: Millis::saturating(60.0),
//! };
//! let mut controller = Controller::new(ControllerConfig::new(
//!     PerDirection::new(queue(400.0, 920.0, 10.0)?, queue(25.0, 40.0, 1.0)?),
//!     Thresholds::new(target, warn, hard_red)?,
//!     baseline,
//!     Alpha::new(0.5)?,
//! ));
//!
//! let mut seen = Observation::default();
//! seen.reflectors.push(ReflectorObservation {
//!     rtt: Some(Millis::saturating(225.0)),
//!     ..ReflectorObservation::default()
//! });
//! let decision = controller.step(Timestamp::ZERO, &seen);
//! let download = decision.directions.download;
//! assert_eq!(download.rate.to_string(), "782.0 Mbit/s");
//! assert_eq!(
//!     download.transition.map(|t| t.to_string()).as_deref(),
//!     Some("RTT delta 100.0ms exceeded hard_red threshold 80ms"),
//! );
//! # Ok(())
//! # }
//! ```
//!
//! - [`Controller`] steps one WAN: an [`Observation`] goes in, a [`Decision`] comes out.
//! - [`ControllerConfig`] is what the operator decides; [`Thresholds`] and [`QueueConfig`] come in
//!   order or not at all.
//! - [`ControllerState`] is what survives a restart; [`Correction`] says what of a stored one was
//!   not believed.
//! - [`Transition`] and [`Held`] say why a zone changed and why a rate did not.
//! - [`QueueController`], [`Baseline`] and [`SpikeDetector`] are the parts, for use by themselves.

#![forbid(unsafe_code)]

mod aggregate;
mod baseline;
mod config;
mod controller;
mod decision;
#[cfg(test)]
mod fixtures;
mod law;
mod observation;
mod queue;
mod rule;
mod silence;
mod spike;
mod state;

pub use baseline::{Baseline, Learning};
pub use config::{
    Aggregation, Alpha, BaselineConfig, Cadence, ConfigError, ControllerConfig, Factor, Floors,
    LawKind, QueueConfig, SilenceMode, SilencePolicy, Threshold, Thresholds,
};
pub use controller::Controller;
pub use decision::{
    Decision, DirectionDecision, Held, Limit, Moved, Outcome, Transition, TransitionReason,
};
pub use observation::{
    LinkObservation, LoadObservation, MAX_REFLECTORS, Observation, QueueObservation, Reachability,
    ReflectorObservation,
};
pub use queue::{Adjustment, QueueController};
pub use spike::{Spike, SpikeDetector};
pub use state::{
    AdaptiveState, ControllerState, Correction, Counter, LearnedCapacity, LoadKind, QueueState,
};
