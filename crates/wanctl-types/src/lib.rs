//! Units and nouns shared by every crate of wanctl.
//!
//! Rates, delays, points in time, directions, zones and names are types here, so that a number
//! never loses its unit on the way from a packet to a database row. No I/O, no clock, no policy.
//!
//! ```
//! use wanctl_types::{Bps, Direction, Millis, PerDirection};
//!
//! let limits = PerDirection::new(Bps::from_mbps(940), Bps::from_mbps(40));
//! assert_eq!(limits[Direction::Upload].to_string(), "40.0 Mbit/s");
//! assert_eq!(Millis::new(25.34).map(|ms| ms.to_string()), Some("25.3ms".to_owned()));
//! ```
//!
//! - Quantities: [`Bps`], [`RateBound`], [`Bytes`], [`Millis`].
//! - Time: [`Timestamp`] for control, [`WallTime`] for records.
//! - Nouns: [`Direction`], [`PerDirection`], [`Zone`], [`WanName`], [`QueueName`].

mod delay;
mod direction;
mod name;
mod quantity;
mod time;
mod zone;

pub use delay::{Millis, NotFinite};
pub use direction::{Direction, PerDirection};
pub use name::{NameError, QueueName, WanName};
pub use quantity::{Bps, Bytes, RateBound, RateBoundError};
pub use time::{Timestamp, WallTime};
pub use zone::{UnknownZone, Zone};
