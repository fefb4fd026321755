//! Rates and sizes.

use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

/// Bits per second in a megabit per second (decimal).
const BITS_PER_MEGABIT: f64 = 1_000_000.0;

/// A rate in whole bits per second.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Bps(u64);

impl Bps {
    /// No traffic.
    pub const ZERO: Self = Self(0);

    /// Wraps a number of bits per second.
    #[must_use]
    pub const fn new(bits_per_second: u64) -> Self {
        Self(bits_per_second)
    }

    /// Whole decimal megabits per second.
    #[must_use]
    pub const fn from_mbps(megabits_per_second: u64) -> Self {
        Self(megabits_per_second.saturating_mul(1_000_000))
    }

    /// The plain number of bits per second.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Decimal megabits per second.
    #[must_use]
    pub fn as_mbps(self) -> f64 {
        self.as_f64() / BITS_PER_MEGABIT
    }

    /// Bits per second as a float; exact below 2^53.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "no link reaches 2^53 bit/s")]
    pub const fn as_f64(self) -> f64 {
        self.0 as f64
    }

    /// Truncates a float towards zero; NaN and negative numbers become zero.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float-to-integer cast saturates"
    )]
    pub const fn truncating(bits_per_second: f64) -> Self {
        Self(bits_per_second as u64)
    }
}

/// Megabits with one decimal, `940.0 Mbit/s`.
impl fmt::Display for Bps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} Mbit/s", self.as_mbps())
    }
}

/// A configured rate (floor, ceiling or step) in bits per second: finite and not negative.
///
/// It may carry a fraction: 33.3 Mbit/s is 33299999.999999996 bit/s, and the reference controller
/// clamps against that value before it truncates.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct RateBound(f64);

impl RateBound {
    /// Wraps bits per second.
    ///
    /// # Errors
    ///
    /// [`RateBoundError`] for NaN, an infinity or a negative number.
    pub fn new(bits_per_second: f64) -> Result<Self, RateBoundError> {
        if bits_per_second.is_finite() && bits_per_second >= 0.0 {
            Ok(Self(bits_per_second))
        } else {
            Err(RateBoundError)
        }
    }

    /// Decimal megabits per second, multiplied by 1,000,000 in floating point.
    ///
    /// # Errors
    ///
    /// As [`RateBound::new`].
    pub fn from_mbps(megabits_per_second: f64) -> Result<Self, RateBoundError> {
        Self::new(megabits_per_second * BITS_PER_MEGABIT)
    }

    /// The plain number of bits per second.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }

    /// The whole bits per second below or at this bound.
    #[must_use]
    pub const fn truncate(self) -> Bps {
        Bps::truncating(self.0)
    }
}

impl TryFrom<f64> for RateBound {
    type Error = RateBoundError;

    fn try_from(bits_per_second: f64) -> Result<Self, RateBoundError> {
        Self::new(bits_per_second)
    }
}

impl From<RateBound> for f64 {
    fn from(bound: RateBound) -> Self {
        bound.0
    }
}

impl fmt::Display for RateBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.truncate().fmt(f)
    }
}

/// A configured rate that is NaN, infinite or negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a rate must be a finite number of bits per second, zero or more")]
pub struct RateBoundError;

/// A number of bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Bytes(u64);

impl Bytes {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Wraps a number of bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The plain number of bytes.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The mean rate of so many bytes in `duration`; `None` when no time passed.
    #[must_use]
    pub fn per(self, duration: Duration) -> Option<Bps> {
        let nanos = duration.as_nanos();
        let bits = u128::from(self.0).saturating_mul(8 * 1_000_000_000);
        let rate = bits.checked_div(nanos)?;
        Some(Bps(u64::try_from(rate).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_keeps_its_fraction_until_it_is_truncated() {
        let bound = RateBound::from_mbps(33.3).unwrap();
        assert!(bound.get() < 33_300_000.0);
        assert_eq!(bound.truncate(), Bps::new(33_299_999));
    }

    #[test]
    fn bounds_are_finite_and_not_negative() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0] {
            assert_eq!(RateBound::new(bad), Err(RateBoundError));
        }
    }

    #[test]
    fn truncation_is_total() {
        assert_eq!(Bps::truncating(f64::NAN), Bps::ZERO);
        assert_eq!(Bps::truncating(-5.0), Bps::ZERO);
        assert_eq!(Bps::truncating(1.9), Bps::new(1));
        assert_eq!(Bps::truncating(f64::INFINITY), Bps::new(u64::MAX));
    }

    #[test]
    fn bytes_over_time_are_a_rate() {
        let second = Duration::from_secs(1);
        assert_eq!(Bytes::new(1_000_000).per(second), Some(Bps::from_mbps(8)));
        assert_eq!(Bytes::new(1).per(Duration::ZERO), None);
        assert_eq!(
            Bytes::new(u64::MAX).per(Duration::from_nanos(1)),
            Some(Bps::new(u64::MAX))
        );
    }
}
