//! The steering daemon: every WAN is probed, one decision a cycle, the router does what was decided.
//!
//! One loop holds the decision and waits for nothing: probes leave on absolute deadlines, the
//! router is talked to by a task of its own, and so is the disk. An order that is under way is a
//! state of the decision, not a pause of the loop.

mod actuator;
mod daemon;
mod explain;
mod health;
mod path;
mod queue;
mod run;
mod state;
mod tape;
mod view;
mod world;

pub use daemon::{SteerDaemon, SteerEnded, SteerError, SteerOptions};
pub use explain::{Explained, Explanation};
pub use tape::{SteerReplay, SteerReplayError, replay_steering};
pub use view::{SteerCounters, SteerView};
pub use world::SteerWorld;
