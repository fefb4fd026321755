//! The state file: what one WAN's controller must not forget over a restart.
//!
//! The layout is the one the Python wanctl writes and its steering daemon reads, plus the object
//! `wanctl` for what is ours.

mod image;
mod keeper;
mod restore;
mod store;

pub(crate) use image::local_time;
pub use image::{StateImage, StateProblem};
pub(crate) use keeper::StateKeeper;
pub use restore::{RestoreNote, Restored, restore};
pub(crate) use store::replace;
pub use store::{FileStore, LoadError};
