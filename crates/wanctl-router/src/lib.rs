//! Rate actuation for wanctl: the port to whatever shapes the traffic, and `RouterOS` behind it.
//!
//! A decision passes the [`WriteGuard`], which drops or defers what is not worth wearing flash
//! memory for; what remains goes to a [`Backend`], which says per direction what really happened.
//!
//! ```
//! use wanctl_router::{BudgetConfig, Verdict, WriteGuard};
//! use wanctl_types::{Bps, PerDirection, Timestamp};
//!
//! let mut guard = WriteGuard::new(BudgetConfig::default());
//! let intended = PerDirection::new(Bps::from_mbps(200), Bps::from_mbps(40));
//! let applied = PerDirection::new(Some(Bps::from_mbps(940)), Some(Bps::from_mbps(40)));
//!
//! // Only the direction that changed is written, and a decrease never waits.
//! let verdict = guard.next(Timestamp::ZERO, intended, applied);
//! assert_eq!(verdict, Verdict::Write(PerDirection::new(Some(Bps::from_mbps(200)), None)));
//! ```
//!
//! - Ports: [`Backend`] for rates; [`SteeringRouter`], made of [`MangleRules`] and [`Routes`], for
//!   steering. [`CounterTracker`] turns a queue's [`Counters`] into what happened between readings.
//! - RouterOS over its REST interface: [`RouterOsRest`], described by [`RouterOsConfig`].
//! - Policy: [`WriteGuard`] and its [`BudgetConfig`]; [`Reachability`], when to ask again after a
//!   [`Failure`].
//! - Failures: [`Error`], which names the [`Operation`] and answers how to go on.

mod backend;
mod config;
mod counters;
mod error;
mod guard;
mod operation;
mod reachability;
mod routeros;
mod rules;
mod steering;

pub use backend::{
    Applied, Backend, Capabilities, Counters, Limits, Observed, Outcome, QueueCounters,
};
pub use config::{RouterOsConfig, Scheme, TlsTrust};
pub use counters::{CounterTracker, Interval, QueueInterval};
pub use error::{ConnectFailure, Error};
pub use guard::{BudgetConfig, Verdict, WriteGuard};
pub use operation::Operation;
pub use reachability::{Failure, Permit, Reachability};
pub use routeros::RouterOsRest;
pub use rules::{MangleRule, MangleRules, RuleChange};
pub use steering::{Rival, Route, RouteChange, Routes, SteeringRouter};
