//! What each law is configured with: the only place where plan rates become settings.
//!
//! An operator knows the rates the line was sold with and may be wrong. The same rules hold on
//! every line, so no law is told more of one line than of another.
//!
//! | law | from the plan rate of each direction |
//! |---|---|
//! | `static` | 0.95, the top of the usual advice of 80 to 95 % |
//! | `reference`, `upstream-head` | ceiling 1.02; floors 58, 37, 29 and 21 % of it (green to red), upload 21 %; step up 1.5 % of it |
//! | `cake-autorate`, `cake-autorate-owd` | minimum 0.1, base 0.8, maximum 1.2: a rate to fall back on, one that does not bloat, one that the line may just reach |
//! | `sqm-autorate` | base 1; it starts at 0.6, its minimum is 0.2, it has no maximum |
//! | `adaptive` | floor 0.02, ceiling 3: hard limits only |
//! | `oracle` | starts at its gain; no limits |

use wanctl_controller::{
    Aggregation, Alpha, BaselineConfig, ControllerConfig, Factor, Floors, LawKind, QueueConfig,
    Threshold, Thresholds,
};
use wanctl_types::{Bps, Direction, Millis, PerDirection, RateBound};

use crate::bench::Plan;

/// `static`, of the plan rate.
const STATIC_SHARE: f64 = 0.95;

/// Highest rate of a four-zone law, of the plan rate.
const ZONE_CEILING: f64 = 1.02;
/// Its floors while GREEN, YELLOW, `SOFT_RED` and RED, of the ceiling.
const ZONE_FLOORS: [f64; 4] = [0.58, 0.37, 0.29, 0.21];
/// What its GREEN step adds, of the ceiling.
const ZONE_STEP: f64 = 0.015;
/// What its RED step multiplies by.
const FACTOR_DOWN: f64 = 0.85;
/// What its YELLOW step multiplies by: the defaults of the configuration file.
const FACTOR_DOWN_YELLOW: PerDirection<f64> = PerDirection::new(0.96, 0.94);
/// Delay thresholds: target, warning and hard red, ms above baseline.
const THRESHOLDS: [i32; 3] = [15, 45, 80];
/// Seconds per control step.
const CYCLE: f64 = 0.05;
/// Time constant of the baseline, seconds, as in the example files.
const BASELINE_SECONDS: f64 = 60.0;
/// Time constant of the load RTT, seconds, as in the example files.
const LOAD_SECONDS: f64 = 0.5;
/// A load RTT this far above the baseline stops learning, ms.
const UPDATE_THRESHOLD: f64 = 3.0;
/// Between these a baseline is believed, ms.
const BASELINE_BOUNDS: [f64; 2] = [10.0, 60.0];
/// Idle RTT of an operator who has not measured it, ms.
const UNMEASURED_RTT: f64 = 25.0;

/// How three reflectors become one RTT.
pub(super) const AGGREGATION: Aggregation = Aggregation::MedianOfThree;

/// Minimum, base and maximum of `cake-autorate`, of the plan rate.
const AUTORATE_MIN: f64 = 0.1;
const AUTORATE_BASE: f64 = 0.8;
const AUTORATE_MAX: f64 = 1.2;

/// First rate and minimum of `sqm-autorate`, of its base rate, which is the plan rate.
const SQM_START: f64 = 0.6;
const SQM_MIN: f64 = 0.2;

/// Hard limits of `adaptive`, of the plan rate.
const ADAPTIVE_FLOOR: f64 = 0.02;
const ADAPTIVE_CEILING: f64 = 3.0;

/// A part of a rate.
pub(super) fn share(rate: Bps, part: f64) -> Bps {
    Bps::truncating(rate.as_f64() * part)
}

/// The rates of `static`.
pub(super) fn fixed_rates(plan: &Plan) -> PerDirection<Bps> {
    plan.rates.map(|rate| share(rate, STATIC_SHARE))
}

/// The configuration of `reference` for an idle RTT that the operator measured. Bounds of the
/// baseline are the defaults where the RTT lies well inside of them.
pub(super) fn reference(plan: &Plan, idle_rtt: Millis) -> Option<ControllerConfig> {
    let download = zone_queue(
        plan.rates.download,
        ZONE_FLOORS,
        FACTOR_DOWN_YELLOW.download,
    )?;
    let [.., red] = ZONE_FLOORS;
    let upload = zone_queue(plan.rates.upload, [red; 4], FACTOR_DOWN_YELLOW.upload)?;
    controller(PerDirection::new(download, upload), idle_rtt)
}

/// The configuration of `adaptive`. What it does not share with `reference` are its limits.
pub(super) fn adaptive(plan: &Plan) -> Option<ControllerConfig> {
    let queue = |rate: Bps, yellow: f64| {
        let floor = of(rate, ADAPTIVE_FLOOR)?;
        let ceiling = rate.as_f64() * ADAPTIVE_CEILING;
        let mut queue = queue(Floors::uniform(floor), ceiling, yellow)?;
        queue.plan = of(rate, 1.0);
        Some(queue)
    };
    let queues = PerDirection::new(
        queue(plan.rates.download, FACTOR_DOWN_YELLOW.download)?,
        queue(plan.rates.upload, FACTOR_DOWN_YELLOW.upload)?,
    );
    let mut config = controller(queues, Millis::saturating(UNMEASURED_RTT))?;
    config.law = LawKind::Adaptive;
    Some(config)
}

/// What one direction of `cake-autorate` is configured with, kbit/s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AutorateRates {
    pub(super) direction: Direction,
    pub(super) min: u64,
    pub(super) base: u64,
    pub(super) max: u64,
}

/// The rates of `cake-autorate`.
pub(super) fn cake_autorate(plan: &Plan) -> PerDirection<AutorateRates> {
    PerDirection::from_fn(|direction| {
        let of = |part| share(plan.rates[direction], part).get() / 1_000;
        AutorateRates {
            direction,
            min: of(AUTORATE_MIN),
            base: of(AUTORATE_BASE),
            max: of(AUTORATE_MAX),
        }
    })
}

/// What one direction of `sqm-autorate` is configured with, kbit/s.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct SqmRates {
    pub(super) direction: Direction,
    pub(super) start: f64,
    pub(super) min: f64,
    pub(super) base: f64,
}

/// The rates of `sqm-autorate`.
pub(super) fn sqm_autorate(plan: &Plan) -> PerDirection<SqmRates> {
    PerDirection::from_fn(|direction| {
        let base = plan.rates[direction].as_f64() / 1e3;
        SqmRates {
            direction,
            start: (SQM_START * base).floor(),
            min: (SQM_MIN * base).floor(),
            base,
        }
    })
}

/// What one direction of `upstream-head` is configured with, bit/s.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct HeadRates {
    pub(super) ceiling: f64,
    /// While GREEN, YELLOW, `SOFT_RED` and RED.
    pub(super) floors: [f64; 4],
    pub(super) step_up: f64,
    pub(super) factor_down: f64,
    pub(super) factor_down_yellow: f64,
}

/// The rates of `upstream-head`: those of `reference`.
pub(super) fn upstream_head(plan: &Plan) -> PerDirection<HeadRates> {
    PerDirection::from_fn(|direction| {
        let ceiling = plan.rates[direction].as_f64() * ZONE_CEILING;
        let [.., red] = ZONE_FLOORS;
        let floors = match direction {
            Direction::Download => ZONE_FLOORS,
            Direction::Upload => [red; 4],
        };
        HeadRates {
            ceiling,
            floors: floors.map(|part| ceiling * part),
            step_up: ceiling * ZONE_STEP,
            factor_down: FACTOR_DOWN,
            factor_down_yellow: FACTOR_DOWN_YELLOW[direction],
        }
    })
}

/// Target, warning and hard red of `upstream-head`, ms above the baseline.
pub(super) fn thresholds() -> [f64; 3] {
    THRESHOLDS.map(f64::from)
}

/// Between which values a baseline is believed where the operator measured `idle_rtt`, ms.
pub(super) fn baseline_bounds(idle_rtt: f64) -> [f64; 2] {
    let [low, high] = BASELINE_BOUNDS;
    [low.min(idle_rtt / 2.0), high.max(idle_rtt * 2.0)]
}

fn zone_queue(plan: Bps, floors: [f64; 4], yellow: f64) -> Option<QueueConfig> {
    let ceiling = plan.as_f64() * ZONE_CEILING;
    let [green, yellow_floor, soft_red, red] =
        floors.map(|part| RateBound::new(ceiling * part).ok());
    let floors = Floors {
        green: green?,
        yellow: yellow_floor?,
        soft_red: soft_red?,
        red: red?,
    };
    queue(floors, ceiling, yellow)
}

fn queue(floors: Floors, ceiling: f64, yellow: f64) -> Option<QueueConfig> {
    let ceiling = RateBound::new(ceiling).ok()?;
    let step = RateBound::new(ceiling.get() * ZONE_STEP).ok()?;
    let (down, yellow) = (Factor::new(FACTOR_DOWN).ok()?, Factor::new(yellow).ok()?);
    QueueConfig::new(floors, ceiling, step, down, yellow).ok()
}

fn controller(queues: PerDirection<QueueConfig>, idle_rtt: Millis) -> Option<ControllerConfig> {
    let [target, warn, hard_red] = THRESHOLDS.map(Threshold::from_integer);
    let mut config = ControllerConfig::new(
        queues,
        Thresholds::new(target, warn, hard_red).ok()?,
        baseline(idle_rtt)?,
        Alpha::new(CYCLE / LOAD_SECONDS).ok()?,
    );
    config.aggregation = AGGREGATION;
    Some(config)
}

fn baseline(idle_rtt: Millis) -> Option<BaselineConfig> {
    let [low, high] = baseline_bounds(idle_rtt.get());
    Some(BaselineConfig {
        initial: idle_rtt,
        alpha: Alpha::new(CYCLE / BASELINE_SECONDS).ok()?,
        update_threshold: Millis::saturating(UPDATE_THRESHOLD),
        min: Millis::saturating(low),
        max: Millis::saturating(high),
    })
}

fn of(rate: Bps, part: f64) -> Option<RateBound> {
    RateBound::new(rate.as_f64() * part).ok()
}
