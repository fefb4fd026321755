//! What one step came to.

use core::fmt;
use core::time::Duration;

use arrayvec::ArrayVec;
use serde::{Deserialize, Serialize};
use wanctl_types::{Millis, Timestamp};

use crate::{ActionId, Assessment, Cause, Level, MAX_WANS, Score, WanIndex};

/// Most requests of one step: one move of eligible traffic, and one route of each WAN.
pub const MAX_REQUESTS: usize = MAX_WANS + 1;

/// One decision. Fixed size; copying it allocates nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Decision {
    /// Whether there was anything to decide on.
    pub outcome: Outcome,
    /// How the WAN in normal use does.
    pub level: Level,
    /// Its round trip in this cycle: what was measured, not smoothed.
    pub rtt: Option<Millis>,
    /// Its idle round trip.
    pub baseline: Option<Millis>,
    /// The first above the second, at least zero.
    pub delta: Option<Millis>,
    /// Where eligible traffic goes, as far as the router has confirmed.
    pub active: WanIndex,
    /// Whether a request to move it is on its way.
    pub moving: bool,
    /// What the router shall do now.
    pub requests: ArrayVec<Request, MAX_REQUESTS>,
    /// Why eligible traffic stays where it is; `None` when it shall move.
    pub held: Option<Held>,
    /// How sure it is that the WAN in normal use is bad.
    pub score: Score,
    /// Progress toward a move, in samples (`legacy`) or milliseconds (`standard`).
    pub progress: Progress,
    /// Every WAN.
    pub wans: ArrayVec<WanVerdict, MAX_WANS>,
    /// When to look again before the next cycle, and why.
    pub wake: Option<(Timestamp, Wake)>,
}

/// Whether there was anything to decide on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// There was.
    Completed,
    /// The WAN in normal use was not measured: nothing is decided, nothing is believed.
    Blind,
}

/// Progress toward a move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// How far the present WAN is toward being left for being bad.
    pub bad: u64,
    /// How far the WAN in normal use is toward being good again.
    pub good: u64,
}

/// How one WAN was judged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WanVerdict {
    /// What it is.
    pub assessment: Assessment,
    /// Why traffic does not move to it; `None` for the one in use and for one that it could move to.
    pub rejected: Option<Rejection>,
    /// What became of its default route.
    pub route: RouteMode,
}

/// What became of a WAN's default route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteMode {
    /// It is not ours to move.
    #[default]
    Unmanaged,
    /// At its own distance.
    Normal,
    /// On its way behind the others.
    Demoting,
    /// Behind the others.
    Demoted,
    /// On its way back.
    Restoring,
}

/// Something the router shall do. Whatever becomes of it must be told to
/// [`Steering::settle`](crate::Steering::settle).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Which request this is.
    pub id: ActionId,
    /// What shall be done.
    pub action: Action,
    /// Why.
    pub reason: Reason,
}

/// What shall be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// Eligible traffic shall leave the one WAN for the other: the rule of the second is switched
    /// on, then that of the first off. The WAN in normal use has no rule.
    Move {
        /// Where it goes now.
        from: WanIndex,
        /// Where it shall go.
        to: WanIndex,
    },
    /// The default route through this WAN shall stand behind the others.
    Demote(WanIndex),
    /// It shall stand where it stood.
    Restore(WanIndex),
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Move { from, to } => write!(f, "move eligible traffic from {from} to {to}"),
            Self::Demote(wan) => write!(f, "demote the default route of {wan}"),
            Self::Restore(wan) => write!(f, "restore the default route of {wan}"),
        }
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settled {
    /// The router has done it and was read back.
    Applied,
    /// It has not, or nobody knows.
    Refused,
}

/// Eligible traffic has moved.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// The WAN it left.
    pub from: WanIndex,
    /// The WAN it goes through now.
    pub to: WanIndex,
    /// Why.
    pub reason: Reason,
}

/// Why something shall be done, with the numbers that decided it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// Nothing comes through.
    Down {
        /// For how long.
        silent: Duration,
    },
    /// A limit has been exceeded for long enough.
    Congested {
        /// Which.
        cause: Cause,
        /// For how long.
        lasted: Duration,
    },
    /// The score has been high enough for long enough.
    Confident {
        /// The score.
        score: f64,
        /// What is needed.
        threshold: f64,
    },
    /// The WAN in normal use is good again.
    Recovered {
        /// For how long.
        lasted: Duration,
    },
    /// It is no worse any more than the one in use.
    NotWorse {
        /// Its cost.
        cost: Millis,
        /// That of the one in use.
        other: Millis,
    },
    /// So many bad samples in a row.
    BadSamples {
        /// How many.
        count: u32,
    },
    /// So many good samples in a row.
    GoodSamples {
        /// How many.
        count: u32,
    },
    /// It answers again.
    Answers {
        /// For how long.
        lasted: Duration,
    },
    /// An operator asked for it.
    Operator,
}

impl Reason {
    /// A word that never changes, for labels.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Down { .. } => "down",
            Self::Congested { cause, .. } => match cause {
                Cause::Delay { .. } => "delay",
                Cause::Loss { .. } => "loss",
                Cause::Jitter { .. } => "jitter",
                Cause::Queue { .. } => "queue",
            },
            Self::Confident { .. } => "confidence",
            Self::Recovered { .. } => "recovered",
            Self::NotWorse { .. } => "not_worse",
            Self::BadSamples { .. } => "bad_samples",
            Self::GoodSamples { .. } => "good_samples",
            Self::Answers { .. } => "answers",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down { silent } => write!(f, "silent for {:.1} s", silent.as_secs_f64()),
            Self::Congested { cause, lasted } => {
                write!(f, "{cause} for {:.1} s", lasted.as_secs_f64())
            }
            Self::Confident { score, threshold } => {
                write!(f, "score {score:.0} at or above {threshold:.0}")
            }
            Self::Recovered { lasted } => write!(f, "good for {:.1} s", lasted.as_secs_f64()),
            Self::NotWorse { cost, other } => {
                write!(f, "cost {cost} is no more than {other} of the WAN in use")
            }
            Self::BadSamples { count } => write!(f, "{count} bad samples in a row"),
            Self::GoodSamples { count } => write!(f, "{count} good samples in a row"),
            Self::Answers { lasted } => write!(f, "answers for {:.1} s", lasted.as_secs_f64()),
            Self::Operator => f.write_str("asked for by an operator"),
        }
    }
}

/// Why eligible traffic stays where it is, and with it what would move it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Held {
    /// The WAN in use is good enough.
    Calm,
    /// The WAN in normal use is not measured.
    Blind,
    /// It is bad, but not yet for long enough.
    Confirming {
        /// For how long.
        lasted: Duration,
        /// How long it takes.
        needed: Duration,
    },
    /// The shaper can still lower its rate.
    ShaperCanHelp {
        /// For how long it has been bad.
        lasted: Duration,
        /// How long the shaper is given.
        patience: Duration,
    },
    /// No other WAN is usable and better by the margin.
    NoBetterWan,
    /// Traffic has moved not long ago.
    HoldDown {
        /// Until then it stays.
        until: Timestamp,
    },
    /// The WAN in normal use is good, but not yet for long enough.
    Recovering {
        /// For how long.
        lasted: Duration,
        /// How long it takes.
        needed: Duration,
    },
    /// The WAN in normal use is not good.
    NotRecovered,
    /// A request is on its way.
    InFlight {
        /// Since when.
        since: Timestamp,
    },
    /// The router refused; it is asked again then.
    Retrying {
        /// When.
        at: Timestamp,
    },
    /// Samples in a row are counted.
    Counting {
        /// How many there are.
        count: u32,
        /// How many it takes.
        needed: u32,
    },
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = Duration::as_secs_f64;
        match self {
            Self::Calm => f.write_str("the WAN in use is good enough"),
            Self::Blind => f.write_str("the WAN in normal use is not measured"),
            Self::Confirming { lasted, needed } => {
                write!(f, "bad for {:.1} s of {:.1} s", s(lasted), s(needed))
            }
            Self::ShaperCanHelp { lasted, patience } => write!(
                f,
                "the shaper can still lower its rate; bad for {:.1} s, it is given {:.1} s",
                s(lasted),
                s(patience)
            ),
            Self::NoBetterWan => f.write_str("no other WAN is usable and better by the margin"),
            Self::HoldDown { until } => write!(f, "moved not long ago; stays until {until}"),
            Self::Recovering { lasted, needed } => {
                write!(f, "good again for {:.1} s of {:.1} s", s(lasted), s(needed))
            }
            Self::NotRecovered => f.write_str("the WAN in normal use is not good yet"),
            Self::InFlight { since } => write!(f, "a request is on its way since {since}"),
            Self::Retrying { at } => write!(f, "the router refused; asked again at {at}"),
            Self::Counting { count, needed } => write!(f, "{count} samples of {needed}"),
        }
    }
}

/// Why traffic does not move to a WAN.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rejection {
    /// No rule sends traffic there.
    NoRule,
    /// It is not known how it does.
    Unknown,
    /// Nothing comes through.
    Down,
    /// It answers by name, but has been silent for so long that it may be down as well.
    Silent {
        /// For how long.
        silent: Duration,
    },
    /// It is congested itself.
    Congested,
    /// It is not better by the margin.
    NotBetter {
        /// Its cost.
        cost: Millis,
        /// What it may cost at most.
        most: Millis,
    },
    /// Another one is chosen.
    Outranked,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRule => f.write_str("no rule sends traffic there"),
            Self::Unknown => f.write_str("not measured"),
            Self::Down => f.write_str("down"),
            Self::Silent { silent } => {
                write!(
                    f,
                    "may be down too, silent for {:.1} s",
                    silent.as_secs_f64()
                )
            }
            Self::Congested => f.write_str("congested itself"),
            Self::NotBetter { cost, most } => write!(f, "costs {cost}, may cost {most} at most"),
            Self::Outranked => f.write_str("another one is chosen"),
        }
    }
}

/// Why a look before the next cycle is worth while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Wake {
    /// Without another answer a WAN is down by then.
    Silence(WanIndex),
    /// A WAN that is silent has been so for long enough to demote its route.
    RouteDown(WanIndex),
    /// Something has lasted for long enough.
    Dwell,
    /// The router may be asked again.
    Retry,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_print_their_numbers() {
        let reason = Reason::Congested {
            cause: Cause::Delay {
                found: Millis::saturating(83.21),
                limit: Millis::saturating(15.0),
            },
            lasted: Duration::from_millis(4_250),
        };
        assert_eq!(reason.to_string(), "delay 83.2ms above 15.0ms for 4.2 s");
        assert_eq!(reason.code(), "delay");
    }

    #[test]
    fn what_holds_says_what_would_move() {
        let held = Held::Confirming {
            lasted: Duration::from_secs(1),
            needed: Duration::from_secs(4),
        };
        assert_eq!(held.to_string(), "bad for 1.0 s of 4.0 s");
    }
}
