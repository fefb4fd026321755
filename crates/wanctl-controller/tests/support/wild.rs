//! Whatever a law may be shown, likely or not.

use core::time::Duration;

use proptest::prelude::*;
use wanctl_controller::{
    Alpha, BaselineConfig, ControllerConfig, Factor, Floors, LawKind, LinkObservation,
    LoadObservation, Observation, QueueConfig, QueueObservation, ReflectorObservation, Threshold,
    Thresholds,
};
use wanctl_types::{Bps, Bytes, Millis, PerDirection, RateBound, Timestamp};

/// One step's input.
#[derive(Clone, Debug)]
pub(crate) struct Tick {
    pub(crate) now: Timestamp,
    pub(crate) observation: Observation,
}

/// Limits and plan of any line from 20 kbit/s to 600 Gbit/s.
pub(crate) fn config() -> impl Strategy<Value = ControllerConfig> {
    (queue(0.02..2_000.0), queue(0.02..500.0)).prop_map(|(down, up)| of(down, up))
}

/// A line whose rates are never below 20 Mbit/s.
pub(crate) fn fast_config() -> impl Strategy<Value = ControllerConfig> {
    (queue(20.0..1_000.0), queue(20.0..100.0)).prop_map(|(down, up)| of(down, up))
}

fn queue(floor: core::ops::Range<f64>) -> impl Strategy<Value = QueueConfig> {
    // A plan less than a quarter above the floor has a test of its own.
    let plan = prop_oneof![Just(1.25), 1.25..60.0_f64];
    let ceiling = prop_oneof![Just(1.0), 1.0..5.0_f64];
    (floor, plan, ceiling).prop_map(|(floor, plan, ceiling)| {
        let plan = floor * plan;
        limits(floor, plan * ceiling, plan)
    })
}

/// All in Mbit/s.
pub(crate) fn limits(floor: f64, ceiling: f64, plan: f64) -> QueueConfig {
    let factor = |value| Factor::new(value).unwrap();
    let floors = Floors::uniform(mbps(floor));
    let (down, yellow) = (factor(0.85), factor(0.96));
    let mut queue = QueueConfig::new(floors, mbps(ceiling), mbps(1.0), down, yellow).unwrap();
    queue.plan = Some(mbps(plan));
    queue
}

/// The adaptive law; what belongs to the other one is as good as any.
pub(crate) fn of(download: QueueConfig, upload: QueueConfig) -> ControllerConfig {
    let [target, warn, hard_red] = [15, 45, 80].map(Threshold::from_integer);
    let baseline = BaselineConfig {
        initial: ms(25.0),
        alpha: Alpha::new(0.001).unwrap(),
        update_threshold: ms(3.0),
        min: ms(1.0),
        max: ms(1_000.0),
    };
    let mut config = ControllerConfig::new(
        PerDirection::new(download, upload),
        Thresholds::new(target, warn, hard_red).unwrap(),
        baseline,
        Alpha::new(0.5).unwrap(),
    );
    config.law = LawKind::Adaptive;
    config
}

/// Observations on a clock that mostly ticks, and sometimes stands, jumps or goes back. Now and
/// then one is seen again and again, on a clock that ticks.
pub(crate) fn ticks(
    observation: impl Strategy<Value = Observation>,
    count: core::ops::Range<usize>,
) -> impl Strategy<Value = Vec<Tick>> {
    let step = prop_oneof![
        30 => Just(50_000_i64),
        4 => 40_000..70_000_i64,
        1 => Just(0_i64),
        1 => 0..30_000_000_i64,
        1 => -2_000_000..0_i64,
        1 => prop_oneof![Just(i64::MAX), Just(i64::MIN), Just(1_i64)],
    ];
    let times = prop_oneof![8 => Just(1_u32), 1 => 2..160_u32];
    prop::collection::vec((step, times, observation), count).prop_map(|steps| {
        let (mut now, mut ticks) = (0_u64, Vec::new());
        for (step, times, observation) in steps {
            for step in core::iter::once(step).chain((1..times).map(|_| 50_000)) {
                now = now.saturating_add_signed(step);
                ticks.push(Tick {
                    now: Timestamp::from_micros(now),
                    observation: observation.clone(),
                });
            }
        }
        ticks
    })
}

/// Three reflectors that answer and counters that count, with load that is there or not.
pub(crate) fn loaded() -> impl Strategy<Value = Observation> {
    let delay = prop_oneof![
        2 => Just(0.0),
        2 => 0.0..8.0_f64,
        2 => 8.0..60.0_f64,
        3 => 60.0..600.0_f64,
        1 => prop_oneof![Just(59.0), Just(61.0), Just(100.0)],
    ];
    (
        delay,
        [0.0..3.0_f64, 0.0..3.0, 0.0..3.0],
        link(),
        link(),
        prop::option::weighted(0.1, overdue()),
    )
        .prop_map(|(delay, noise, download, upload, overdue)| {
            let mut observation = idle(noise.map(|noise| 20.0 + delay + noise));
            for reflector in &mut observation.reflectors {
                reflector.overdue = overdue;
            }
            observation.link = PerDirection::new(download, upload);
            observation
        })
}

/// As `loaded`, with answers missing and no probe under way for longer than any waits.
pub(crate) fn ordinary() -> impl Strategy<Value = Observation> {
    (loaded(), prop::bool::weighted(0.1)).prop_map(|(mut observation, is_silent)| {
        for reflector in &mut observation.reflectors {
            reflector.rtt = reflector.rtt.filter(|_| !is_silent);
            reflector.overdue = reflector.overdue.filter(|age| age.as_secs() < 2);
        }
        observation
    })
}

fn link() -> impl Strategy<Value = LinkObservation> {
    let bits = prop_oneof![
        2 => Just(0.0),
        3 => 0.0..1e9_f64,
        2 => 1e5..5e7_f64,
    ];
    let backlog = prop::option::of(prop_oneof![Just(0_u64), 0..1_000_000_u64]);
    (bits, backlog).prop_map(|(bits, backlog)| carried(bits, backlog))
}

/// A reading of the last 50 ms. `bits` are a second's.
pub(crate) fn carried(bits: f64, backlog: Option<u64>) -> LinkObservation {
    let age = Duration::from_millis(10);
    LinkObservation {
        load: Some(LoadObservation {
            bytes: Bytes::new(Bps::truncating(bits * 0.05 / 8.0).get()),
            interval: Duration::from_millis(50),
            age,
        }),
        queue: backlog.map(|bytes| QueueObservation {
            backlog: Some(Bytes::new(bytes)),
            age,
            ..QueueObservation::default()
        }),
    }
}

/// Three answers, and next to nothing carried.
pub(crate) fn idle(rtts: [f64; 3]) -> Observation {
    let reflector = |rtt| ReflectorObservation {
        rtt: Some(ms(rtt)),
        age: Duration::from_millis(5),
        ..ReflectorObservation::default()
    };
    Observation {
        reflectors: rtts.map(reflector).into_iter().collect(),
        reachability: None,
        link: PerDirection::new(carried(2e3, Some(0)), carried(2e3, Some(0))),
    }
}

/// Anything that the types can hold.
pub(crate) fn wild() -> impl Strategy<Value = Observation> {
    let reflectors = prop::collection::vec(reflector(), 0..=8);
    (reflectors, wild_link(), wild_link()).prop_map(|(reflectors, download, upload)| Observation {
        reflectors: reflectors.into_iter().collect(),
        reachability: None,
        link: PerDirection::new(download, upload),
    })
}

fn reflector() -> impl Strategy<Value = ReflectorObservation> {
    let rtt = prop_oneof![
        4 => 10.0..40.0_f64,
        2 => 40.0..2_000.0_f64,
        1 => prop::sample::select(vec![0.0, -0.0, -5.0, 1e-300, 1e9, f64::MAX, f64::MIN]),
        1 => any::<f64>().prop_filter("finite", |rtt| rtt.is_finite()),
    ];
    let age = prop_oneof![4 => Just(Duration::from_millis(5)), 1 => duration()];
    (
        prop::option::weighted(0.7, rtt),
        age,
        prop::option::weighted(0.3, overdue()),
        any::<(u32, u32)>(),
    )
        .prop_map(
            |(rtt, age, overdue, (lost, outstanding))| ReflectorObservation {
                rtt: rtt.map(ms),
                age,
                lost,
                outstanding,
                overdue,
                one_way: None,
            },
        )
}

fn wild_link() -> impl Strategy<Value = LinkObservation> {
    let count = prop_oneof![
        3 => 0..10_000_000_u64,
        1 => prop::sample::select(vec![0, 1, u64::MAX]),
        1 => any::<u64>(),
    ];
    let load = (count.clone(), duration(), duration()).prop_map(|(bytes, interval, age)| {
        LoadObservation {
            bytes: Bytes::new(bytes),
            interval,
            age,
        }
    });
    let queue = (prop::option::of(count), duration()).prop_map(|(backlog, age)| QueueObservation {
        backlog: backlog.map(Bytes::new),
        age,
        ..QueueObservation::default()
    });
    (prop::option::of(load), prop::option::of(queue))
        .prop_map(|(load, queue)| LinkObservation { load, queue })
}

fn overdue() -> impl Strategy<Value = Duration> {
    prop_oneof![(0..2_000_u64).prop_map(Duration::from_millis), duration()]
}

fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        4 => Just(Duration::from_millis(50)),
        4 => (0..1_000_000_u64).prop_map(Duration::from_micros),
        1 => prop::sample::select(vec![Duration::ZERO, Duration::from_nanos(1), Duration::MAX]),
        1 => any::<u64>().prop_map(Duration::from_secs),
    ]
}

pub(crate) fn ms(value: f64) -> Millis {
    Millis::new(value).unwrap()
}

fn mbps(value: f64) -> RateBound {
    RateBound::from_mbps(value).unwrap()
}
