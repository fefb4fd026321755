//! One direction: an estimate of the capacity, and the rate that is made of it.
//!
//! ```text
//!              held long enough, filled,                 suspected
//!              nobody else searches                  or a queue begins
//!      HOLD ───────────────────────────► SEARCH ──────────────┐
//!       ▲  │                                                  ▼
//!       │  └───────────── suspected ───────────────────────► DRAIN
//!       └─────────────── the queue is gone ─────────────────── ┘
//! ```
//!
//! HOLD stays just below the estimate. SEARCH goes slowly through it, and ever faster once it is
//! clearly left behind. DRAIN starts with a fresh estimate, taken from what was delivered, and goes
//! below it by as much as empties the provider's queue soon. TEST goes below the estimate to see
//! whether a delay is a queue.

mod actuation;
mod cut;
mod search;

use wanctl_types::Direction;

use super::meter::Meter;
use super::path::Delay;
use super::reason::Cause;
use crate::Held;
use actuation::Actuation;

/// HOLD, of the estimate.
const HOLD_SHARE: f64 = 0.97;
/// Time from one look at the line to the next, seconds.
const LOOK: f64 = 0.04;
/// A cut is new for so long, seconds.
const JUST: f64 = 0.16;
/// Below this part of what was carried without a queue there is none; how fast that is forgotten,
/// a second, on a line that changes all the time.
const SURE: f64 = 0.93;
const FORGET: f64 = 0.05;
/// Up to this volatility a line may be taken to be what it was a moment ago.
const ORDERLY: f64 = 0.4;
/// Most of the queue that counts for that time, ms.
const MOST_LAG: f64 = 300.0;
/// While nothing is heard, of the estimate.
const REST_SHARE: f64 = 0.9;
/// TEST, of the estimate.
pub(super) const TEST_SHARE: f64 = 0.8;
/// Time constants of that memory, up and down, seconds.
const MEMORY: f64 = 5.0;
const LONG_MEMORY: f64 = 20.0;
/// Below this, bit/s, and below this part of the first rate our own packets take so long that
/// nothing can be seen behind them.
const LEAST_RATE: f64 = 200e3;
const LEAST_SHARE: f64 = 0.05;

/// One direction's state.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    direction: Direction,
    floor: f64,
    ceiling: f64,
    /// Told to the shaper, bit/s.
    rate: f64,
    /// What the rate would be without limits, bit/s.
    wanted: f64,
    /// Of the capacity, bit/s.
    estimate: f64,
    /// The estimate of the last seconds, bit/s.
    memory: f64,
    /// The estimate of the last cut, bit/s.
    last_cut: f64,
    volatility: f64,
    /// Whether the estimate was ever seen to be true.
    is_proven: bool,
    /// The most that was lately carried without a queue, bit/s.
    carried: f64,
    /// What the line was sold with, bit/s.
    plan: f64,
    actuation: Actuation,
    /// When the estimate was last lowered, seconds.
    ordered_at: f64,
    /// The estimate that an acquittal took back, bit/s.
    taken_back: f64,
    mode: Mode,
}

/// What a direction is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mode {
    Hold {
        since: f64,
    },
    /// Tries rates above the estimate, which was `anchor` when it began, bit/s.
    Search {
        anchor: f64,
    },
    Drain {
        since: f64,
        /// No further cut before.
        next_cut: f64,
        /// The estimate to go back to if this direction proves innocent.
        before: f64,
        restore: Option<f64>,
    },
    /// Below the estimate until then, to see whether the delay is a queue.
    Test {
        until: f64,
        /// Tried meanwhile, bit/s.
        rate: f64,
    },
}

/// What all directions see in one tick.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    /// Seconds.
    pub(super) now: f64,
    /// Since the last tick, seconds.
    pub(super) step: f64,
    pub(super) delay: Delay,
    /// The part of the delay that stays from tick to tick, ms.
    pub(super) standing: f64,
    /// A delay above this is a queue, ms.
    pub(super) threshold: f64,
    /// A slope up to this is noise.
    pub(super) least_slope: f64,
    /// The idle round trip, ms.
    pub(super) idle: f64,
    /// Nobody uses the line, or it is not yet known whether anybody does.
    pub(super) is_quiet: bool,
    /// Whether both directions may have caused the delay.
    pub(super) is_shared: bool,
    /// Time from an order to its being in force, seconds.
    pub(super) actuation: f64,
    /// Whether both directions are filled.
    pub(super) is_filled_both_ways: bool,
}

/// What the law holds against a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing.
    Clear,
    /// The queue is its own.
    Suspect,
    /// The queue may be its own as well.
    Accomplice,
}

impl Lane {
    pub(super) fn new(direction: Direction, floor: f64, ceiling: f64, start: Start) -> Self {
        let least = LEAST_RATE.max(LEAST_SHARE * start.rate);
        let floor = floor.max(least).min(ceiling);
        let rate = start.rate.clamp(floor, ceiling);
        Self {
            direction,
            floor,
            ceiling,
            rate,
            wanted: rate,
            estimate: start.estimate,
            memory: start.estimate,
            last_cut: start.estimate,
            volatility: start.volatility,
            is_proven: start.is_proven,
            carried: 0.0,
            plan: start.plan,
            actuation: Actuation::new(),
            ordered_at: 0.0,
            taken_back: start.estimate,
            mode: Mode::Hold { since: 0.0 },
        }
    }

    pub(super) const fn rate(&self) -> f64 {
        self.rate
    }

    pub(super) const fn estimate(&self) -> f64 {
        self.estimate
    }

    pub(super) const fn volatility(&self) -> f64 {
        self.volatility
    }

    pub(super) const fn is_proven(&self) -> bool {
        self.is_proven
    }

    /// Time from an order to its being in force, seconds.
    pub(super) const fn actuation(&self) -> f64 {
        self.actuation.learned()
    }

    pub(super) const fn ordered_at(&self) -> f64 {
        self.ordered_at
    }

    pub(super) const fn mode(&self) -> Mode {
        self.mode
    }

    /// The limit that keeps the rate where it is.
    pub(super) fn limit(&self) -> Option<Held> {
        if self.wanted > self.ceiling && self.rate >= self.ceiling {
            Some(Held::AtCeiling)
        } else if self.wanted < self.floor && self.rate <= self.floor {
            Some(Held::AtFloor)
        } else {
            None
        }
    }

    /// Whether it tries rates that may be too high.
    pub(super) fn is_searching(&self) -> bool {
        matches!(self.mode, Mode::Search { .. })
    }

    /// Whether the provider's queue must have been emptied by now, if it is this direction's.
    pub(super) fn is_settled(&self, sight: &Sight) -> bool {
        match self.mode {
            Mode::Hold { since } => sight.now - since > 0.5,
            Mode::Search { .. } | Mode::Drain { .. } | Mode::Test { .. } => false,
        }
    }

    /// Whether it was cut within the last ticks.
    pub(super) fn was_just_cut(&self, now: f64) -> bool {
        matches!(self.mode, Mode::Drain { since, .. } if now - since < JUST)
    }

    /// Whether it holds a rate well below what it lately carried without a queue.
    pub(super) fn is_surely_below(&self) -> bool {
        matches!(self.mode, Mode::Hold { .. })
            && self.rate < SURE * self.carried
            && self.volatility < ORDERLY
    }

    /// Whether it searches at a rate at which it may have found the end.
    pub(super) fn is_near_the_end(&self) -> bool {
        self.is_searching() && self.rate > 0.985 * self.estimate
    }

    /// One tick. `is_free` says that the other direction does not search.
    pub(super) fn step(
        &mut self,
        sight: &Sight,
        meter: &Meter,
        verdict: Verdict,
        is_free: bool,
    ) -> Cause {
        if meter.is_saturated() && !matches!(self.mode, Mode::Drain { .. }) {
            let time = if self.estimate > self.memory {
                MEMORY
            } else {
                LONG_MEMORY
            };
            let weight = (sight.step / time).min(1.0);
            self.memory += weight * (self.estimate - self.memory);
        }
        self.learn_proven(sight, meter);
        let before = self.rate;
        let (cause, wanted) = match (self.mode, verdict) {
            (Mode::Hold { .. } | Mode::Search { .. } | Mode::Test { .. }, Verdict::Suspect)
            | (Mode::Test { .. }, Verdict::Accomplice) => self.cut(sight, meter),
            (Mode::Hold { .. } | Mode::Search { .. }, Verdict::Accomplice) => {
                self.cut_as_accomplice(sight, meter)
            }
            (Mode::Hold { since }, Verdict::Clear) => self.hold(since, sight, meter, is_free),
            (Mode::Search { anchor }, Verdict::Clear) => self.search(anchor, sight, meter),
            (Mode::Test { until, rate }, Verdict::Clear) => self.test(until, rate, sight),
            (
                Mode::Drain {
                    next_cut, restore, ..
                },
                Verdict::Clear | Verdict::Suspect | Verdict::Accomplice,
            ) => self.drain(next_cut, restore, sight, meter, verdict),
        };
        self.wanted = wanted;
        self.rate = self.bounded(wanted, before, sight);
        self.actuation.observe(before, self.rate, sight.now, meter);
        cause
    }

    /// Goes below the estimate until `until`.
    pub(super) fn begin_test(&mut self, until: f64, meter: &Meter) {
        if let Mode::Drain { restore, .. } = self.mode {
            self.estimate = restore.unwrap_or(self.estimate);
        }
        let carried = if meter.is_known() {
            meter.delivered().min(self.estimate)
        } else {
            self.estimate
        };
        self.mode = Mode::Test {
            until,
            rate: TEST_SHARE * carried,
        };
    }

    /// Nothing is heard while the line goes on: a little below what it is known to carry.
    pub(super) fn rest(&mut self, now: f64) {
        self.mode = Mode::Hold { since: now };
        self.rate = (REST_SHARE * self.estimate).clamp(self.floor, self.ceiling);
    }

    /// What is carried without a queue can be carried.
    fn learn_proven(&mut self, sight: &Sight, meter: &Meter) {
        self.carried *= 1.0 - FORGET * (0.2 + self.volatility) * sight.step;
        let is_clean = sight.delay.added < 0.5 * sight.threshold
            && sight.delay.before < 0.5 * sight.threshold
            && sight.delay.slope <= sight.least_slope;
        if is_clean && !matches!(self.mode, Mode::Drain { .. }) {
            let proven = meter.delivered().min(self.rate);
            self.estimate = self.estimate.max(proven);
            self.is_proven |= proven > 0.9 * self.estimate;
            self.carried = self.carried.max(proven);
        }
    }

    /// It proved innocent: back to what it was before it was cut.
    pub(super) fn acquit(&mut self, now: f64) {
        if let Mode::Drain { before, .. } = self.mode {
            self.taken_back = self.estimate;
            self.estimate = before;
            self.mode = Mode::Hold { since: now };
        }
    }

    /// It was acquitted too soon.
    pub(super) fn convict(&mut self, sight: &Sight) {
        let before = self.estimate;
        self.estimate = self.estimate.min(self.taken_back);
        self.begin_drain(sight, before, None);
    }

    /// Never out of bounds, and never up while there is a queue.
    fn bounded(&self, wanted: f64, before: f64, sight: &Sight) -> f64 {
        let most = if sight.delay.added > sight.threshold {
            before
        } else {
            self.ceiling
        };
        wanted.min(most).clamp(self.floor, self.ceiling)
    }

    fn test(&mut self, until: f64, rate: f64, sight: &Sight) -> (Cause, f64) {
        if sight.now >= until {
            self.mode = Mode::Hold { since: sight.now };
            return (Cause::Drained, HOLD_SHARE * self.estimate);
        }
        (Cause::Testing, rate)
    }
}

/// Where a direction begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    pub(super) rate: f64,
    pub(super) estimate: f64,
    pub(super) volatility: f64,
    pub(super) is_proven: bool,
    pub(super) plan: f64,
}

/// Time from an order to the first sign of it in the delay, seconds.
pub(super) fn lag(sight: &Sight) -> f64 {
    LOOK + sight.actuation + (sight.idle + sight.delay.added.clamp(0.0, MOST_LAG)) / 1e3
}
