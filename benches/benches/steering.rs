//! What one steering decision costs: two and five WANs of three targets, both engines.
#![expect(clippy::unwrap_used, reason = "a benchmark on a fixed configuration")]

use core::hint::black_box;
use core::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use wanctl_steering::{
    EngineConfig, LegacyConfig, Observation, RouteConfig, Settled, ShaperObservation,
    StandardConfig, Steering, SteeringConfig, TargetObservation, WanObservation, WanPolicy,
};
use wanctl_types::{Millis, PerDirection, Timestamp};

/// Length of the input that is run round and round.
const INPUTS: usize = 4_096;
/// What the WAN in normal use does, one after the other: answers in so many milliseconds, or not.
const PHASES: [Option<f64>; 4] = [Some(20.0), Some(170.0), Some(20.0), None];
const CYCLE: Duration = Duration::from_millis(500);
const TARGETS: usize = 3;

criterion_group!(benches, decisions);
criterion_main!(benches);

fn decisions(criterion: &mut Criterion) {
    let mut standard = StandardConfig::new(CYCLE);
    standard.routes = Some(RouteConfig::default());
    for wans in [2, 5] {
        let name = format!("steering/standard/{wans}_wans");
        decide(criterion, &name, wans, EngineConfig::Standard(standard));
    }
    let legacy = EngineConfig::Legacy(LegacyConfig::new(CYCLE));
    decide(criterion, "steering/legacy", 2, legacy);
}

fn decide(criterion: &mut Criterion, name: &str, wans: usize, engine: EngineConfig) {
    let mut policy = WanPolicy::new(TARGETS);
    policy.route = true;
    let policies = std::iter::repeat_n(policy, wans).collect();
    let mut steering = Steering::new(SteeringConfig::new(engine, policies).unwrap());
    // A loop has just written what it hands over, so the few inputs stay in the cache.
    let phases = PHASES.map(|primary| observation(primary, wans));
    let inputs: Vec<&Observation> = (0..INPUTS)
        .filter_map(|place| phases.get(place * 8 / INPUTS % 4))
        .collect();
    let mut now = Timestamp::ZERO;
    let mut moves = 0_usize;
    let mut step = |seen: &Observation| {
        now = now + CYCLE;
        let decision = steering.step(now, seen);
        for request in &decision.requests {
            moves += usize::from(steering.settle(now, request.id, Settled::Applied).is_some());
        }
        moves
    };
    let total = inputs.iter().map(|seen| step(seen)).last();
    assert!(total.is_some_and(|moves| moves >= 4), "{total:?} moves");

    let mut next = inputs.iter().cycle();
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| next.next().map(|seen| step(black_box(seen))));
    });
}

/// The other WANs stay calm.
fn observation(primary: Option<f64>, wans: usize) -> Observation {
    let mut seen = Observation::default();
    for wan in 0..wans {
        let rtt = if wan == 0 { primary } else { Some(35.0) };
        let target = TargetObservation {
            rtt: rtt.map(Millis::saturating),
            variation: rtt.map(|_| Millis::saturating(0.5)),
            answered: if rtt.is_some() { 2 } else { 0 },
            lost: if rtt.is_some() { 0 } else { 2 },
            silent: if rtt.is_some() {
                Duration::ZERO
            } else {
                Duration::from_secs(30)
            },
        };
        let mut observation = WanObservation {
            shaper: (wan == 0).then(|| ShaperObservation {
                zone: PerDirection::default(),
                rate: PerDirection::default(),
                floor: PerDirection::default(),
                baseline: Some(Millis::saturating(20.0)),
                age: Duration::ZERO,
            }),
            ..WanObservation::default()
        };
        observation.targets.extend([target; TARGETS]);
        seen.wans.push(observation);
    }
    seen
}
