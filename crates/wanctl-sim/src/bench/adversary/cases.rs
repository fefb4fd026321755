//! The attacks.

use std::time::Duration;

use wanctl_types::{Bps, Direction, Millis, PerDirection, Timestamp};

use super::{Attack, Ruse};
use crate::bench::generate::{Dice, Series, Upstream, bins_of, stream};
use crate::bench::scenarios::conditions::{bins_between, bulk, flow, s};
use crate::bench::{
    Actuation, CounterKind, Demands, FlowKind, LINE_BIN, Load, PathNoise, Plan, ReflectorFault,
    case_on,
};

/// How long an attack takes.
const LENGTH: Duration = s(28);
/// When load starts, unless it is there from the beginning.
const START: Duration = s(2);
/// Between these, in seconds, the line turns bad.
const FALL: std::ops::Range<f64> = 7.0..10.0;
/// When load comes to a line that fell while idle.
const LATE_START: Duration = s(12);
/// What is left of the capacity after a fall.
const LEFT: std::ops::Range<f64> = 0.15..0.7;
/// Rates of lines, Mbit/s.
const DOWNLOADS: std::ops::Range<f64> = 8.0..80.0;
const UPLOADS: std::ops::Range<f64> = 4.0..25.0;
/// What an operator may believe of a line, as parts of the truth.
const PLANS: (f64, [f64; 3]) = (0.8, [1.0, 1.5, 2.0]);

pub(super) fn attack(seed: u64) -> Attack {
    let ruses = u64::try_from(Ruse::ALL.len()).unwrap_or(1);
    let turn = usize::try_from(seed % ruses).unwrap_or(0);
    let ruse = Ruse::ALL.get(turn).copied().unwrap_or(Ruse::LoadedStart);
    Draft::new(seed).finish(seed, ruse)
}

/// An attack in the making.
struct Draft {
    dice: Dice,
    /// Before anything happens, bit/s.
    full: PerDirection<f64>,
    /// Bins of the capacity, as parts of that.
    parts: PerDirection<Vec<f64>>,
    base_rtt: Vec<f64>,
    load: Load,
    kind: FlowKind,
    flows: usize,
    start: Duration,
    extra: Demands,
    faults: Vec<ReflectorFault>,
    common: f64,
    /// When the line turns bad.
    at: Duration,
}

impl Draft {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed, stream::SCENE);
        let full = PerDirection::new(
            1e6 * logarithmic(&mut dice, DOWNLOADS),
            1e6 * logarithmic(&mut dice, UPLOADS),
        );
        let bins = bins_of(LENGTH);
        let rtt = dice.between(12.0, 60.0).round();
        Self {
            full,
            parts: PerDirection::from_fn(|_| vec![1.0; bins]),
            base_rtt: vec![rtt; bins],
            load: pick(&mut dice, Load::Download, &[Load::Upload, Load::Both]),
            kind: pick(
                &mut dice,
                FlowKind::Cubic,
                &[FlowKind::Cubic, FlowKind::Cubic, FlowKind::Bbr],
            ),
            flows: pick(&mut dice, 1, &[2, 4, 4, 8]),
            start: START,
            extra: Demands::new(),
            faults: Vec::new(),
            common: 0.0,
            at: Duration::from_secs_f64(dice.between(FALL.start, FALL.end)),
            dice,
        }
    }

    fn finish(mut self, seed: u64, ruse: Ruse) -> Attack {
        self.lay(ruse);
        let upstream = pick(
            &mut self.dice,
            Upstream::TailDrop,
            &[Upstream::TailDrop, Upstream::DropFront],
        );
        let believed = pick(&mut self.dice, PLANS.0, &PLANS.1);
        let capacity = self.parts.as_ref().zip(self.full).map(|(parts, full)| {
            let rates = parts.iter().map(|part| Bps::truncating(part * full));
            rates.collect::<Vec<_>>()
        });
        let base_rtt = self.base_rtt.iter().copied().map(Millis::saturating);
        let series = Series {
            capacity,
            base_rtt: base_rtt.collect(),
        };
        let mut case = case_on(series.with(upstream), self.load, LENGTH, seed);
        case.demands = self.demands();
        case.faults.clone_from(&self.faults);
        case.noise = PathNoise {
            common: Millis::saturating(self.common),
            ..case.noise
        };
        case.actuation = pick(&mut self.dice, USUAL, &[USUAL, USUAL, SLOW]);
        (case.counters, case.counter_interval) = pick(&mut self.dice, ROUTER_OS, &COUNTERS);
        let rates = self.full.map(|full| Bps::truncating(believed * full));
        Attack {
            seed,
            ruse,
            plan: Plan { rates },
            case,
        }
    }

    fn demands(&self) -> Demands {
        let mut demands = self.extra.clone();
        for direction in self.directions() {
            demands.extend(bulk(*direction, self.flows, self.kind, self.start, LENGTH));
        }
        demands
    }

    fn lay(&mut self, ruse: Ruse) {
        match ruse {
            Ruse::LoadedStart => self.start = Duration::ZERO,
            Ruse::Creep => self.creep(),
            Ruse::Staircase => self.staircase(),
            Ruse::BothFall => {
                self.load = Load::Both;
                self.fall_both(self.at);
            }
            Ruse::IdleFall => {
                self.start = LATE_START;
                self.fall(self.at);
            }
            Ruse::RouteAndFall => {
                let apart = self.dice.between(-0.6, 0.6);
                self.reroute(Duration::from_secs_f64(self.at.as_secs_f64() + apart));
                self.fall(self.at);
            }
            Ruse::RouteThenFall => {
                self.reroute(self.at);
                let later = self.dice.between(1.0, 5.0);
                self.fall(self.at + Duration::from_secs_f64(later));
            }
            Ruse::OutageAndFall => {
                let length = self.dice.between(0.5, 3.0);
                let end = self.at + Duration::from_secs_f64(length);
                self.fall(end);
                for parts in [&mut self.parts.download, &mut self.parts.upload] {
                    scale(parts, self.at, end, 0.0);
                }
            }
            Ruse::ForeignTraffic => self.stream(0.3..0.7),
            Ruse::Flood => self.stream(1.02..1.3),
            Ruse::StreamStarves => self.starve(),
            Ruse::BadReflectors => self.distrust(),
            Ruse::NoisyFall => {
                self.common = self.dice.between(2.0, 5.0);
                self.fall(self.at);
            }
        }
    }

    fn directions(&self) -> &'static [Direction] {
        match self.load {
            Load::Download => &[Direction::Download],
            Load::Upload => &[Direction::Upload],
            Load::Both => &Direction::BOTH,
        }
    }

    /// A direction that is loaded, or one of two.
    fn one_direction(&mut self) -> Direction {
        let one_of_two = pick(&mut self.dice, Direction::Download, &[Direction::Upload]);
        match self.load {
            Load::Download => Direction::Download,
            Load::Upload => Direction::Upload,
            Load::Both => one_of_two,
        }
    }

    /// A direction that is loaded, or one of two, has less from `at` on.
    fn fall(&mut self, at: Duration) {
        let direction = self.one_direction();
        let left = self.dice.between(LEFT.start, LEFT.end);
        scale(&mut self.parts[direction], at, LENGTH, left);
    }

    fn fall_both(&mut self, at: Duration) {
        for direction in Direction::BOTH {
            let left = self.dice.between(LEFT.start, LEFT.end);
            scale(&mut self.parts[direction], at, LENGTH, left);
        }
    }

    fn creep(&mut self) {
        let direction = self.one_direction();
        let each_second = self.dice.between(0.01, 0.04);
        let least = self.dice.between(LEFT.start, LEFT.end);
        let bins = bins_between(self.at, LENGTH);
        let parts = self.parts[direction].get_mut(bins).into_iter().flatten();
        let mut part = 1.0_f64;
        for bin in parts {
            part = (part * (1.0 - each_second * LINE_BIN.as_secs_f64())).max(least);
            *bin = part;
        }
    }

    fn staircase(&mut self) {
        let direction = self.one_direction();
        let mut at = self.at;
        for _ in 0..pick(&mut self.dice, 3, &[4, 5]) {
            let left = self.dice.between(0.7, 0.92);
            scale(&mut self.parts[direction], at, LENGTH, left);
            at += Duration::from_secs_f64(self.dice.between(0.4, 2.5));
        }
    }

    /// The path is 8 to 45 ms longer from `at` on, or was before.
    fn reroute(&mut self, at: Duration) {
        let by = self.dice.between(8.0, 45.0).round();
        let range = if self.dice.chance(0.75) {
            bins_between(at, LENGTH)
        } else {
            bins_between(Duration::ZERO, at)
        };
        let bins = self.base_rtt.get_mut(range).into_iter().flatten();
        bins.for_each(|rtt| *rtt += by);
    }

    /// A stream that reacts to nothing takes such a part of the download for some seconds.
    fn stream(&mut self, parts: std::ops::Range<f64>) {
        if self.load == Load::Upload {
            self.load = Load::Both;
        }
        let part = self.dice.between(parts.start, parts.end);
        let rate = Bps::truncating(part * self.full.download);
        let end = self.at + Duration::from_secs_f64(self.dice.between(2.0, 8.0));
        let kind = FlowKind::Constant { rate };
        self.extra
            .push(flow(Direction::Download, kind, self.at, end));
    }

    /// Streams with a buffer ask for 40 to 70 % of each loaded direction and get less.
    fn starve(&mut self) {
        let part = self.dice.between(0.4, 0.7);
        for direction in self.directions() {
            let rate = Bps::truncating(part * self.full[*direction] / 3.0);
            let kind = FlowKind::AppLimited { rate };
            self.extra.extend(bulk(*direction, 3, kind, START, LENGTH));
            let left = part * self.dice.between(0.4, 0.9);
            scale(&mut self.parts[*direction], self.at, LENGTH, left);
        }
        self.flows = 0;
    }

    fn distrust(&mut self) {
        let from = Timestamp::ZERO + Duration::from_secs_f64(self.dice.between(3.0, 8.0));
        self.faults = vec![
            ReflectorFault::Silent { reflector: 0, from },
            ReflectorFault::Drifting {
                reflector: 1,
                from,
                ms_per_second: self.dice.between(0.5, 8.0),
            },
        ];
        self.fall(self.at);
    }
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

const USUAL: Actuation = Actuation {
    least: ms(20),
    most: ms(60),
};
const SLOW: Actuation = Actuation {
    least: ms(100),
    most: ms(140),
};

const ROUTER_OS: (CounterKind, Duration) = (CounterKind::RouterOs, ms(50));
const COUNTERS: [(CounterKind, Duration); 4] = [
    ROUTER_OS,
    (CounterKind::RouterOs, ms(200)),
    (CounterKind::Bytes, ms(50)),
    (CounterKind::Cake, ms(50)),
];

/// Multiplies the bins during `from..to`.
fn scale(bins: &mut [f64], from: Duration, to: Duration, by: f64) {
    let during = bins.get_mut(bins_between(from, to));
    during.into_iter().flatten().for_each(|bin| *bin *= by);
}

/// Evenly on a logarithmic scale.
fn logarithmic(dice: &mut Dice, range: std::ops::Range<f64>) -> f64 {
    dice.between(range.start.ln(), range.end.ln()).exp()
}

/// One of several, each as often.
fn pick<T: Copy>(dice: &mut Dice, first: T, others: &[T]) -> T {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "the place is drawn from 0 to the number of choices"
    )]
    let place = dice.between(0.0, (others.len() + 1) as f64) as usize;
    let other = place.checked_sub(1).and_then(|place| others.get(place));
    other.copied().unwrap_or(first)
}
