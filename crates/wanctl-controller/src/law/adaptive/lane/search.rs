//! HOLD and SEARCH: how long a rate is kept, and how it grows.

use super::super::meter::Meter;
use super::super::reason::Cause;
use super::{HOLD_SHARE, Lane, Mode, Sight};

/// How long HOLD lasts on a line that changes all the time, seconds, and how much longer on one
/// that never does.
const HOLD_LEAST: f64 = 0.05;
const HOLD_MORE: f64 = 2.0;
/// Where both directions are filled each looks for more less often, so that together they do it no
/// more often than one alone.
const SHARED_HOLD: f64 = 3.5;
const CALM: f64 = 0.35;
/// Their searches go so much slower: each has the noise of both to tell its own queue from.
const CAREFUL: f64 = 0.6;
/// Growth of the rate a second: far below what is known and far beyond it, on the way to it, and
/// past it, where it is slow between these parts of the estimate and ever faster after them.
const FAST: f64 = 1.4;
const WILD_FAST: f64 = 2.6;
const APPROACH: f64 = 0.15;
const SLOW: f64 = 0.03;
const NEAR: f64 = 0.985;
const BEYOND: f64 = 1.025;
const ACCELERATION: f64 = 14.0;
/// A search ends at this part of the threshold where the line is calm, and at so much more of it
/// where it is not.
const BEGINS: f64 = 0.35;
const WILD_BEGINS: f64 = 0.17;
/// A search is ahead of what has come into force by no more than this factor, and by so much more
/// on a line that changes all the time.
const LEAD: f64 = 1.12;
const WILD_LEAD: f64 = 0.4;
/// Growth a second where nobody counts what is carried, up to the plan.
const BLIND_GROWTH: f64 = 0.01;
/// A search goes on while this part of the rate was used within the last two seconds.
const SEARCH_USE: f64 = 0.9;
/// What a tick of being dragged up adds to the volatility, of what is missing to 1.
const DRAGGED: f64 = 0.02;
/// The rate may leave the estimate behind by this factor before the estimate follows.
const AHEAD: f64 = 1.25;
/// A search that our shaper does not bind ends at this multiple of what is delivered.
const UNBOUND: f64 = 1.08;

impl Lane {
    pub(super) fn hold(
        &mut self,
        since: f64,
        sight: &Sight,
        meter: &Meter,
        is_free: bool,
    ) -> (Cause, f64) {
        let is_alone = !sight.is_filled_both_ways;
        let rate = HOLD_SHARE * self.estimate;
        let shared = if is_alone {
            1.0
        } else {
            1.0 + SHARED_HOLD * self.calm()
        };
        let steady = (1.0 - self.volatility) * (1.0 - 0.4 * self.volatility);
        let long = HOLD_LEAST + HOLD_MORE * shared * steady;
        let held = sight.now - since;
        if held < long {
            let left = long - held;
            return (Cause::Holding { left }, rate);
        }
        if !meter.is_known() {
            return self.hold_blindly(sight);
        }
        if !meter.is_saturated() {
            return (Cause::NotFilled, rate);
        }
        if !is_free {
            return (Cause::OtherSearches, rate);
        }
        self.mode = Mode::Search {
            anchor: self.estimate,
        };
        (Cause::Searching, self.rate)
    }

    /// Without counters nobody knows whether the line is filled: it goes back to the plan, slowly,
    /// and never beyond.
    fn hold_blindly(&mut self, sight: &Sight) -> (Cause, f64) {
        if sight.delay.added < 0.5 * sight.threshold && self.estimate < self.plan {
            self.estimate = (self.estimate * (1.0 + BLIND_GROWTH * sight.step)).min(self.plan);
            return (Cause::Searching, HOLD_SHARE * self.estimate);
        }
        (Cause::NotFilled, HOLD_SHARE * self.estimate)
    }

    pub(super) fn search(&mut self, anchor: f64, sight: &Sight, meter: &Meter) -> (Cause, f64) {
        let delay = &sight.delay;
        let part = BEGINS + WILD_BEGINS * (1.0 - self.calm());
        let queue_begins = sight.standing > part * sight.threshold
            && delay.added > (part + 0.1) * sight.threshold
            && delay.slope > sight.least_slope;
        if queue_begins && self.is_near_the_end() && meter.is_busy() {
            return self.cut(sight, meter);
        }
        if !meter.is_saturated() {
            if meter.used() > SEARCH_USE {
                return (Cause::NotFilled, self.rate);
            }
            self.mode = Mode::Hold { since: sight.now };
            return (Cause::NotFilled, self.rate.min(self.estimate));
        }
        if sight.standing > 0.6 * sight.threshold && delay.slope > 0.0 {
            return (Cause::DelayRises, self.rate);
        }
        let ahead = self.rate / anchor;
        let careful = if sight.is_filled_both_ways {
            CAREFUL
        } else {
            1.0
        };
        let growth = careful * self.growth(ahead);
        let mut rate = self.rate * (1.0 + growth * sight.step);
        if meter.is_known() && !meter.is_bound() {
            rate = rate.min((UNBOUND * meter.delivered()).max(HOLD_SHARE * self.estimate));
        }
        if meter.is_known() && meter.is_bound() {
            // No further than what has come into force lets it.
            let lead = LEAD + WILD_LEAD * self.wildness();
            rate = rate.min(lead * meter.newest()).max(self.rate);
        }
        let rate = rate.min(self.ceiling);
        if rate > AHEAD * anchor {
            self.estimate = self.estimate.max(rate / AHEAD);
            self.volatility += DRAGGED * (1.0 - self.volatility);
        }
        (Cause::Searching, rate)
    }

    /// Growth a second, of the rate.
    fn growth(&self, ahead: f64) -> f64 {
        let far_below = self.volatility > 0.35 && self.rate < 0.85 * self.memory;
        let fast = FAST + WILD_FAST * self.wildness();
        if ahead < 0.95 || far_below {
            return fast;
        }
        let slow = SLOW + 0.4 * self.volatility + 0.6 * self.wildness();
        if ahead < NEAR {
            slow.max(APPROACH)
        } else if ahead < BEYOND {
            slow
        } else {
            (slow + ACCELERATION * (ahead - BEYOND)).min(fast)
        }
    }

    /// How close to a line that never changes this one is, 0 to 1.
    fn calm(&self) -> f64 {
        (1.0 - self.volatility / CALM).max(0.0)
    }

    /// How far beyond an ordinary line this one is, 0 to 1.
    pub(super) fn wildness(&self) -> f64 {
        ((self.volatility - 0.4) / 0.6).max(0.0)
    }
}
