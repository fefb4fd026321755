//! Strategies: configurations in order, and inputs that like to sit exactly on a threshold.

use core::time::Duration;

use proptest::prelude::*;
use wanctl_controller::{
    Aggregation, Alpha, BaselineConfig, ControllerConfig, Factor, Floors, Observation, QueueConfig,
    Reachability, ReflectorObservation, SilenceMode, SilencePolicy, Threshold, Thresholds,
};
use wanctl_types::{Millis, PerDirection, RateBound};

pub(crate) fn queue_config() -> impl Strategy<Value = QueueConfig> {
    (
        prop::collection::vec(0.1..1_000.0_f64, 5),
        any::<bool>(),
        prop_oneof![Just(1.0), Just(0.000_000_4), 0.1..100.0_f64],
        prop_oneof![Just(0.85), Just(1.0), 0.1..1.0_f64],
        prop_oneof![Just(0.96), Just(1.0), 0.8..1.0_f64],
        0..8_u32,
        0..4_u32,
    )
        .prop_map(|(mut bounds, whole, step, down, yellow, green, soft_red)| {
            bounds.sort_by(f64::total_cmp);
            if whole {
                for bound in &mut bounds {
                    *bound = bound.ceil();
                }
            }
            let floors = Floors {
                red: mbps(bounds[0]),
                soft_red: mbps(bounds[1]),
                yellow: mbps(bounds[2]),
                green: mbps(bounds[3]),
            };
            let mut config = QueueConfig::new(
                floors,
                mbps(bounds[4]),
                mbps(step),
                Factor::new(down).unwrap(),
                Factor::new(yellow).unwrap(),
            )
            .unwrap();
            config.green_required = green;
            config.soft_red_required = soft_red;
            config
        })
}

/// Three ascending thresholds, some written as integers.
pub(crate) fn thresholds() -> impl Strategy<Value = Thresholds> {
    (
        1..60_i32,
        1..60_i32,
        1..60_i32,
        any::<[bool; 3]>(),
        0..8_i32,
    )
        .prop_map(|(a, b, c, integers, eighths)| {
            let [target, warn, hard] =
                [(a, 0), (a + b, 1), (a + b + c, 2)].map(|(value, index)| {
                    if integers[index] {
                        Threshold::from_integer(value)
                    } else {
                        Threshold::from_float(ms(
                            f64::from(value) + f64::from(eighths) / 8.0 - 0.875
                        ))
                    }
                });
            Thresholds::new(target, warn, hard).or_else(|_| {
                let [target, warn, hard] = [a, a + b, a + b + c].map(Threshold::from_integer);
                Thresholds::new(target, warn, hard)
            })
        })
        .prop_map(Result::unwrap)
}

/// A delay above baseline: anything, or exactly on a threshold, or next to one.
pub(crate) fn delta(limits: Thresholds) -> impl Strategy<Value = f64> {
    let on = [limits.target(), limits.warn(), limits.hard_red()].map(|limit| limit.get().get());
    prop_oneof![
        4 => -50.0..250.0_f64,
        2 => Just(0.0),
        3 => prop::sample::select(on.to_vec()),
        1 => prop::sample::select(on.map(f64::next_up).to_vec()),
        1 => prop::sample::select(on.map(f64::next_down).to_vec()),
        1 => prop_oneof![Just(f64::MAX), Just(f64::MIN), Just(-0.0), Just(-0.04), Just(0.25)],
    ]
}

pub(crate) fn controller_config() -> impl Strategy<Value = ControllerConfig> {
    (
        (queue_config(), queue_config(), thresholds()),
        (
            12.0..50.0_f64,
            alpha(),
            prop_oneof![Just(1.0), Just(0.1), 0.001..1.0_f64],
        ),
        prop_oneof![Just(15.0), 5.0..50.0_f64],
        any::<bool>(),
        (
            prop::sample::select(vec![
                SilenceMode::GracefulDegradation,
                SilenceMode::Freeze,
                SilenceMode::UseLastRtt,
            ]),
            0..6_u32,
        ),
    )
        .prop_map(
            |((down, up, limits), (initial, baseline, load), accel, median, (mode, cycles))| {
                let baseline = BaselineConfig {
                    initial: ms(initial.floor()),
                    alpha: Alpha::new(baseline).unwrap(),
                    update_threshold: ms(3.0),
                    min: ms(10.0),
                    max: ms(60.0),
                };
                let mut config = ControllerConfig::new(
                    PerDirection::new(down, up),
                    limits,
                    baseline,
                    Alpha::new(load).unwrap(),
                );
                config.accel_threshold = Threshold::from_float(ms(accel));
                config.aggregation = if median {
                    Aggregation::MedianOfThree
                } else {
                    Aggregation::First
                };
                config.silence = SilencePolicy {
                    mode,
                    max_cycles: cycles,
                };
                config
            },
        )
}

/// Rounds of probes as they come, with the reserve checks now and then.
pub(crate) fn observations(
    config: &ControllerConfig,
) -> impl Strategy<Value = Vec<Observation>> + use<> {
    prop::collection::vec(observation(config), 1..60)
}

fn observation(config: &ControllerConfig) -> impl Strategy<Value = Observation> + use<> {
    let base = config.baseline.initial.get();
    let reply = prop_oneof![
        5 => delta(config.thresholds).prop_map(move |delta| Some(base + delta.clamp(-60.0, 500.0))),
        3 => (0.0..3.0_f64).prop_map(move |noise| Some(base + noise)),
        2 => Just(None),
    ];
    let reachability = prop_oneof![
        Just(None),
        Just(Some(Reachability::Nothing)),
        Just(Some(Reachability::GatewayOnly)),
        (-5.0..200.0_f64).prop_map(|rtt| Some(Reachability::Tcp(ms(rtt)))),
    ];
    (
        prop_oneof![
            2 => prop::collection::vec(reply, 0..5),
            1 => Just(Vec::new()),
        ],
        reachability,
    )
        .prop_map(|(replies, reachability)| Observation {
            reflectors: replies
                .into_iter()
                .map(|rtt| ReflectorObservation {
                    rtt: rtt.map(ms),
                    age: Duration::from_micros(17),
                    ..ReflectorObservation::default()
                })
                .collect(),
            reachability,
            ..Observation::default()
        })
}

fn alpha() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.001), Just(0.5), Just(1.0), 0.000_1..1.0_f64]
}

pub(crate) fn ms(value: f64) -> Millis {
    Millis::new(value).unwrap()
}

fn mbps(value: f64) -> RateBound {
    RateBound::from_mbps(value).unwrap()
}
