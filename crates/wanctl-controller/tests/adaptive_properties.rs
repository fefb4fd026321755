//! Properties of the adaptive law, seen from outside: whatever it is shown, and on lines in closed
//! form.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test helpers")]

#[path = "support/wild.rs"]
mod wild;

use core::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use wanctl_controller::{
    Controller, ControllerConfig, ControllerState, Decision, Held, Observation, Outcome,
};
use wanctl_types::{Direction, Millis, PerDirection, Timestamp};

use wild::{Tick, config, fast_config, loaded, ms, ordinary, ticks, wild};

/// Seeded, so a failure repeats.
fn runs(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(20_260_802),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(runs(500))]

    #[test]
    fn whatever_is_seen_rates_stay_within_bounds(
        config in config(),
        seen in ticks(prop_oneof![loaded(), wild()], 1..80),
    ) {
        let mut controller = Controller::new(config.clone());
        within_bounds(&config, &controller.state())?;
        let mut before = controller.state().queues.map(|queue| queue.rate.truncate());
        for Tick { now, observation } in &seen {
            let decision = controller.step(*now, observation);
            for direction in Direction::BOTH {
                let queue = &config.queues[direction];
                let after = &decision.directions[direction];
                prop_assert!(after.rate >= queue.floors.red.truncate(), "{direction}: {after:?}");
                prop_assert!(after.rate <= queue.ceiling.truncate(), "{direction}: {after:?}");
                // The silence in which a low rate is lifted has a test of its own.
                let is_silent = after.held == Some(Held::NoMeasurement);
                prop_assert!(is_silent || after.held.is_some() == (after.rate == before[direction]));
            }
            prop_assert!(decision.outcome != Outcome::Failed);
            prop_assert_eq!(decision.rtt.is_some(), decision.outcome == Outcome::Completed);
            within_bounds(&config, &controller.state())?;
            before = decision.rates();
        }
    }

    /// The law's own idle round trips and the most that its threshold can be at these rates: 25 ms
    /// of the path's noise, twelve packets at 20 Mbit/s both ways, 10 ms for a volatile line.
    #[test]
    fn no_rate_rises_while_every_reflector_shows_a_queue(
        config in fast_config(),
        seen in ticks(prop_oneof![3 => loaded(), 1 => wild()], 1..80),
    ) {
        const CERTAIN: f64 = 25.0 + 12.0 * 1.2 + 10.0;
        let mut controller = Controller::new(config);
        let mut before = controller.state();
        let mut rates = before.queues.map(|queue| queue.rate.truncate());
        for Tick { now, observation } in &seen {
            let decision = controller.step(*now, observation);
            let after = controller.state();
            if least_added(&before, &after, observation).is_some_and(|added| added > CERTAIN) {
                for direction in Direction::BOTH {
                    let rate = decision.directions[direction].rate;
                    prop_assert!(rate <= rates[direction], "{direction}: {rates:?}, {decision:?}");
                }
            }
            rates = decision.rates();
            before = after;
        }
    }

    #[test]
    fn the_same_steps_give_the_same_decisions(
        config in config(),
        seen in ticks(prop_oneof![loaded(), wild()], 2..60),
    ) {
        let mut one = Controller::new(config.clone());
        let first: Vec<Decision> = seen.iter().map(|tick| one.step(tick.now, &tick.observation)).collect();
        let mut two = Controller::new(config);
        let (early, late) = seen.split_at(seen.len() / 2);
        let mut second: Vec<Decision> = early.iter().map(|t| two.step(t.now, &t.observation)).collect();
        let mut copy = two.clone();
        // What becomes of one is nothing to the other.
        let _ = two.step(Timestamp::ZERO, &wild::idle([1_000.0; 3]));
        second.extend(late.iter().map(|tick| copy.step(tick.now, &tick.observation)));
        prop_assert_eq!(first, second);
        prop_assert_eq!(one.state(), copy.state());
    }

    #[test]
    fn what_was_learned_is_where_the_next_one_begins(
        config in config(),
        seen in ticks(ordinary(), 1..60),
        rtt in 5.0..100.0_f64,
    ) {
        let mut first = Controller::new(config.clone());
        let _ = first.step(Timestamp::ZERO, &wild::idle([rtt; 3]));
        for tick in &seen {
            let _ = first.step(tick.now, &tick.observation);
        }
        let stored = first.state();
        let (believed, corrections) = stored.validated(&config);
        prop_assert_eq!((&believed, &corrections), (&stored, &Vec::new()));

        let mut next = Controller::new(config.clone());
        next.restore(believed);
        prop_assert_eq!(learned(&next.state()), learned(&stored));
        let idle = Millis::saturating(stored.adaptive.unwrap().baselines[0].map_or(rtt, Millis::get));
        let decision = next.step(Timestamp::ZERO, &wild::idle([idle.get(); 3]));
        for direction in Direction::BOTH {
            let queue = &config.queues[direction];
            let estimate = learned(&stored)[direction].0;
            // Below a twentieth of the stored rate it never goes.
            let least = (0.05 * stored.queues[direction].rate.get())
                .max(200e3)
                .max(queue.floors.red.get());
            let wanted = (0.97 * estimate)
                .max(least)
                .min(queue.ceiling.get());
            let rate = decision.directions[direction].rate.as_f64();
            prop_assert!((rate - wanted).abs() <= 1.0, "{direction}: {rate}, not {wanted}");
        }
    }

    #[test]
    fn on_an_idle_line_no_rate_moves(config in config(), noise in noise()) {
        stays(config, &noise, 0)?;
    }

    #[test]
    fn before_the_counters_are_read_noise_moves_no_rate(config in config(), noise in noise()) {
        stays(config, &noise, 8)?;
    }
}

/// An idle line's round trips of three reflectors, ms, with long tails, in common and not.
fn noise() -> impl Strategy<Value = Vec<[f64; 3]>> {
    let parts = [0.0..1.0_f64, 0.0..1.0, 0.0..1.0];
    let parts = prop::collection::vec((parts, 0.0..1.0_f64), 100..400);
    (2.0..200.0_f64, 0.0..40.0_f64, parts).prop_map(|(base, spread, parts)| {
        let rtts = parts.into_iter().map(|(own, common)| {
            own.map(|part| base + spread * part.powi(8) + spread * common.powi(16))
        });
        rtts.collect()
    })
}

/// Whether no rate moves on an idle line whose counters are read from the tick after `uncounted` on.
fn stays(
    config: ControllerConfig,
    noise: &[[f64; 3]],
    uncounted: u64,
) -> Result<(), TestCaseError> {
    let mut controller = Controller::new(config);
    let start = controller.state().queues.map(|queue| queue.rate.get());
    for (tick, rtts) in (1_u64..).zip(noise) {
        let mut observation = wild::idle(*rtts);
        if tick <= uncounted {
            observation.link = PerDirection::default();
        }
        let decision = controller.step(Timestamp::from_micros(tick * 50_000), &observation);
        for direction in Direction::BOTH {
            let after = &decision.directions[direction];
            let moved = after.rate.as_f64() - start[direction];
            prop_assert!(moved.abs() <= 1.0, "tick {tick}: {start:?}, {decision:?}");
            prop_assert!(tick == 1 || after.held.is_some() && after.moved.is_none());
        }
    }
    Ok(())
}

#[test]
fn a_rate_that_changes_while_nothing_answers_is_not_said_to_be_held() {
    let mut controller = Controller::new(wild::of(
        wild::limits(1.0, 200.0, 100.0),
        wild::limits(1.0, 40.0, 20.0),
    ));
    let mut now = Timestamp::ZERO;
    let mut step = |seconds: f64, observation: &Observation| -> Decision {
        now = now + Duration::from_secs_f64(seconds);
        controller.step(now, observation)
    };
    let busy = |reflectors: bool| {
        let mut observation = wild::idle([20.0; 3]);
        observation.link.download = wild::carried(60e6, Some(0));
        observation.link.upload = wild::carried(1e6, Some(0));
        if !reflectors {
            observation.reflectors.clear();
        }
        observation
    };
    let mut rates = step(0.05, &busy(true)).rates();
    for _ in 0..140 {
        let decision = step(0.05, &busy(false));
        for direction in Direction::BOTH {
            let after = &decision.directions[direction];
            let is_held = after.rate == rates[direction];
            assert_eq!(after.held.is_some(), is_held, "{decision:?}");
        }
        rates = decision.rates();
    }
}

#[test]
fn before_the_first_answer_no_rate_rises() {
    let mut controller = Controller::new(wild::of(
        wild::limits(1.0, 200.0, 100.0),
        wild::limits(1.0, 40.0, 20.0),
    ));
    let first = controller.state().queues.download.rate.truncate();
    let mut observation = wild::idle([20.0; 3]);
    for reflector in &mut observation.reflectors {
        reflector.rtt = None;
    }
    let mut rate = first;
    for tick in 1..200 {
        observation.link.download = wild::carried(rate.as_f64(), Some(100_000));
        let decision = controller.step(Timestamp::from_micros(tick * 50_000), &observation);
        rate = decision.directions.download.rate;
        assert!(rate <= first, "tick {tick}: {decision:?}");
    }
}

#[test]
fn a_plan_near_the_floor_is_stored_as_it_is_believed() {
    let config = wild::of(
        wild::limits(95.0, 200.0, 100.0),
        wild::limits(10.0, 20.0, 20.0),
    );
    let stored = Controller::new(config.clone()).state();
    assert_eq!(stored.validated(&config), (stored, Vec::new()));
}

/// The least that any reflector shows above what the law may take for idle, if all of them answer.
fn least_added(
    before: &ControllerState,
    after: &ControllerState,
    observation: &Observation,
) -> Option<f64> {
    let (before, after) = (before.adaptive?.baselines, after.adaptive?.baselines);
    let mut least = f64::INFINITY;
    for (index, reflector) in observation.reflectors.iter().enumerate() {
        let is_fresh = reflector.age.as_millis() <= 100;
        let rtt = reflector
            .rtt
            .filter(|rtt| *rtt > Millis::ZERO && is_fresh)?;
        let idle = before[index]?.get().max(after[index]?.get());
        least = least.min(rtt.get() - idle);
    }
    let others = observation.reflectors.len()..;
    let none_else = after[others].iter().all(Option::is_none);
    (none_else && least.is_finite()).then_some(least)
}

/// Estimate in bit/s and volatility of each direction.
fn learned(state: &ControllerState) -> PerDirection<(f64, f64)> {
    let directions = state.adaptive.unwrap().directions;
    directions.map(|one| (one.estimate.as_f64(), one.volatility))
}

fn within_bounds(config: &ControllerConfig, state: &ControllerState) -> Result<(), TestCaseError> {
    let learned = learned(state);
    for direction in Direction::BOTH {
        let queue = &config.queues[direction];
        let rate = state.queues[direction].rate.get();
        prop_assert!(rate >= queue.floors.red.get() && rate <= queue.ceiling.get());
        let (estimate, volatility) = learned[direction];
        // Three times the ceiling is the most that a search can want after a late tick while the
        // counters tell of more than our shaper lets through; the estimate follows it by 1.25.
        prop_assert!(estimate > 0.0 && estimate <= 2.4 * queue.ceiling.get());
        prop_assert!((0.0..=1.0).contains(&volatility), "{volatility}");
    }
    let noise = state.adaptive.unwrap().noise;
    prop_assert!(noise >= ms(3.0) && noise <= ms(25.0), "{noise:?}");
    Ok(())
}
