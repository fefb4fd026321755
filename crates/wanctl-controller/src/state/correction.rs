//! What of a stored state was not believed, in words.

use core::fmt;

use wanctl_types::{Bps, Direction, Millis, RateBound};

/// Something in a stored state that was not believed. Its `Display` says what, why and what was
/// used instead.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Correction {
    /// A rate below the red floor was raised to it.
    RateBelowFloor {
        /// Which rate.
        direction: Direction,
        /// What was stored.
        found: RateBound,
        /// What is used.
        floor: RateBound,
    },
    /// A rate above the ceiling was lowered to it.
    RateAboveCeiling {
        /// Which rate.
        direction: Direction,
        /// What was stored.
        found: RateBound,
        /// What is used.
        ceiling: RateBound,
    },
    /// A baseline outside its bounds was brought to the nearer one.
    BaselineOutOfBounds {
        /// What was stored.
        found: Millis,
        /// What is used.
        bound: Millis,
    },
    /// A load RTT that cannot have been measured was replaced.
    Load {
        /// Of which step.
        kind: LoadKind,
        /// What was stored.
        found: Millis,
        /// What is used.
        used: Millis,
    },
    /// A counter higher than it can have counted was lowered.
    Counter {
        /// Which counter.
        counter: Counter,
        /// What was stored.
        found: u32,
        /// What is used.
        used: u32,
    },
    /// An estimate of the capacity that the limits put out of reach was brought to the nearer one.
    Estimate {
        /// Of which direction.
        direction: Direction,
        /// What was stored.
        found: Bps,
        /// What is used.
        used: Bps,
    },
    /// A volatility outside 0 to 1 was brought to the nearer one; one that is no number is 0.
    Volatility {
        /// Of which direction.
        direction: Direction,
        /// What was stored.
        found: f64,
        /// What is used.
        used: f64,
    },
    /// Noise that no line has was forgotten.
    Noise {
        /// What was stored.
        found: Millis,
    },
    /// The idle RTT of a reflector that cannot have been measured was forgotten.
    ReflectorBaseline {
        /// Its place in the list of reflectors, from 0.
        reflector: usize,
        /// What was stored.
        found: Millis,
    },
}

impl fmt::Display for Correction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RateBelowFloor {
                direction,
                found,
                floor,
            } => write!(
                f,
                "stored {direction} rate {found} is below the lowest floor; using {floor}"
            ),
            Self::RateAboveCeiling {
                direction,
                found,
                ceiling,
            } => write!(
                f,
                "stored {direction} rate {found} is above the ceiling; using {ceiling}"
            ),
            Self::BaselineOutOfBounds { found, bound } => write!(
                f,
                "stored baseline RTT {found} is outside the configured bounds; using {bound}"
            ),
            Self::Load { kind, found, used } => write!(
                f,
                "stored {kind} {found} cannot have been measured; using {used}"
            ),
            Self::Counter {
                counter,
                found,
                used,
            } => write!(
                f,
                "stored {counter} of {found} is higher than it can be; using {used}"
            ),
            Self::Estimate {
                direction,
                found,
                used,
            } => write!(
                f,
                "stored {direction} capacity {found} is out of reach of the limits; using {used}"
            ),
            Self::Volatility {
                direction,
                found,
                used,
            } => write!(
                f,
                "stored {direction} volatility {found} is not between 0 and 1; using {used}"
            ),
            Self::Noise { found } => write!(
                f,
                "stored noise {found} cannot have been measured; it is learned anew"
            ),
            Self::ReflectorBaseline { reflector, found } => write!(
                f,
                "stored idle RTT {found} of reflector {} cannot have been measured; it is learned \
                 anew",
                reflector + 1
            ),
        }
    }
}

/// The load RTTs of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadKind {
    /// Of the last step.
    Current,
    /// Of the step before it.
    Previous,
}

impl fmt::Display for LoadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Current => "load RTT",
            Self::Previous => "previous load RTT",
        })
    }
}

/// The counters of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// GREEN steps in a row.
    Green(Direction),
    /// `SOFT_RED` steps in a row.
    SoftRed(Direction),
    /// RED steps in a row.
    Red(Direction),
    /// Silent steps in a row.
    Outage,
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Green(direction) => write!(f, "{direction} green streak"),
            Self::SoftRed(direction) => write!(f, "{direction} soft-red streak"),
            Self::Red(direction) => write!(f, "{direction} red streak"),
            Self::Outage => f.write_str("count of silent cycles"),
        }
    }
}
