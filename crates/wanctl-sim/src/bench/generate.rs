//! Lines made from seeds: capacity and base delay, one value per [`LINE_BIN`].
//!
//! ```text
//!   Wander (who follows whom)  ──►  Marginal (how often which rate)  ──►  outages, dips  ──►  bins
//!   a sum of AR(1) processes        quantiles of a measured line
//!   with several memories
//! ```
//!
//! A line that wanders is made in two parts that are fitted one by one. A `Wander` is a normal
//! process of mean 0 and variance 1 whose autocorrelation is a sum of exponentials; a
//! `Marginal` turns its values into rates, so that each rate is as frequent as on the line it
//! is modelled on. What neither can show is added: outages (Markov), reallocations on a fixed
//! grid, the sag of an evening.

mod cellular;
mod dice;
mod docsis;
mod figures;
mod marginal;
mod radio;
mod series;
mod starlink;
mod steady;
mod wander;

pub use cellular::{
    five_g_driving, five_g_stationary, lte_driving, lte_driving_with_outages, lte_stationary,
    lte_walking,
};
pub use docsis::docsis_evening;
pub use figures::Figures;
pub use series::{Series, Upstream};
pub use starlink::starlink;
pub use steady::{dsl, fixed, steps};

pub(super) use dice::{Dice, stream};

use std::time::Duration;

use super::LINE_BIN;

/// How many bins cover `length`; at least one.
pub(super) fn bins_of(length: Duration) -> usize {
    let bins = length.as_millis().div_ceil(LINE_BIN.as_millis()).max(1);
    usize::try_from(bins).unwrap_or(usize::MAX)
}

/// Seconds in one bin.
const BIN_SECONDS: f64 = 0.1;

#[cfg(test)]
mod tests;
