//! The adaptive law on a line in closed form: how fast it cuts, how far, and what it leaves alone.
#![expect(clippy::unwrap_used, reason = "test helpers")]

#[path = "support/line.rs"]
mod line;
#[path = "support/wild.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod wild;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use wanctl_controller::Controller;
use wanctl_types::{Direction, PerDirection};

use line::{Demand, Line};

/// Seeded, so a failure repeats.
fn runs() -> ProptestConfig {
    ProptestConfig {
        cases: 300,
        rng_seed: RngSeed::Fixed(20_260_803),
        ..ProptestConfig::default()
    }
}

/// Ticks of a line that nobody uses: 3 s.
const IDLE: usize = 60;
/// Ticks from the first delay above 8 ms to a lower rate, where most of the rate is used. The
/// threshold of a line without noise and with fast shapers is below that.
const ANSWER: usize = 8;
/// The same where so little of it is used that the direction is at first not suspected.
const DOUBTFUL_ANSWER: usize = 14;

/// Somebody begins to fill one direction of a line that was sold as more than it is.
#[derive(Clone, Copy, Debug)]
struct Case {
    direction: Direction,
    /// Round trip without load, ms.
    idle: f64,
    /// Of the direction, bit/s. The other one has 200 Mbit/s, as sold.
    capacity: f64,
    /// As what it was sold, of the capacity.
    sold: f64,
    demand: Demand,
}

/// What came of it.
#[derive(Debug)]
struct Outcome {
    /// Ticks from the first delay above 8 ms to the first lower rate.
    answered_after: Option<usize>,
    /// Whether the rate was ever above its first one before it was cut.
    rose: bool,
    /// Longest delay in the provider's queues in the last two of ten seconds, ms.
    late: f64,
    /// Mean rate of those two seconds, of the capacity.
    share: f64,
    /// Greatest change of the other direction's rate, of its first one.
    other_moved: f64,
}

/// Senders that follow what arrives.
fn greedy(direction: impl Strategy<Value = Direction>) -> impl Strategy<Value = Case> {
    (
        direction,
        5.0..80.0_f64,
        20e6..800e6_f64,
        1.4..4.0_f64,
        1.1..2.0_f64,
    )
        .prop_map(|(direction, idle, capacity, sold, first)| Case {
            direction,
            idle,
            capacity,
            sold,
            demand: Demand::Greedy(first * capacity),
        })
}

/// A sender that fills our shaper whatever comes of it.
fn stubborn(direction: Direction) -> impl Strategy<Value = Case> {
    greedy(Just(direction)).prop_map(|case| Case {
        demand: Demand::Constant(case.sold * case.capacity),
        ..case
    })
}

fn either() -> impl Strategy<Value = Direction> {
    prop::sample::select(Direction::BOTH.to_vec())
}

fn overload(case: &Case) -> Outcome {
    let (direction, other) = match case.direction {
        Direction::Download => (Direction::Download, Direction::Upload),
        Direction::Upload => (Direction::Upload, Direction::Download),
    };
    let mut capacities = PerDirection::new(200e6, 200e6);
    capacities[direction] = case.capacity;
    let mut plans = capacities.map(|capacity| capacity / 1e6);
    plans[direction] *= case.sold;
    let limits = plans.map(|plan| wild::limits(0.02 * plan, 3.0 * plan, plan));
    let mut controller = Controller::new(wild::of(limits.download, limits.upload));
    let mut line = Line::new(case.idle, capacities, &controller);
    let mut demand = PerDirection::new(None, None);
    for _ in 1..IDLE {
        let _ = line.tick(demand, &mut controller);
    }
    let first = line.tick(demand, &mut controller).rates();
    demand[direction] = Some(case.demand);
    let mut outcome = Outcome {
        answered_after: None,
        rose: false,
        late: 0.0,
        share: 0.0,
        other_moved: 0.0,
    };
    let mut delayed_at = None;
    for tick in 0..200 {
        let rates = line.tick(demand, &mut controller).rates();
        if line.added() > 8.0 {
            delayed_at = delayed_at.or(Some(tick));
        }
        let rate = rates[direction];
        if outcome.answered_after.is_none() {
            outcome.rose |= rate > first[direction];
            if rate < first[direction] {
                outcome.answered_after = Some(tick - delayed_at.unwrap_or(tick));
            }
        }
        if tick >= 160 {
            outcome.late = outcome.late.max(line.added());
            outcome.share += rate.as_f64() / case.capacity / 40.0;
        }
        let moved = rates[other].as_f64() / first[other].as_f64() - 1.0;
        outcome.other_moved = outcome.other_moved.max(moved.abs());
    }
    outcome
}

proptest! {
    #![proptest_config(runs())]

    #[test]
    fn an_overloaded_download_is_cut_at_once(case in stubborn(Direction::Download)) {
        let outcome = overload(&case);
        prop_assert!(outcome.answered_after.is_some_and(|ticks| ticks <= ANSWER), "{outcome:?}");
        prop_assert!(!outcome.rose, "{outcome:?}");
    }

    #[test]
    fn an_overloaded_upload_is_cut_at_once(case in stubborn(Direction::Upload)) {
        let outcome = overload(&case);
        prop_assert!(outcome.answered_after.is_some_and(|ticks| ticks <= ANSWER), "{outcome:?}");
        prop_assert!(!outcome.rose, "{outcome:?}");
    }

    #[test]
    fn senders_far_below_our_rate_are_cut_after_some_doubt(case in greedy(either())) {
        let outcome = overload(&case);
        let is_soon = |ticks| ticks <= DOUBTFUL_ANSWER;
        prop_assert!(outcome.answered_after.is_some_and(is_soon), "{outcome:?}");
        prop_assert!(!outcome.rose, "{outcome:?}");
    }

    #[test]
    fn after_eight_seconds_the_queue_is_ours(case in greedy(either())) {
        let outcome = overload(&case);
        prop_assert!(outcome.late < 15.0, "{outcome:?}");
        prop_assert!((0.85..1.05).contains(&outcome.share), "{outcome:?}");
    }

    #[test]
    fn the_direction_that_nobody_uses_is_left_alone(case in greedy(either())) {
        let outcome = overload(&case);
        prop_assert!(outcome.other_moved < 1e-6, "{outcome:?}");
    }
}
