//! Amounts of traffic, exact on the grid of one millisecond.

use wanctl_types::{Bps, Bytes};

/// Units in one byte: a rate of 1 bit/s carries one unit in one step of 1 ms.
const UNITS_PER_BYTE: u64 = 8 * 1_000;

/// An amount of traffic in thousandths of a bit.
///
/// A rate in bit/s is the volume of one step, with nothing rounded: that is why bytes are
/// conserved exactly. A volume divided by a rate is a time in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Volume(u64);

impl Volume {
    pub(crate) const ZERO: Self = Self(0);

    /// What `rate` carries in one step.
    pub(crate) const fn per_step(rate: Bps) -> Self {
        Self(rate.get())
    }

    pub(crate) const fn from_bytes(bytes: Bytes) -> Self {
        Self(bytes.get().saturating_mul(UNITS_PER_BYTE))
    }

    /// Rounds down; NaN and negative numbers become nothing.
    pub(crate) const fn truncating(units: f64) -> Self {
        Self(Bps::truncating(units).get())
    }

    /// Whole bytes, rounded down.
    pub(crate) const fn bytes(self) -> Bytes {
        Bytes::new(self.0 / UNITS_PER_BYTE)
    }

    pub(crate) const fn as_f64(self) -> f64 {
        Bps::new(self.0).as_f64()
    }

    /// How many milliseconds `rate` takes to carry this; infinite for a rate of zero.
    pub(crate) fn millis_at(self, rate: Bps) -> f64 {
        if self.0 == 0 {
            0.0
        } else {
            self.as_f64() / rate.as_f64()
        }
    }

    pub(crate) const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    pub(crate) const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}
