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
//! below it by as much as empties the provider's queue in [`DRAIN_TIME`].

use wanctl_types::Direction;

use super::meter::Meter;
use super::path::Delay;
use super::reason::Cause;

/// HOLD, of the estimate.
const HOLD_SHARE: f64 = 0.97;
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
/// Time in which a drain empties the queue, ms.
const DRAIN_TIME: f64 = 200.0;
/// A drain never goes below this part of the estimate.
const DRAIN_LEAST: f64 = 0.35;
/// Time from one look at the line to the next, seconds.
const LOOK: f64 = 0.04;
/// Time from an order to its being in force before anything is known of it, its bounds, seconds,
/// and the weight of a new observation.
const ACTUATION: f64 = 0.08;
const LEAST_ACTUATION: f64 = 0.03;
const MOST_ACTUATION: f64 = 0.6;
const ACTUATION_WEIGHT: f64 = 0.25;
/// An order that lowers the rate to less than this part shows when it is in force.
const VISIBLE: f64 = 0.92;
/// A cut is new for so long, seconds.
const JUST: f64 = 0.16;
/// Below this part of what was carried without a queue there is none; how fast that is forgotten,
/// a second, on a line that changes all the time.
const SURE: f64 = 0.93;
const FORGET: f64 = 0.05;
/// Up to this volatility a line may be taken to be what it was a moment ago.
const ORDERLY: f64 = 0.4;
/// A download that may only get less because uploads delay its acknowledgements is not cut
/// further than this.
const SHARED_CUT: f64 = 0.88;
/// Time in which what a cut does can be told from noise, seconds.
const ANSWER: f64 = 0.05;
/// Most of the queue that counts for that time, ms.
const MOST_LAG: f64 = 300.0;
/// A single cut never goes below this part of what is remembered of the estimate.
const MOST_CUT: f64 = 0.1;
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
/// While nothing is heard, of the estimate.
const REST_SHARE: f64 = 0.9;
/// Growth a second where nobody counts what is carried, up to the plan.
const BLIND_GROWTH: f64 = 0.01;
/// TEST, of the estimate.
pub(super) const TEST_SHARE: f64 = 0.8;
/// A search goes on while this part of the rate was used within the last two seconds.
const SEARCH_USE: f64 = 0.9;
/// Time constants of that memory, up and down, seconds.
const MEMORY: f64 = 5.0;
const LONG_MEMORY: f64 = 20.0;
/// Below this, bit/s, and below this part of the first rate our own packets take so long that
/// nothing can be seen behind them.
const LEAST_RATE: f64 = 200e3;
const LEAST_SHARE: f64 = 0.05;
/// Weight of a new cut in the volatility.
const VOLATILITY_WEIGHT: f64 = 0.3;
/// A change of the estimate from cut to cut by this much, in natural logarithms, is full
/// volatility.
const VOLATILE: f64 = 0.12;
/// A change by no more than this is none, in natural logarithms.
const STEADY: f64 = 0.03;
/// What a tick of being dragged up adds to the volatility, of what is missing to 1.
const DRAGGED: f64 = 0.02;
/// The rate may leave the estimate behind by this factor before the estimate follows.
const AHEAD: f64 = 1.25;
/// A search that our shaper does not bind ends at this multiple of what is delivered.
const UNBOUND: f64 = 1.08;

/// One direction's state.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    direction: Direction,
    floor: f64,
    ceiling: f64,
    /// Told to the shaper, bit/s.
    rate: f64,
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
    /// Time from an order to its being in force, seconds.
    actuation: f64,
    /// When an order was given that is not yet seen to be in force, and the rate at which it is.
    pending: Option<(f64, f64)>,
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
            estimate: start.estimate,
            memory: start.estimate,
            last_cut: start.estimate,
            volatility: start.volatility,
            is_proven: start.is_proven,
            carried: 0.0,
            plan: start.plan,
            actuation: ACTUATION,
            pending: None,
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

    pub(super) const fn actuation(&self) -> f64 {
        self.actuation
    }

    pub(super) const fn ordered_at(&self) -> f64 {
        self.ordered_at
    }

    pub(super) const fn mode(&self) -> Mode {
        self.mode
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
            (Mode::Hold { .. } | Mode::Search { .. }, Verdict::Suspect) => self.cut(sight, meter),
            (Mode::Hold { .. } | Mode::Search { .. }, Verdict::Accomplice) => {
                self.cut_as_accomplice(sight, meter)
            }
            (Mode::Hold { since }, Verdict::Clear) => self.hold(since, sight, meter, is_free),
            (Mode::Search { anchor }, Verdict::Clear) => self.search(anchor, sight, meter),
            (Mode::Test { .. }, Verdict::Suspect | Verdict::Accomplice) => self.cut(sight, meter),
            (Mode::Test { until, rate }, Verdict::Clear) => self.test(until, rate, sight),
            (
                Mode::Drain {
                    next_cut, restore, ..
                },
                Verdict::Clear | Verdict::Suspect | Verdict::Accomplice,
            ) => self.drain(next_cut, restore, sight, meter, verdict),
        };
        self.rate = self.bounded(wanted, before, sight);
        self.learn_actuation(before, sight.now, meter);
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

    /// What leaves our shaper shows when an order is in force.
    fn learn_actuation(&mut self, before: f64, now: f64, meter: &Meter) {
        if let Some((since, rate)) = self.pending {
            if let Some(at) = meter.newest_at().filter(|at| *at > since)
                && meter.newest() <= rate
            {
                let seen = (at - since).clamp(LEAST_ACTUATION, MOST_ACTUATION);
                self.actuation += ACTUATION_WEIGHT * (seen - self.actuation);
                self.pending = None;
            } else if now - since > 2.0 * MOST_ACTUATION {
                self.pending = None;
            }
        } else if self.rate < VISIBLE * before && meter.is_bound() {
            self.pending = Some((now, f64::midpoint(self.rate, before)));
        }
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

    fn hold(
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
        (Cause::SearchBegins, self.rate)
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

    fn test(&mut self, until: f64, rate: f64, sight: &Sight) -> (Cause, f64) {
        if sight.now >= until {
            self.mode = Mode::Hold { since: sight.now };
            return (Cause::Drained, HOLD_SHARE * self.estimate);
        }
        (Cause::Testing, rate)
    }

    fn search(&mut self, anchor: f64, sight: &Sight, meter: &Meter) -> (Cause, f64) {
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
        let careful = if sight.is_filled_both_ways { CAREFUL } else { 1.0 };
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
    fn wildness(&self) -> f64 {
        ((self.volatility - 0.4) / 0.6).max(0.0)
    }

    fn cut(&mut self, sight: &Sight, meter: &Meter) -> (Cause, f64) {
        let before = self.estimate;
        let estimate = self
            .limited(self.estimated(sight, meter))
            .max(self.clean_share(sight) * before);
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
            before,
        };
        (cause, self.draining(sight))
    }

    /// How much of the estimate cannot be too much, going by how long the queue is: it was held
    /// without one until just now.
    fn clean_share(&self, sight: &Sight) -> f64 {
        if sight.standing <= sight.threshold {
            0.99
        } else if sight.standing <= 2.0 * sight.threshold {
            0.96
        } else {
            0.0
        }
    }

    fn cut_as_accomplice(&mut self, sight: &Sight, meter: &Meter) -> (Cause, f64) {
        let before = self.estimate;
        let estimate = self
            .limited(self.estimated(sight, meter))
            .max(0.9 * self.estimate);
        self.estimate = estimate.min(before);
        self.begin_drain(sight, before, Some(before));
        let cause = Cause::Cut {
            delivered: meter.delivered(),
            estimate,
            before,
        };
        (cause, self.draining(sight))
    }

    fn begin_drain(&mut self, sight: &Sight, before: f64, restore: Option<f64>) {
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
            return known / (1.0 + slope.clamp(0.03, 1.0));
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
                    .max(0.85 * known)
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
        let queue = (sight.delay.added - 0.3 * sight.threshold).max(0.0);
        self.estimate * (HOLD_SHARE - queue / DRAIN_TIME).max(DRAIN_LEAST)
    }

    fn drain(
        &mut self,
        next_cut: f64,
        restore: Option<f64>,
        sight: &Sight,
        meter: &Meter,
        verdict: Verdict,
    ) -> (Cause, f64) {
        let delay = &sight.delay;
        if sight.standing < 0.7 * sight.threshold {
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
            let most = meter.most_over(0.3);
            self.lower(most / (1.0 + delay.slope.clamp(0.0, 3.0)));
        }
        if self.estimate < 0.98 * before {
            self.ordered_at = sight.now;
        }
        if sight.now < next_cut {
            return;
        }
        if is_unbound_download {
            if delay.slope > -0.01 {
                self.lower(shown);
            }
        } else if delay.slope > -0.01 && delay.added > 1.5 * sight.threshold {
            let shown = if meter.is_known() {
                shown
            } else {
                self.estimate
            };
            self.lower((shown / (1.0 + delay.slope.clamp(0.0, 1.0))).max(0.9 * before));
        } else if delay.slope > -0.006 {
            self.lower(0.97 * before);
        }
        if self.estimate < before
            && let Mode::Drain { next_cut, .. } = &mut self.mode
        {
            *next_cut = sight.now + lag(sight) + ANSWER;
        }
        if self.estimate < 0.98 * before {
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
            let weight = 0.5 * self.wildness();
            self.estimate += weight * (self.memory - self.estimate);
        }
        self.mode = Mode::Hold { since: now };
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
