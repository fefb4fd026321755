//! What one step decides, and why.

use core::fmt;

use serde::{Deserialize, Serialize};
use wanctl_types::{Bps, Millis, PerDirection, Zone};

use crate::config::Threshold;

/// The result of one step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[must_use]
pub struct Decision {
    /// How far the step got.
    pub outcome: Outcome,
    /// The RTT that went into the averages; `None` unless the step was completed.
    pub rtt: Option<Millis>,
    /// Idle RTT after the step.
    pub baseline: Millis,
    /// Smoothed RTT after the step.
    pub load: Millis,
    /// Zone, rate and reason of each direction.
    pub directions: PerDirection<DirectionDecision>,
}

impl Decision {
    /// Smoothed RTT above the baseline; negative when it is below.
    #[must_use]
    pub fn delta(&self) -> Millis {
        self.load - self.baseline
    }

    /// The rates to apply.
    #[must_use]
    pub fn rates(&self) -> PerDirection<Bps> {
        self.directions.map(|direction| direction.rate)
    }
}

/// How far a step got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// The averages and both rates were brought up to date.
    Completed,
    /// Nothing to measure: the rates are held on purpose.
    Frozen,
    /// Nothing to measure and no policy that covers it: the rates stay as they were.
    Failed,
}

/// What was decided for one direction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[must_use]
pub struct DirectionDecision {
    /// The zone after the step.
    pub zone: Zone,
    /// The intended rate after the step.
    pub rate: Bps,
    /// The change of zone, if there was one.
    pub transition: Option<Transition>,
    /// Why the rate did not change; `None` when it did.
    pub held: Option<Held>,
}

/// A change of zone and what caused it. Its `Display` is the text that history stores.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// The zone left.
    pub from: Zone,
    /// The zone entered.
    pub to: Zone,
    /// The cause.
    pub reason: TransitionReason,
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

/// Why a zone changed, with the numbers that decided it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TransitionReason {
    /// `delta > threshold`.
    Exceeded {
        /// Load RTT minus baseline.
        delta: Millis,
        /// Which threshold.
        limit: Limit,
        /// Its value.
        threshold: Threshold,
    },
    /// `delta <= threshold`.
    FellBelow {
        /// Load RTT minus baseline.
        delta: Millis,
        /// Which threshold.
        limit: Limit,
        /// Its value.
        threshold: Threshold,
    },
    /// The load RTT rose by more than the spike threshold within one step.
    Spike {
        /// Rise of the load RTT since the previous step.
        acceleration: Millis,
        /// The spike threshold.
        threshold: Threshold,
    },
}

impl fmt::Display for TransitionReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exceeded {
                delta,
                limit,
                threshold,
            } => write!(
                f,
                "RTT delta {delta} exceeded {limit} threshold {threshold}ms"
            ),
            Self::FellBelow {
                delta,
                limit,
                threshold,
            } => write!(
                f,
                "RTT delta {delta} fell below {limit} threshold {threshold}ms"
            ),
            Self::Spike {
                acceleration,
                threshold,
            } => write!(
                f,
                "RTT acceleration {acceleration} exceeded accel threshold {threshold}ms"
            ),
        }
    }
}

/// The thresholds of the two zone rules, by the names that reasons use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// First threshold of the 4-state rule.
    Green,
    /// Second threshold of the 4-state rule.
    SoftRed,
    /// Third threshold of the 4-state rule.
    HardRed,
    /// First threshold of the 3-state rule.
    Target,
    /// Second threshold of the 3-state rule.
    Warn,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Green => "green",
            Self::SoftRed => "soft_red",
            Self::HardRed => "hard_red",
            Self::Target => "target",
            Self::Warn => "warn",
        })
    }
}

/// Why a rate did not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Held {
    /// GREEN, but not for long enough yet.
    AwaitingGreen {
        /// GREEN steps in a row.
        streak: u32,
        /// How many are needed.
        required: u32,
    },
    /// GREEN, and already at the ceiling.
    AtCeiling,
    /// `SOFT_RED` holds the rate.
    SoftRed,
    /// A decrease was due, but the rate is already at the zone's floor.
    AtFloor,
    /// A decrease or increase was due but is smaller than one bit per second, or its factor is 1.
    NoChange,
    /// Nothing was measured in this step.
    NoMeasurement,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AwaitingGreen { streak, required } => {
                write!(
                    f,
                    "{streak} of {required} green cycles before the next increase"
                )
            }
            Self::AtCeiling => f.write_str("at the ceiling"),
            Self::SoftRed => f.write_str("SOFT_RED holds the rate"),
            Self::AtFloor => f.write_str("at the floor"),
            Self::NoChange => f.write_str("the step is too small to change the rate"),
            Self::NoMeasurement => f.write_str("no measurement in this cycle"),
        }
    }
}
