//! Properties of the control law over random configurations and inputs, and agreement with a
//! plain model of the rules.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::float_cmp,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "test helpers; the model computes in plain floats and compares them exactly"
)]

#[path = "support/inputs.rs"]
mod inputs;
#[path = "support/model.rs"]
mod model;

use inputs::{controller_config, delta, ms, observations, queue_config, thresholds};
use model::{Answer, Ending, QueueModel, WanModel};
use proptest::num::f64::ANY;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use wanctl_controller::{
    Adjustment, Baseline, Controller, ControllerConfig, ControllerState, Decision, Held,
    Observation, Outcome, QueueConfig, QueueController, QueueState, SpikeDetector, Threshold,
    Thresholds, TransitionReason,
};
use wanctl_types::{Bps, Direction, Millis, Timestamp, Zone};

fn queue_run() -> impl Strategy<Value = (QueueConfig, Thresholds, Vec<f64>)> {
    thresholds().prop_flat_map(|limits| {
        (
            queue_config(),
            Just(limits),
            prop::collection::vec(delta(limits), 1..80),
        )
    })
}

fn controller_run() -> impl Strategy<Value = (ControllerConfig, Vec<Observation>)> {
    controller_config().prop_flat_map(|config| {
        let seen = observations(&config);
        (Just(config), seen)
    })
}

/// Enough for every rule to be met on and beside its threshold; seeded, so a failure repeats.
fn runs() -> ProptestConfig {
    ProptestConfig {
        cases: 1_000,
        rng_seed: RngSeed::Fixed(20_260_801),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(runs())]

    #[test]
    fn the_4state_rule_agrees_with_the_model((config, limits, deltas) in queue_run()) {
        let mut queue = QueueController::new(config);
        let mut model = QueueModel::new(config);
        let names = names(&limits);
        let [green, soft_red, hard_red] = pairs(&names);
        for delta in deltas {
            let ours = four(&mut queue, delta, &limits);
            prop_assert_eq!(answer(&ours), model.four(delta, green, soft_red, hard_red));
            prop_assert_eq!(state(queue.state()), state_of(&model));
        }
    }

    #[test]
    fn the_3state_rule_agrees_with_the_model((config, limits, deltas) in queue_run()) {
        let mut queue = QueueController::new(config);
        let mut model = QueueModel::new(config);
        let names = names(&limits);
        let [target, warn, _] = pairs(&names);
        for delta in deltas {
            let ours = three(&mut queue, delta, &limits);
            prop_assert_eq!(answer(&ours), model.three(delta, target, warn));
            prop_assert_eq!(state(queue.state()), state_of(&model));
        }
    }

    #[test]
    fn the_controller_agrees_with_the_model((config, seen) in controller_run()) {
        let mut model = WanModel::new(&config);
        let mut controller = Controller::new(config);
        for observation in &seen {
            let decision = controller.step(Timestamp::ZERO, observation);
            prop_assert_eq!(ending(&decision), model.step(observation));
            let state = controller.state();
            prop_assert_eq!(state.baseline.get(), model.baseline);
            prop_assert_eq!(state.load.get(), model.load);
            prop_assert_eq!(state.previous_load.get(), model.previous);
            prop_assert_eq!(i64::from(state.outage_cycles), model.silent);
            prop_assert_eq!((decision.baseline, decision.load), (state.baseline, state.load));
        }
    }

    #[test]
    fn rates_stay_within_bounds_and_red_never_raises((config, seen) in controller_run()) {
        let mut controller = Controller::new(config.clone());
        let mut before = controller.state().queues.map(|queue| queue.rate.truncate());
        for observation in &seen {
            let decision = controller.step(Timestamp::ZERO, observation);
            for direction in Direction::BOTH {
                let queue = &config.queues[direction];
                let after = &decision.directions[direction];
                prop_assert!(after.rate >= queue.floors.red.truncate());
                prop_assert!(after.rate <= queue.ceiling.truncate());
                prop_assert!(after.zone != Zone::Red || after.rate <= before[direction]);
                prop_assert_eq!(after.held.is_some(), after.rate == before[direction]);
            }
            before = decision.rates();
        }
    }

    #[test]
    fn a_transition_is_a_change_of_zone_and_its_reason_is_true((config, seen) in controller_run()) {
        let mut controller = Controller::new(config);
        for observation in &seen {
            let before = controller.state();
            let decision = controller.step(Timestamp::ZERO, observation);
            for direction in Direction::BOTH {
                let from = before.queues[direction].last_zone;
                let after = &decision.directions[direction];
                prop_assert_eq!(after.transition.is_some(), after.zone != from);
                if let Some(transition) = after.transition {
                    prop_assert_eq!((transition.from, transition.to), (from, after.zone));
                    prop_assert!(is_true(transition.reason, &decision, &before));
                }
            }
        }
    }

    #[test]
    fn a_step_without_a_measurement_moves_no_rate((config, seen) in controller_run()) {
        let mut controller = Controller::new(config);
        for observation in &seen {
            let before = controller.state();
            let decision = controller.step(Timestamp::ZERO, observation);
            let is_measured = decision.outcome == Outcome::Completed;
            prop_assert_eq!(decision.rtt.is_some(), is_measured);
            for (_, direction) in decision.directions.iter() {
                prop_assert_eq!(direction.held == Some(Held::NoMeasurement), !is_measured);
            }
            if !is_measured {
                let after = controller.state();
                prop_assert_eq!(
                    ControllerState { outage_cycles: before.outage_cycles, ..after },
                    before
                );
            }
        }
    }

    #[test]
    fn a_restored_state_continues_identically(
        (config, seen) in controller_run(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut controller = Controller::new(config.clone());
        let (before, after) = seen.split_at(cut.index(seen.len()));
        for observation in before {
            let _ = controller.step(Timestamp::ZERO, observation);
        }
        let stored = serde_json::to_string(&controller.state()).unwrap();
        let mut restarted = Controller::new(config);
        restarted.restore(serde_json::from_str(&stored).unwrap());
        for observation in after {
            prop_assert_eq!(
                restarted.step(Timestamp::ZERO, observation),
                controller.step(Timestamp::ZERO, observation)
            );
            prop_assert_eq!(restarted.state(), controller.state());
        }
    }

    #[test]
    fn an_exported_state_needs_no_correction((config, seen) in controller_run()) {
        let mut controller = Controller::new(config.clone());
        for observation in &seen {
            let _ = controller.step(Timestamp::ZERO, observation);
            let state = controller.state();
            prop_assert_eq!(state.validated(&config), (state, Vec::new()));
        }
    }

    #[test]
    fn a_validated_state_keeps_the_bounds_and_is_validated_for_good(
        config in controller_config(),
        stored in any_state(),
        seen in delta(Thresholds::new(limit(15), limit(45), limit(80)).unwrap()),
    ) {
        let (state, corrections) = stored.validated(&config);
        prop_assert_eq!(state.validated(&config), (state, Vec::new()));
        prop_assert_eq!(corrections.is_empty(), state == stored);
        for (direction, queue) in config.queues.iter() {
            let mut copy = QueueController::new(*queue);
            copy.restore(state.queues[direction]);
            let rate = copy.adjust(Millis::ZERO, ms(seen), limit(15), limit(45)).rate;
            prop_assert!(rate >= queue.floors.red.truncate() && rate <= queue.ceiling.truncate());
        }
    }

    #[test]
    fn extreme_delays_leave_everything_finite(
        config in controller_config(),
        samples in prop::collection::vec((ANY, ANY), 1..40),
    ) {
        let mut baseline = Baseline::new(config.baseline);
        let mut spikes = SpikeDetector::new(config.accel_threshold, config.baseline.initial);
        let mut queue = QueueController::new(config.queues.download);
        for (rtt, load) in samples {
            let (rtt, load) = (Millis::saturating(rtt), Millis::saturating(load));
            baseline.observe(rtt, load);
            prop_assert!((config.baseline.min..=config.baseline.max).contains(&baseline.value()));
            if let Some(spike) = spikes.observe(load) {
                prop_assert!(spike.acceleration.get().is_finite());
                prop_assert!(spike.acceleration > spike.threshold.get());
            }
            let adjustment = four_at(&mut queue, baseline.value(), load, &config.thresholds);
            prop_assert!(adjustment.rate <= config.queues.download.ceiling.truncate());
        }
    }

    #[test]
    fn json_keeps_every_bit((config, seen) in controller_run()) {
        prop_assert_eq!(&through_json(&config), &config);
        let mut controller = Controller::new(config);
        for observation in &seen {
            prop_assert_eq!(&through_json(observation), observation);
            let decision = controller.step(Timestamp::ZERO, observation);
            prop_assert_eq!(through_json(&decision), decision);
            let state = controller.state();
            prop_assert_eq!(through_json(&state), state);
        }
    }
}

#[test]
fn nan_and_infinities_cannot_be_written_into_an_observation() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(Millis::new(bad), None);
    }
    for bad in ["NaN", "1e999", "-1e999", "\"NaN\""] {
        let text = format!(r#"{{"tcp":{bad}}}"#);
        let parsed = serde_json::from_str::<wanctl_controller::Reachability>(&text);
        assert!(parsed.is_err(), "{text}");
    }
    assert!(serde_json::from_str::<wanctl_controller::Reachability>(r#"{"tcp":30.2}"#).is_ok());
}

/// Equal, and equal again as text, which tells `-0.0` from `0.0`.
fn through_json<T>(value: &T) -> T
where
    T: serde::Serialize + serde::de::DeserializeOwned,
{
    let text = serde_json::to_string(value).unwrap();
    let read: T = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
    read
}

fn is_true(reason: TransitionReason, decision: &Decision, before: &ControllerState) -> bool {
    match reason {
        TransitionReason::Exceeded {
            delta, threshold, ..
        } => delta == decision.delta() && delta > threshold.get(),
        TransitionReason::FellBelow {
            delta, threshold, ..
        } => delta == decision.delta() && delta <= threshold.get(),
        TransitionReason::Spike {
            acceleration,
            threshold,
        } => acceleration == decision.load - before.previous_load && acceleration > threshold.get(),
        other @ (TransitionReason::Cut { .. } | _) => {
            panic!("no reason of the reference law: {other:?}")
        }
    }
}

fn any_state() -> impl Strategy<Value = ControllerState> {
    let rtt = || prop_oneof![(-10.0..600.0_f64).boxed(), ANY.boxed()];
    let queue =
        (-1e6..2e9_f64, any::<[u32; 3]>(), 0..4_u8).prop_map(|(rate, streaks, zone)| QueueState {
            rate: wanctl_types::RateBound::new(rate.max(0.0)).unwrap(),
            green_streak: streaks[0],
            soft_red_streak: streaks[1],
            red_streak: streaks[2],
            last_zone: Zone::from_code(zone).unwrap(),
        });
    (
        prop::array::uniform2(queue),
        prop::array::uniform3(rtt()),
        any::<u32>(),
    )
        .prop_map(
            |([download, upload], [baseline, load, previous_load], outage_cycles)| {
                ControllerState {
                    queues: wanctl_types::PerDirection::new(download, upload),
                    baseline: Millis::saturating(baseline),
                    load: Millis::saturating(load),
                    previous_load: Millis::saturating(previous_load),
                    outage_cycles,
                    adaptive: None,
                }
            },
        )
}

fn three(queue: &mut QueueController, delta: f64, limits: &Thresholds) -> Adjustment {
    queue.adjust(Millis::ZERO, ms(delta), limits.target(), limits.warn())
}

fn four(queue: &mut QueueController, delta: f64, limits: &Thresholds) -> Adjustment {
    four_at(queue, Millis::ZERO, ms(delta), limits)
}

fn four_at(
    queue: &mut QueueController,
    baseline: Millis,
    load: Millis,
    limits: &Thresholds,
) -> Adjustment {
    let [green, soft_red, hard_red] = [limits.target(), limits.warn(), limits.hard_red()];
    queue.adjust_4state(baseline, load, green, soft_red, hard_red)
}

fn ending(decision: &Decision) -> Ending {
    match decision.outcome {
        Outcome::Completed => Ending::Completed(
            decision.rtt.unwrap().get(),
            answer(&decision.directions.download),
            answer(&decision.directions.upload),
        ),
        Outcome::Frozen => Ending::Frozen,
        Outcome::Failed => Ending::Failed,
        other => panic!("an outcome these tests do not know: {other:?}"),
    }
}

fn answer(adjustment: &Adjustment) -> Answer {
    (
        i64::from(adjustment.zone.code()),
        i64::try_from(adjustment.rate.get()).unwrap(),
        adjustment
            .transition
            .map(|transition| transition.to_string()),
    )
}

fn state(state: QueueState) -> (f64, [i64; 4]) {
    let streaks = [state.green_streak, state.soft_red_streak, state.red_streak];
    let [green, soft_red, red] = streaks.map(i64::from);
    let zone = i64::from(state.last_zone.code());
    assert_eq!(state.rate.truncate(), Bps::truncating(state.rate.get()));
    (state.rate.get(), [green, soft_red, red, zone])
}

fn state_of(model: &QueueModel) -> (f64, [i64; 4]) {
    let counters = [model.green, model.soft_red, model.red, model.zone];
    (model.rate, counters)
}

fn names(limits: &Thresholds) -> [(f64, String); 3] {
    [limits.target(), limits.warn(), limits.hard_red()]
        .map(|limit| (limit.get().get(), limit.to_string()))
}

fn pairs(names: &[(f64, String); 3]) -> [(f64, &str); 3] {
    names
        .each_ref()
        .map(|(value, name)| (*value, name.as_str()))
}

fn limit(milliseconds: i32) -> Threshold {
    Threshold::from_integer(milliseconds)
}
