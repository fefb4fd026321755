//! Which WAN carries traffic, and why.
//!
//! A pure function of time, observations, the router's answers and its own exportable state. It has
//! no clock, does no I/O, writes no log and allocates nothing per step, so recorded hours can be
//! decided again.
//!
//! ```
//! use std::time::Duration;
//!
//! use wanctl_steering::{
//!     Action, EngineConfig, Observation, Settled, StandardConfig, Steering, SteeringConfig,
//!     TargetObservation, WanIndex, WanObservation, WanPolicy,
//! };
//! use wanctl_types::{Millis, Timestamp};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cycle = Duration::from_millis(500);
//! let engine = EngineConfig::Standard(StandardConfig::new(cycle));
//! let wans = [WanPolicy::new(1); 2].into_iter().collect();
//! let mut steering = Steering::new(SteeringConfig::new(engine, wans)?);
//!
//! // One target per WAN; the first WAN's answers become slow after half a minute.
//! let mut moved = None;
//! for cycles in 0..120_u32 {
//!     let now = Timestamp::ZERO + cycle * cycles;
//!     let mut seen = Observation::default();
//!     for rtt in [if cycles < 60 { 20.0 } else { 150.0 }, 30.0] {
//!         let mut wan = WanObservation::default();
//!         wan.targets.push(TargetObservation {
//!             rtt: Millis::new(rtt),
//!             answered: 2,
//!             ..TargetObservation::default()
//!         });
//!         seen.wans.push(wan);
//!     }
//!     for request in steering.step(now, &seen).requests {
//!         moved = steering.settle(now, request.id, Settled::Applied);
//!     }
//! }
//! let moved = moved.ok_or("nothing moved")?;
//! assert!(moved.from.is_primary() && moved.to.get() == 1);
//! assert_eq!(moved.reason.code(), "delay");
//! # Ok(())
//! # }
//! ```
//!
//! - [`Steering`] decides: an [`Observation`] goes in, a [`Decision`] comes out, and what became of
//!   its [`Request`]s goes back in as [`Settled`].
//! - [`SteeringConfig`] is what the operator decides; [`EngineConfig`] names the rules:
//!   [`StandardConfig`] judges every WAN, [`LegacyConfig`] is what the Python program does.
//! - [`Assessment`] says what a WAN is and which [`Cause`] makes it so, [`Held`] why traffic stays,
//!   [`Rejection`] why it does not go to a WAN, [`Reason`] why it moves.
//! - [`SteeringState`] is what survives a restart.

#![forbid(unsafe_code)]

mod assessment;
mod brake;
mod compare;
mod confidence;
mod config;
mod decision;
mod dwell;
mod legacy;
mod machine;
mod names;
mod observation;
mod path;
mod routes;
mod standard;
mod state;
mod steering;

pub use assessment::{Assessment, Cause, Level, Quality};
pub use confidence::Score;
pub use config::{
    BrakeConfig, ConfidenceConfig, ConfigError, DwellTimes, EngineConfig, LegacyConfig, Limits,
    Margin, RouteConfig, StandardConfig, SteeringConfig, WanPolicy,
};
pub use decision::{
    Action, Decision, Held, MAX_REQUESTS, Outcome, Progress, Reason, Rejection, Request, RouteMode,
    Settled, Transition, Wake, WanVerdict,
};
pub use names::{ActionId, MAX_TARGETS, MAX_WANS, WanIndex};
pub use observation::{
    Observation, QueueObservation, ShaperObservation, TargetObservation, WanObservation,
};
pub use state::{LegacyState, StandardState, SteeringState, WanState};
pub use steering::Steering;
