//! The adaptive law: a capacity estimate per direction, kept apart from the shaper's rate.

mod episode;
mod lane;
mod meter;
mod own;
mod path;
mod reason;

use wanctl_types::{Bps, Direction, Millis, PerDirection, RateBound, Timestamp, Zone};

use crate::{
    AdaptiveState, ControllerConfig, ControllerState, Decision, DirectionDecision, Held,
    LearnedCapacity, Moved, Observation, Outcome, QueueState, Transition,
};
use episode::{Episodes, Finding};
use lane::{Lane, Mode, Sight, Start, Verdict};
use meter::Meter;
use own::OwnDelay;
use path::{Path, Setting};
use reason::Cause;

/// The first rate, of the plan: what is not yet known is not yet trusted.
const START_SHARE: f64 = 0.8;
/// The first rate, of the estimate.
const HOLD_SHARE: f64 = 0.97;
/// The volatility before anything is known.
const FIRST_VOLATILITY: f64 = 0.5;
/// Less than this part of rate and peak is next to nothing.
const QUIET: f64 = 0.12;
/// Quiet must last so long before it counts, seconds.
const QUIET_FOR: f64 = 0.5;
/// A start is taken for quiet for so long, seconds.
const QUIET_START: f64 = 2.0;
/// Part of the rate above which a direction can be the cause of a queue.
const LOADED: f64 = 0.3;
/// Up to this many thresholds a delay can be our own.
const OBVIOUS: f64 = 3.0;
/// A full packet, bits.
const PACKET: f64 = 12_000.0;
/// Share of the volatility above one half in the threshold, ms.
const VOLATILE_MARGIN: f64 = 20.0;
/// Longest time between two ticks that is believed, seconds.
const LONGEST_STEP: f64 = 0.5;
/// Nothing answers for so long: there is nothing to decide on, seconds.
const SILENCE: f64 = 1.0;
/// Nothing answers for so long although traffic goes on, seconds.
const REST_AFTER: f64 = 5.0;

/// See the chapter on this law in `docs/control.md`.
#[derive(Clone, Debug)]
pub(crate) struct AdaptiveLaw {
    lanes: PerDirection<Lane>,
    meters: PerDirection<Meter>,
    path: Path,
    episodes: Episodes,
    started: Option<f64>,
    last: f64,
    quiet_since: Option<f64>,
    rates: PerDirection<Bps>,
    zones: PerDirection<Zone>,
    shown: Shown,
    outage_cycles: u32,
    own: OwnDelay,
}

/// Delays as they are shown and stored.
#[derive(Clone, Copy, Debug)]
struct Shown {
    baseline: Millis,
    load: Millis,
    previous_load: Millis,
}

impl AdaptiveLaw {
    pub(crate) fn new(config: &ControllerConfig, state: &ControllerState) -> Self {
        let learned = state.adaptive;
        let lanes = PerDirection::from_fn(|direction| {
            let queue = &config.queues[direction];
            let plan = queue.plan.unwrap_or(queue.ceiling).get();
            let start = match learned.map(|learned| learned.directions[direction]) {
                Some(learned) if learned.estimate > Bps::ZERO => Start {
                    rate: state.queues[direction].rate.get(),
                    estimate: learned.estimate.as_f64(),
                    volatility: learned.volatility.clamp(0.0, 1.0),
                    is_proven: true,
                    plan,
                },
                Some(_) | None => Start {
                    rate: START_SHARE * plan,
                    estimate: (START_SHARE * plan / HOLD_SHARE).max(queue.floors.red.get()),
                    volatility: FIRST_VOLATILITY,
                    is_proven: false,
                    plan,
                },
            };
            Lane::new(
                direction,
                queue.floors.red.get(),
                queue.ceiling.get(),
                start,
            )
        });
        let baselines = learned.map_or([None; crate::MAX_REFLECTORS], |learned| {
            learned.baselines.map(|baseline| baseline.map(Millis::get))
        });
        let threshold = learned
            .map(|learned| learned.noise.get())
            .filter(|t| *t > 0.0);
        Self {
            rates: lanes.as_ref().map(|lane| Bps::truncating(lane.rate())),
            lanes,
            meters: PerDirection::default(),
            path: Path::new(&baselines, threshold),
            episodes: Episodes::default(),
            started: None,
            last: 0.0,
            quiet_since: None,
            zones: state.queues.map(|queue| queue.last_zone),
            shown: Shown {
                baseline: state.baseline,
                load: state.load,
                previous_load: state.previous_load,
            },
            outage_cycles: state.outage_cycles,
            own: OwnDelay::default(),
        }
    }

    pub(crate) fn step(&mut self, now: Timestamp, observation: &Observation) -> Decision {
        let now = now.since_origin().as_secs_f64();
        let started = *self.started.get_or_insert(now);
        let step = (now - self.last).clamp(0.001, LONGEST_STEP);
        self.last = now;
        for direction in Direction::BOTH {
            let rate = self.lanes[direction].rate();
            self.meters[direction].observe(now, step, &observation.link[direction], rate);
        }
        let is_quiet = self.is_quiet(now, started);
        let setting = Setting {
            is_quiet,
            is_loaded: Direction::BOTH
                .iter()
                .any(|d| self.meters[*d].used() > LOADED),
            step,
        };
        let delay = self.path.observe(now, &observation.reflectors, setting);
        if delay.is_unheard || delay.silent_for > SILENCE {
            if delay.silent_for > REST_AFTER {
                self.rest(now);
            }
            return self.silent();
        }
        let threshold = self.threshold(step);
        let sight = Sight {
            now,
            step,
            delay,
            standing: self.path.least_of(self.own.ticks(self.path.threshold())),
            threshold,
            least_slope: self.path.least_slope().max(self.own.slope()),
            idle: self.path.baseline().unwrap_or(0.0),
            is_quiet,
            is_shared: self.episodes.is_shared(),
            is_filled_both_ways: Direction::BOTH
                .iter()
                .all(|d| self.meters[*d].is_saturated()),
            actuation: f64::max(
                self.lanes.download.actuation(),
                self.lanes.upload.actuation(),
            ),
        };
        self.decide(&sight)
    }

    pub(crate) fn state(&self) -> ControllerState {
        let queue = |direction: Direction| QueueState {
            rate: RateBound::new(self.lanes[direction].rate()).unwrap_or_default(),
            green_streak: 0,
            soft_red_streak: 0,
            red_streak: 0,
            last_zone: self.zones[direction],
        };
        ControllerState {
            queues: PerDirection::from_fn(queue),
            baseline: self.shown.baseline,
            load: self.shown.load,
            previous_load: self.shown.previous_load,
            outage_cycles: self.outage_cycles,
            adaptive: Some(AdaptiveState {
                directions: self.lanes.as_ref().map(|lane| LearnedCapacity {
                    estimate: Bps::truncating(lane.estimate()),
                    volatility: lane.volatility(),
                }),
                noise: Millis::saturating(self.path.threshold()),
                baselines: self
                    .path
                    .baselines()
                    .map(|baseline| baseline.and_then(Millis::new)),
            }),
        }
    }

    fn decide(&mut self, sight: &Sight) -> Decision {
        let verdicts = match self.episodes.observe(sight, &self.meters, &self.lanes) {
            Finding::Verdicts(verdicts) => verdicts,
            Finding::LongerPath { by, until } => {
                self.path.suppose_longer(by);
                for direction in Direction::BOTH {
                    if self.meters[direction].used() > LOADED {
                        self.lanes[direction].begin_test(until, &self.meters[direction]);
                    }
                }
                PerDirection::new(Verdict::Clear, Verdict::Clear)
            }
            Finding::Tested { is_longer } => {
                if is_longer {
                    self.path.confirm_longer();
                } else {
                    self.path.withdraw_longer();
                }
                PerDirection::new(Verdict::Clear, Verdict::Clear)
            }
        };
        if let Some(direction) = self.episodes.acquitted() {
            self.lanes[direction].acquit(sight.now);
        }
        if let Some(direction) = self.episodes.convicted() {
            self.lanes[direction].convict(sight);
        }
        let searching = self.lanes.as_ref().map(Lane::is_searching);
        let saturated = self.meters.as_ref().map(Meter::is_saturated);
        let mut causes = PerDirection::new(Cause::NotFilled, Cause::NotFilled);
        for direction in Direction::BOTH {
            let other = match direction {
                Direction::Download => Direction::Upload,
                Direction::Upload => Direction::Download,
            };
            let has_begun = direction == Direction::Upload && self.lanes.download.is_searching();
            let is_free = !((searching[other] || has_begun) && saturated[other]);
            causes[direction] = self.lanes[direction].step(
                sight,
                &self.meters[direction],
                verdicts[direction],
                is_free,
            );
        }
        self.learn_own(sight);
        self.decision(sight, causes)
    }

    /// A probe waits its turn among the flows of our own shapers. What is left of the delay while
    /// they hold the queue and the provider's must be empty is that.
    fn learn_own(&mut self, sight: &Sight) {
        let bound = || {
            let bound = Direction::BOTH
                .iter()
                .filter(|d| self.meters[**d].is_bound());
            bound.map(|d| &self.lanes[*d])
        };
        if bound().next().is_none() {
            return;
        }
        if bound().all(|lane| lane.is_settled(sight)) {
            self.own.observe(sight.delay.added, sight.delay.slope);
        }
        let is_below = bound().any(Lane::is_surely_below)
            && bound().all(|lane| lane.is_surely_below() || lane.is_settled(sight));
        if is_below && sight.delay.added < OBVIOUS * sight.threshold {
            self.own.observe_below(sight.standing / self.packet_time());
        }
    }

    fn decision(&mut self, sight: &Sight, causes: PerDirection<Cause>) -> Decision {
        let idle = Millis::saturating(sight.idle);
        let load = Millis::saturating(sight.idle + sight.delay.added);
        self.shown = Shown {
            baseline: idle,
            load,
            previous_load: self.shown.load,
        };
        let directions = PerDirection::from_fn(|direction| {
            let lane = &self.lanes[direction];
            let cause = causes[direction];
            let rate = Bps::truncating(lane.rate());
            let is_moved = rate != self.rates[direction];
            let (from, to) = (self.zones[direction], zone_of(lane.mode(), sight));
            DirectionDecision {
                zone: to,
                rate,
                transition: (from != to).then(|| Transition {
                    from,
                    to,
                    reason: cause.transition(to, sight),
                }),
                held: (!is_moved).then(|| lane.limit().unwrap_or_else(|| cause.held())),
                moved: is_moved.then(|| cause.moved(Bps::truncating(lane.estimate()))),
            }
        });
        self.rates = directions.map(|direction| direction.rate);
        self.zones = directions.map(|direction| direction.zone);
        Decision {
            outcome: Outcome::Completed,
            rtt: Some(load),
            baseline: idle,
            load,
            directions,
        }
    }

    /// Where traffic goes on although nothing answers, a rate that was low for a moment only does
    /// not stay.
    fn rest(&mut self, now: f64) {
        for direction in Direction::BOTH {
            if self.meters[direction].is_known() && self.meters[direction].used() > LOADED {
                self.lanes[direction].rest(now);
            }
        }
    }

    /// Nothing was heard for too long.
    fn silent(&mut self) -> Decision {
        let directions = PerDirection::from_fn(|direction| {
            let rate = Bps::truncating(self.lanes[direction].rate());
            let is_moved = rate != self.rates[direction];
            DirectionDecision {
                zone: self.zones[direction],
                rate,
                transition: None,
                held: (!is_moved).then_some(Held::NoMeasurement),
                moved: is_moved.then_some(Moved::Rests),
            }
        });
        self.rates = directions.map(|direction| direction.rate);
        Decision {
            outcome: Outcome::Frozen,
            rtt: None,
            baseline: self.shown.baseline,
            load: self.shown.load,
            directions,
        }
    }

    fn is_quiet(&mut self, now: f64, started: f64) -> bool {
        let known = Direction::BOTH.iter().all(|d| self.meters[*d].is_known());
        let quiet = Direction::BOTH
            .iter()
            .all(|d| self.meters[*d].is_quiet(QUIET));
        if !quiet || !known {
            self.quiet_since = None;
            return !known && now - started < QUIET_START;
        }
        let since = *self.quiet_since.get_or_insert(now);
        now - since > QUIET_FOR || now - started < QUIET_START
    }

    /// How long a full packet takes through both of our shapers, ms.
    fn packet_time(&self) -> f64 {
        let times = self.lanes.as_ref().map(|lane| 1e3 * PACKET / lane.rate());
        times.download + times.upload
    }

    /// What our own shapers add to a round trip is no queue at the provider.
    fn threshold(&mut self, step: f64) -> f64 {
        let path = self.path.threshold();
        let own = self.own.packets(step) * self.packet_time();
        let volatility = Direction::BOTH
            .iter()
            .filter(|d| self.meters[**d].used() > 0.5)
            .map(|d| self.lanes[*d].volatility())
            .fold(0.0, f64::max);
        path + own + VOLATILE_MARGIN * (volatility - 0.5).max(0.0)
    }
}

fn zone_of(mode: Mode, sight: &Sight) -> Zone {
    match mode {
        Mode::Drain { .. } if sight.delay.added > 3.0 * sight.threshold => Zone::Red,
        Mode::Drain { .. } => Zone::SoftRed,
        Mode::Hold { .. } | Mode::Search { .. } | Mode::Test { .. }
            if sight.delay.added > sight.threshold =>
        {
            Zone::Yellow
        }
        Mode::Hold { .. } | Mode::Search { .. } | Mode::Test { .. } => Zone::Green,
    }
}
