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
    /// Why the adaptive law changed the rate; `None` when it did not. Under the reference law the
    /// zone says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<Moved>,
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
    /// A queue at the provider: the adaptive law takes the capacity to be less than it thought.
    Cut {
        /// Load RTT minus baseline.
        delta: Millis,
        /// What was delivered in the quarter of a second before.
        delivered: Bps,
        /// The estimate of the capacity from now on.
        estimate: Bps,
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
            Self::Cut {
                delta,
                delivered,
                estimate,
            } => write!(
                f,
                "RTT delta {delta} is a queue: {:.1} Mbit/s delivered, capacity taken for {:.1} Mbit/s",
                delivered.as_mbps(),
                estimate.as_mbps()
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
    /// What the adaptive law has learned to be more than noise.
    Learned,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Green => "green",
            Self::SoftRed => "soft_red",
            Self::HardRed => "hard_red",
            Self::Target => "target",
            Self::Warn => "warn",
            Self::Learned => "learned",
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
    /// The adaptive law stays just below its estimate of the capacity before it looks for more.
    HoldsEstimate {
        /// For so long, milliseconds.
        left_ms: u32,
    },
    /// The adaptive law would look for more, but the rate is not used up.
    NotFilled,
    /// The adaptive law would look for more, but the other direction does so already.
    OtherSearches,
    /// The adaptive law would look for more, but delay rises.
    DelayRises,
    /// The adaptive law waits for the provider's queue to empty.
    Drains,
    /// The adaptive law waits to see whether a delay is a queue.
    Tests,
}

/// Why the adaptive law changed a rate. The law is described in the project's `docs/control.md`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Moved {
    /// Follows the estimate of the capacity.
    Follows {
        /// That estimate.
        estimate: Bps,
    },
    /// Looks for capacity above the estimate.
    Searches {
        /// That estimate.
        estimate: Bps,
    },
    /// A queue at the provider: the estimate was lowered, and the rate goes below it to empty it.
    Cuts {
        /// What was delivered in the quarter of a second before.
        delivered: Bps,
        /// The estimate from now on.
        estimate: Bps,
    },
    /// Goes on emptying the provider's queue.
    Drains {
        /// How long that queue is.
        queue: Millis,
    },
    /// The queue is gone.
    Returns {
        /// The estimate it returns to.
        estimate: Bps,
    },
    /// Sends less for a moment, to see whether a delay is a queue or a longer path.
    Tests,
    /// Nothing answers although traffic goes on: a little below the estimate.
    Rests,
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Follows { estimate } => {
                write!(
                    f,
                    "follows the capacity of {:.1} Mbit/s",
                    estimate.as_mbps()
                )
            }
            Self::Searches { estimate } => {
                write!(f, "looks for more than {:.1} Mbit/s", estimate.as_mbps())
            }
            Self::Cuts {
                delivered,
                estimate,
            } => write!(
                f,
                "a queue at the provider: {:.1} Mbit/s delivered, capacity taken for {:.1} Mbit/s",
                delivered.as_mbps(),
                estimate.as_mbps()
            ),
            Self::Drains { queue } => write!(f, "empties a queue of {queue}"),
            Self::Returns { estimate } => {
                write!(
                    f,
                    "the queue is gone: back to {:.1} Mbit/s",
                    estimate.as_mbps()
                )
            }
            Self::Tests => f.write_str("sends less to see whether the delay is a queue"),
            Self::Rests => f.write_str("nothing answers: a little below the capacity"),
        }
    }
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
            Self::HoldsEstimate { left_ms } => {
                write!(f, "just below the capacity for {left_ms} ms more")
            }
            Self::NotFilled => f.write_str("the rate is not used up"),
            Self::OtherSearches => f.write_str("the other direction looks for more"),
            Self::DelayRises => f.write_str("delay rises"),
            Self::Drains => f.write_str("the provider's queue is emptied"),
            Self::Tests => f.write_str("waits to see whether the delay is a queue"),
        }
    }
}
