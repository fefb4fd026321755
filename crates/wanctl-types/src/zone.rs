//! Congestion zones.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

/// How congested one direction of one WAN is, in ascending order.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Zone {
    /// At or below the target: the rate may rise.
    #[default]
    Green,
    /// Above the target: the rate decays gently.
    Yellow,
    /// Above the warning threshold: the rate is held (download only).
    SoftRed,
    /// Above the hard limit: the rate is cut.
    Red,
}

impl Zone {
    /// All zones, best first.
    pub const ALL: [Self; 4] = [Self::Green, Self::Yellow, Self::SoftRed, Self::Red];

    /// The code that the history stores: 0 to 3.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Green => 0,
            Self::Yellow => 1,
            Self::SoftRed => 2,
            Self::Red => 3,
        }
    }

    /// The zone of a code; `None` above 3.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Green),
            1 => Some(Self::Yellow),
            2 => Some(Self::SoftRed),
            3 => Some(Self::Red),
            _ => None,
        }
    }

    /// The name in state files, health answers and logs, `SOFT_RED`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Green => "GREEN",
            Self::Yellow => "YELLOW",
            Self::SoftRed => "SOFT_RED",
            Self::Red => "RED",
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(text: &str) -> Result<Self, UnknownZone> {
        Self::ALL
            .into_iter()
            .find(|zone| zone.as_str() == text)
            .ok_or_else(|| UnknownZone(text.to_owned()))
    }
}

/// A text that names no zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no zone; expected GREEN, YELLOW, SOFT_RED or RED")]
pub struct UnknownZone(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_round_trip() {
        for (code, zone) in (0..).zip(Zone::ALL) {
            assert_eq!(zone.code(), code);
            assert_eq!(Zone::from_code(code), Some(zone));
            assert_eq!(zone.as_str().parse(), Ok(zone));
        }
        assert_eq!(Zone::from_code(4), None);
        assert!("green".parse::<Zone>().is_err());
    }

    #[test]
    fn zones_ascend_with_congestion() {
        assert!(Zone::ALL.is_sorted());
    }
}
