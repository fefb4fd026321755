//! Filters over delay samples.
//!
//! Each filter is plain arithmetic: no clock, no I/O, no allocation, and no input that makes it
//! panic or turn into NaN. Time constants are the caller's business.
//!
//! ```
//! use wanctl_signal::{Ewma, median};
//! use wanctl_types::Millis;
//!
//! let mut answers = [31.0, 24.0, 26.0].map(Millis::saturating);
//! let rtt = median(&mut answers).unwrap_or(Millis::ZERO);
//!
//! let mut load = Ewma::new(Millis::saturating(25.0), 0.5);
//! assert_eq!(load.update(rtt), Millis::saturating(25.5));
//! ```
//!
//! - [`Ewma`] smooths a stream of samples.
//! - [`median()`] makes one sample of several.
//! - [`Window`] keeps the newest values of a stream and knows their quantiles.

#![forbid(unsafe_code)]

mod ewma;
mod median;
mod window;

pub use ewma::Ewma;
pub use median::median;
pub use window::Window;
