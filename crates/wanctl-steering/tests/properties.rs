//! What holds whatever happens.

mod support;

use std::time::Duration;

use proptest::prelude::*;
use support::{Bench, Dice, Distances, Line, TARGETS, config, configured};
use wanctl_steering::{
    Action, EngineConfig, LegacyConfig, Observation, QueueObservation, Request, RouteConfig,
    Settled, ShaperObservation, StandardConfig, Steering, TargetObservation, WanObservation,
};
use wanctl_types::{Bps, Millis, PerDirection, Timestamp, Zone};

const CYCLE: Duration = Duration::from_millis(500);

/// A WAN that is up or down, as an observation of one cycle.
fn wan(up: bool, silent: &mut Duration) -> WanObservation {
    *silent = if up { Duration::ZERO } else { *silent + CYCLE };
    let target = TargetObservation {
        rtt: up.then(|| Millis::saturating(20.0)),
        answered: if up { 2 } else { 0 },
        lost: if up { 0 } else { 2 },
        silent: *silent,
        ..TargetObservation::default()
    };
    let mut wan = WanObservation::default();
    wan.targets.extend([target; TARGETS]);
    wan
}

fn routed(wans: usize) -> Steering {
    let mut standard = StandardConfig::new(CYCLE);
    let mut routes = RouteConfig::default();
    routes.up_after = Duration::from_secs(2);
    standard.routes = Some(routes);
    let mut config = configured(wans, EngineConfig::Standard(standard));
    for policy in &mut config.wans {
        policy.route = true;
    }
    Steering::new(config)
}

/// The fate of a request to the router: its delay in cycles, whether it is confirmed, and whether
/// it takes effect when it is not.
fn fate(dice: &mut Dice) -> (u64, Settled, bool) {
    let settled = if dice.unit() < 0.7 {
        Settled::Applied
    } else {
        Settled::Refused
    };
    (dice.next() % 8, settled, dice.unit() < 0.3)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    /// Whatever fails and however late the router answers: a route is demoted only while another
    /// WAN answers whose route stands, and the router never has all routes demoted.
    #[test]
    fn the_last_usable_default_route_is_never_demoted(wans in 2_usize..=5, seed in any::<u64>()) {
        let mut dice = Dice::new(seed);
        let mut steering = routed(wans);
        let mut router = Distances::default();
        let mut up = vec![true; wans];
        let mut silent = vec![Duration::ZERO; wans];
        let mut pending: Vec<(u64, Request, Settled, bool)> = Vec::new();
        for cycle in 0..600_u64 {
            let now = Timestamp::ZERO + CYCLE * u32::try_from(cycle).unwrap();
            // What is answered now; what was refused is read back, as the daemon does.
            let (due, later): (Vec<_>, Vec<_>) =
                pending.into_iter().partition(|(at, ..)| *at <= cycle);
            pending = later;
            for (_, request, settled, takes_effect) in due {
                if settled == Settled::Applied || takes_effect {
                    router.apply(request.action);
                }
                let _moved = steering.settle(now, request.id, settled);
            }
            if dice.unit() < 0.1 {
                for wan in wanctl_steering::WanIndex::first(wans) {
                    let open = pending.iter().any(|(_, request, ..)| {
                        request.action == Action::Demote(wan) || request.action == Action::Restore(wan)
                    });
                    if !open {
                        steering.adopt_route(wan, router.0.contains(&wan));
                    }
                }
            }
            for up in &mut up {
                if dice.unit() < 0.06 {
                    *up = !*up;
                }
            }
            let mut seen = Observation::default();
            for (up, silent) in up.iter().zip(&mut silent) {
                seen.wans.push(wan(*up, silent));
            }
            let decision = steering.step(now, &seen);
            for request in &decision.requests {
                if let Action::Demote(demoted) = request.action {
                    let another = wanctl_steering::WanIndex::first(wans).any(|other| {
                        other != demoted
                            && decision.wans[other.get()].assessment.is_up()
                            && !router.0.contains(&other)
                            && !pending.iter().any(|(_, open, ..)| open.action == Action::Demote(other))
                    });
                    prop_assert!(another, "cycle {cycle}: {request:?}, demoted {:?}", router.0);
                }
                let (delay, settled, effect) = fate(&mut dice);
                pending.push((cycle + delay, *request, settled, effect));
            }
            prop_assert!(router.0.len() < wans, "cycle {cycle}: every route is demoted");
        }
    }

    /// Once lines and router are well, every route comes back to its place.
    #[test]
    fn routes_come_back_when_all_is_well(wans in 2_usize..=5, seed in any::<u64>()) {
        let mut dice = Dice::new(seed);
        let mut steering = routed(wans);
        let mut silent = vec![Duration::ZERO; wans];
        for cycle in 0..300_u32 {
            let now = Timestamp::ZERO + CYCLE * cycle;
            let mut seen = Observation::default();
            for silent in &mut silent {
                let up = cycle > 200 || !silent.is_zero() && dice.unit() < 0.1
                    || silent.is_zero() && dice.unit() < 0.9;
                seen.wans.push(wan(up, silent));
            }
            for request in steering.step(now, &seen).requests {
                let settled = if cycle > 200 { Settled::Applied } else { fate(&mut dice).1 };
                let _moved = steering.settle(now, request.id, settled);
            }
        }
        for wan in wanctl_steering::WanIndex::first(wans) {
            prop_assert_eq!(steering.route(wan), wanctl_steering::RouteMode::Normal);
        }
    }

    /// Eligible traffic never goes to a WAN that does not answer.
    #[test]
    fn traffic_moves_only_to_a_wan_that_answers(wans in 2_usize..=5, seed in any::<u64>()) {
        let mut dice = Dice::new(seed);
        let mut bench = Bench::new(config(wans, CYCLE), CYCLE);
        for _ in 0..20 {
            let lines: Vec<Line> = (0..wans)
                .map(|_| match dice.next() % 4 {
                    0 => Line::DEAD,
                    1 => Line::clean(150.0),
                    2 => Line::clean(20.0).lossy(0.2),
                    _ => Line::clean(20.0),
                })
                .collect();
            let time = CYCLE * u32::try_from(1 + dice.next() % 60).unwrap();
            bench.run(time, &lines);
            prop_assert_eq!(&bench.blind_moves, &[]);
        }
    }

    /// No input makes either engine fail, and a WAN is never judged by what is not known.
    #[test]
    fn any_input_is_survived(seed in any::<u64>(), legacy in any::<bool>()) {
        let mut dice = Dice::new(seed);
        let engine = if legacy {
            EngineConfig::Legacy(LegacyConfig::new(CYCLE))
        } else {
            EngineConfig::Standard(StandardConfig::new(CYCLE))
        };
        let mut steering = Steering::new(configured(3, engine));
        for _ in 0..200 {
            // Time may stand still or go backwards.
            let now = Timestamp::from_micros(dice.next() >> (20 + dice.next() % 30));
            let seen = anything(&mut dice);
            let decision = steering.step(now, &seen);
            prop_assert!((0.0..=100.0).contains(&decision.score.total));
            for request in &decision.requests {
                if dice.unit() < 0.5 {
                    let _moved = steering.settle(now, request.id, fate(&mut dice).1);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    /// The same lines give the same moves at nearly the same time at any cycle.
    #[test]
    fn the_cycle_does_not_change_what_happens(
        plan in prop::collection::vec((0_u8..3, 20_u64..60), 1..6),
    ) {
        let mut runs = Vec::new();
        for cycle in [50, 500, 2_000].map(Duration::from_millis) {
            let mut bench = Bench::new(config(2, cycle), cycle);
            let alternate = Line::clean(35.0);
            bench.run(Duration::from_mins(1), &[Line::clean(20.0), alternate]);
            for (kind, seconds) in &plan {
                let primary = match kind {
                    0 => Line::clean(170.0),
                    1 => Line::DEAD,
                    _ => Line::clean(20.0),
                };
                // Nothing lasts about as long as a dwell, where a cycle more or less decides.
                let time = Duration::from_secs(if *kind == 2 { seconds + 60 } else { *seconds });
                bench.run(time, &[primary, alternate]);
            }
            bench.run(Duration::from_mins(10), &[Line::clean(20.0), alternate]);
            runs.push(bench.moves);
        }
        for run in &runs[1..] {
            prop_assert_eq!(run.len(), runs[0].len(), "{:?}", runs);
            for ((at, moved), (first, expected)) in run.iter().zip(&runs[0]) {
                prop_assert_eq!((moved.from, moved.to), (expected.from, expected.to));
                let apart = at.saturating_since(*first) + first.saturating_since(*at);
                prop_assert!(apart <= Duration::from_millis(2_750), "{apart:?}: {runs:?}");
            }
        }
    }
}

fn anything(dice: &mut Dice) -> Observation {
    let mut seen = Observation::default();
    for _ in 0..dice.next() % 5 {
        let mut wan = WanObservation::default();
        for _ in 0..dice.next() % 5 {
            wan.targets.push(TargetObservation {
                rtt: (dice.unit() < 0.8).then(|| odd(dice)),
                variation: (dice.unit() < 0.5).then(|| odd(dice)),
                answered: u32::try_from(dice.next() >> 32).unwrap_or_default(),
                lost: u32::try_from(dice.next() >> 32).unwrap_or_default(),
                silent: Duration::from_micros(dice.next() >> (dice.next() % 60)),
            });
        }
        wan.queue = (dice.unit() < 0.5).then(|| QueueObservation {
            drops: dice.next(),
            queued: dice.next(),
            interval: Duration::ZERO,
            age: Duration::from_micros(dice.next() >> 40),
        });
        wan.shaper = (dice.unit() < 0.5).then(|| ShaperObservation {
            zone: PerDirection::new(Some(Zone::Red), None),
            rate: PerDirection::new(Some(Bps::new(dice.next())), None),
            floor: PerDirection::new(Some(Bps::new(dice.next())), None),
            baseline: Some(odd(dice)),
            age: Duration::from_micros(dice.next() >> 40),
        });
        seen.wans.push(wan);
    }
    seen
}

fn odd(dice: &mut Dice) -> Millis {
    Millis::saturating(f64::from_bits(dice.next()))
}
