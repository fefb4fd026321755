//! A queue at the provider: how much the line carries then, and how the queue is emptied.

use wanctl_types::Direction;

use super::super::meter::Meter;
use super::super::reason::Cause;
use super::{HOLD_SHARE, Lane, Mode, Sight, Verdict, lag};

/// Time in which a drain empties the queue, ms.
const DRAIN_TIME: f64 = 200.0;
/// A drain never goes below this part of the estimate.
const DRAIN_LEAST: f64 = 0.35;
/// A download that may only get less because uploads delay its acknowledgements is not cut
/// further than this.
const SHARED_CUT: f64 = 0.88;
/// Time in which what a cut does can be told from noise, seconds.
const ANSWER: f64 = 0.05;
/// A single cut never goes below this part of what is remembered of the estimate.
const MOST_CUT: f64 = 0.1;
/// Weight of a new cut in the volatility.
const VOLATILITY_WEIGHT: f64 = 0.3;
/// A change of the estimate from cut to cut by this much, in natural logarithms, is full
/// volatility.
const VOLATILE: f64 = 0.12;
/// A change by no more than this is none, in natural logarithms.
const STEADY: f64 = 0.03;
/// A queue no longer than the threshold cannot mean less than this part of the estimate, one no
/// longer than twice the threshold not less than that.
const SHORT_QUEUE: f64 = 0.99;
const MEDIUM_QUEUE: f64 = 0.96;
/// A direction that is only possibly to blame is not cut further than this.
const ACCOMPLICE: f64 = 0.9;
/// A download that our shaper holds back is not cut further than this.
const BOUND_CUT: f64 = 0.85;
/// A second cut goes no further than this, and one for a queue that hardly falls only so far.
const AGAIN: f64 = 0.9;
const SLIGHTLY: f64 = 0.97;
/// A queue stands that does not fall faster than this, ms per ms; one that falls slower than that
/// hardly falls.
const STANDING: f64 = -0.01;
const BARELY_FALLING: f64 = -0.006;
/// A cut to less than this part is a new order.
const NEWS: f64 = 0.98;
/// A queue is gone below this part of the threshold, and emptied down to that part of it.
const GONE: f64 = 0.7;
const KEPT: f64 = 0.3;
/// Part of the way back to the remembered estimate after a dip, on a line that changes all the time.
const RETURN: f64 = 0.5;
/// What is sent now is what was sent within the last readings, seconds.
const LAST: f64 = 0.3;
/// Without counters the slope is taken for at least this.
const BLIND_SLOPE: f64 = 0.03;

impl Lane {
    pub(super) fn cut(&mut self, sight: &Sight, meter: &Meter) -> (Cause, f64) {
        let before = self.estimate;
        let estimate = self
            .limited(self.estimated(sight, meter))
            .max(clean_share(sight) * before);
        let noise = STEADY.max(sight.least_slope);
        let change = ((estimate / self.last_cut).ln().abs() - noise).max(0.0) / VOLATILE;
        self.volatility += VOLATILITY_WEIGHT * (change.min(1.0) - self.volatility);
        self.last_cut = estimate;
        self.estimate = estimate;
        if meter.is_known() && !self.is_proven {
            self.is_proven = true;
            self.memory = estimate;
        }
        self.begin_drain(sight, before, None);
        let cause = Cause::Cut {
            delivered: meter.delivered(),
            estimate,
        };
        (cause, self.draining(sight))
    }

    pub(super) fn cut_as_accomplice(&mut self, sight: &Sight, meter: &Meter) -> (Cause, f64) {
        let before = self.estimate;
        let estimate = self
            .limited(self.estimated(sight, meter))
            .max(ACCOMPLICE * self.estimate);
        self.estimate = estimate.min(before);
        self.begin_drain(sight, before, Some(before));
        let cause = Cause::Cut {
            delivered: meter.delivered(),
            estimate,
        };
        (cause, self.draining(sight))
    }

    pub(super) fn begin_drain(&mut self, sight: &Sight, before: f64, restore: Option<f64>) {
        self.ordered_at = sight.now;
        self.mode = Mode::Drain {
            since: sight.now,
            next_cut: sight.now + lag(sight) + ANSWER,
            before,
            restore,
        };
    }

    /// What the line carries, by what is seen at the moment of a cut.
    fn estimated(&self, sight: &Sight, meter: &Meter) -> f64 {
        let slope = sight.delay.slope;
        let known = self.rate.min(self.estimate);
        if !meter.is_known() {
            return known / (1.0 + slope.clamp(BLIND_SLOPE, 1.0));
        }
        match self.direction {
            // While the provider's queue is not empty, what leaves it *is* the capacity.
            Direction::Download if !meter.is_bound() && sight.is_shared && !meter.is_level() => {
                meter.delivered().max(SHARED_CUT * known)
            }
            Direction::Download if !meter.is_bound() => {
                let span = 0.25 + 1.5 * (self.volatility - 0.5).max(0.0);
                meter.delivered().max(meter.delivered_over(span))
            }
            Direction::Download => {
                let proven = meter.newest().min(meter.delivered());
                (known / (1.0 + slope.clamp(0.0, 0.5)))
                    .max(BOUND_CUT * known)
                    .max(proven)
            }
            // What we send is what goes into the queue; it grows by the excess.
            Direction::Upload => meter.delivered() / (1.0 + slope.clamp(-0.2, 1.5)),
        }
    }

    fn limited(&self, estimate: f64) -> f64 {
        let least = MOST_CUT * self.memory.min(self.estimate);
        estimate.min(self.rate).max(least).max(self.floor)
    }

    fn draining(&self, sight: &Sight) -> f64 {
        let queue = (sight.delay.added - KEPT * sight.threshold).max(0.0);
        self.estimate * (HOLD_SHARE - queue / DRAIN_TIME).max(DRAIN_LEAST)
    }

    pub(super) fn drain(
        &mut self,
        next_cut: f64,
        restore: Option<f64>,
        sight: &Sight,
        meter: &Meter,
        verdict: Verdict,
    ) -> (Cause, f64) {
        let delay = &sight.delay;
        if sight.standing < GONE * sight.threshold {
            self.recover(restore, sight.now);
            return (Cause::Drained, HOLD_SHARE * self.estimate);
        }
        if verdict != Verdict::Clear {
            self.cut_further(next_cut, sight, meter);
        }
        let cause = Cause::Draining { queue: delay.added };
        (cause, self.draining(sight))
    }

    /// The first estimate was too high: lowers it, at most once in the time that it takes to see
    /// what the last one did.
    fn cut_further(&mut self, next_cut: f64, sight: &Sight, meter: &Meter) {
        let delay = &sight.delay;
        let before = self.estimate;
        let is_unbound_download = self.direction == Direction::Download
            && meter.is_known()
            && !meter.is_bound()
            && (!sight.is_shared || meter.is_level());
        let shown = meter.delivered();
        if is_unbound_download && delay.added > 3.0 * sight.threshold {
            self.lower(shown);
        }
        if self.direction == Direction::Upload
            && sight.now < next_cut
            && meter.is_known()
            && delay.slope > sight.least_slope
        {
            let most = meter.most_over(LAST);
            self.lower(most / (1.0 + delay.slope.clamp(0.0, 3.0)));
        }
        if self.estimate < NEWS * before {
            self.ordered_at = sight.now;
        }
        if sight.now < next_cut {
            return;
        }
        if is_unbound_download {
            if delay.slope > STANDING {
                self.lower(shown);
            }
        } else if delay.slope > STANDING && delay.added > 1.5 * sight.threshold {
            let shown = if meter.is_known() {
                shown
            } else {
                self.estimate
            };
            self.lower((shown / (1.0 + delay.slope.clamp(0.0, 1.0))).max(AGAIN * before));
        } else if delay.slope > BARELY_FALLING {
            self.lower(SLIGHTLY * before);
        }
        if self.estimate < before
            && let Mode::Drain { next_cut, .. } = &mut self.mode
        {
            *next_cut = sight.now + lag(sight) + ANSWER;
        }
        if self.estimate < NEWS * before {
            self.ordered_at = sight.now;
        }
    }

    fn lower(&mut self, estimate: f64) {
        let least = (MOST_CUT * self.memory).max(self.floor);
        self.estimate = self.estimate.min(estimate.max(least));
    }

    /// The queue is gone. On a line that changes all the time, a dip is not the new normal.
    fn recover(&mut self, restore: Option<f64>, now: f64) {
        self.estimate = restore.unwrap_or(self.estimate);
        if self.volatility > 0.4 && self.estimate < self.memory {
            let weight = RETURN * self.wildness();
            self.estimate += weight * (self.memory - self.estimate);
        }
        self.mode = Mode::Hold { since: now };
    }
}

/// How much of the estimate cannot be too much, going by how long the queue is: it was held without
/// one until just now.
fn clean_share(sight: &Sight) -> f64 {
    if sight.standing <= sight.threshold {
        SHORT_QUEUE
    } else if sight.standing <= 2.0 * sight.threshold {
        MEDIUM_QUEUE
    } else {
        0.0
    }
}
