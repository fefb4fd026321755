//! Delays and differences of delays.

use core::fmt;
use core::ops::{Add, Neg, Sub};
use core::time::Duration;

use serde::{Deserialize, Serialize};

/// A delay, or a difference of two delays, in milliseconds. Finite; may be negative.
///
/// Control arithmetic is done in `f64` because the reference controller does it so, and because
/// differences go below zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Millis(f64);

impl Millis {
    /// No delay.
    pub const ZERO: Self = Self(0.0);

    /// Wraps a finite number of milliseconds; `None` for NaN and the infinities.
    #[must_use]
    pub const fn new(ms: f64) -> Option<Self> {
        if ms.is_finite() { Some(Self(ms)) } else { None }
    }

    /// The number nearest to `ms` that is finite: NaN becomes zero, an infinity the largest
    /// value of its sign.
    #[must_use]
    pub const fn saturating(ms: f64) -> Self {
        if ms.is_nan() {
            Self(0.0)
        } else {
            Self(ms.clamp(f64::MIN, f64::MAX))
        }
    }

    /// The plain number of milliseconds.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }

    /// Converts a duration, exact to the nanosecond up to about 104 days.
    #[must_use]
    pub fn from_duration(duration: Duration) -> Self {
        Self(duration.as_secs_f64() * 1_000.0)
    }

    /// Converts to a duration; a negative delay becomes zero.
    #[must_use]
    pub fn to_duration(self) -> Duration {
        Duration::try_from_secs_f64(self.0.max(0.0) / 1_000.0).unwrap_or(Duration::MAX)
    }
}

impl Add for Millis {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self::saturating(self.0 + other.0)
    }
}

impl Sub for Millis {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self::saturating(self.0 - other.0)
    }
}

impl Neg for Millis {
    type Output = Self;

    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl TryFrom<f64> for Millis {
    type Error = NotFinite;

    fn try_from(ms: f64) -> Result<Self, NotFinite> {
        Self::new(ms).ok_or(NotFinite)
    }
}

impl From<Millis> for f64 {
    fn from(ms: Millis) -> Self {
        ms.0
    }
}

/// One decimal and the unit, `25.3ms`.
impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1}ms", self.0)
    }
}

/// A delay that is NaN or infinite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a delay in milliseconds must be a finite number")]
pub struct NotFinite;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_and_infinities_are_refused() {
        assert_eq!(Millis::new(f64::NAN), None);
        assert_eq!(Millis::new(f64::INFINITY), None);
        assert_eq!(Millis::new(f64::NEG_INFINITY), None);
    }

    #[test]
    fn arithmetic_stays_finite() {
        let huge = Millis(f64::MAX);
        assert!((huge + huge).get().is_finite());
        assert!((-huge - huge).get().is_finite());
        assert_eq!(Millis::saturating(f64::NAN), Millis::ZERO);
    }

    #[test]
    fn one_decimal_is_printed_and_the_sign_of_zero_kept() {
        assert_eq!(Millis(25.34).to_string(), "25.3ms");
        assert_eq!(Millis(-0.04).to_string(), "-0.0ms");
    }

    #[test]
    fn a_negative_delay_is_no_duration() {
        assert_eq!(Millis(-3.0).to_duration(), Duration::ZERO);
        assert_eq!(Millis(1.5).to_duration(), Duration::from_micros(1_500));
        assert_eq!(
            Millis::from_duration(Duration::from_micros(250)),
            Millis(0.25)
        );
    }
}
