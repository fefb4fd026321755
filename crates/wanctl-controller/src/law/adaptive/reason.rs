//! Why a direction does what it does, in the words of the decision.

use wanctl_types::{Bps, Millis, Zone};

use super::lane::Sight;
use crate::{Held, Limit, Moved, Threshold, TransitionReason};

/// What one tick came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cause {
    /// Below the estimate for so long more, seconds.
    Holding {
        left: f64,
    },
    /// Below the estimate: nobody uses all of it.
    NotFilled,
    /// Below the estimate: one search at a time.
    OtherSearches,
    Searching,
    /// A search waits.
    DelayRises,
    /// Both in bit/s.
    Cut {
        delivered: f64,
        estimate: f64,
    },
    /// The queue, ms.
    Draining {
        queue: f64,
    },
    /// The queue is gone, or a test is over.
    Drained,
    Testing,
}

impl Cause {
    /// Why the rate stays.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a hold lasts a few seconds"
    )]
    pub(super) fn held(self) -> Held {
        match self {
            Self::Holding { left } => Held::HoldsEstimate {
                left_ms: (left * 1e3).max(0.0) as u32,
            },
            Self::NotFilled => Held::NotFilled,
            Self::OtherSearches => Held::OtherSearches,
            Self::DelayRises => Held::DelayRises,
            Self::Draining { .. } | Self::Cut { .. } => Held::Drains,
            Self::Testing => Held::Tests,
            Self::Searching | Self::Drained => Held::NoChange,
        }
    }

    /// Why the rate moves.
    pub(super) fn moved(self, estimate: Bps) -> Moved {
        match self {
            Self::Holding { .. } | Self::NotFilled | Self::OtherSearches => {
                Moved::Follows { estimate }
            }
            Self::Searching | Self::DelayRises => Moved::Searches { estimate },
            Self::Cut { delivered, .. } => Moved::Cuts {
                delivered: Bps::truncating(delivered),
                estimate,
            },
            Self::Draining { queue } => Moved::Drains {
                queue: Millis::saturating(queue),
            },
            Self::Drained => Moved::Returns { estimate },
            Self::Testing => Moved::Tests,
        }
    }

    /// Why the zone becomes `to`.
    pub(super) fn transition(self, to: Zone, sight: &Sight) -> TransitionReason {
        let delta = Millis::saturating(sight.delay.added);
        if let Self::Cut {
            delivered,
            estimate,
        } = self
        {
            return TransitionReason::Cut {
                delta,
                delivered: Bps::truncating(delivered),
                estimate: Bps::truncating(estimate),
            };
        }
        let (limit, threshold) = (
            Limit::Learned,
            Threshold::from_float(Millis::saturating(sight.threshold)),
        );
        match to {
            Zone::Green => TransitionReason::FellBelow {
                delta,
                limit,
                threshold,
            },
            Zone::Yellow | Zone::SoftRed | Zone::Red => TransitionReason::Exceeded {
                delta,
                limit,
                threshold,
            },
        }
    }
}
