//! No law of ours may learn a queue as the path. `wanctl_sim::bench::adversary` says what that
//! means; the attacks come from seeds.
//!
//! ```text
//! cargo test -p wanctl-sim --release --test adversary -- --ignored            1,000 seeds
//! ADVERSARY_SEEDS=17,200-250 cargo test … -- --ignored --nocapture            these
//! ```
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use wanctl_sim::bench::adversary::{Attack, Latch, Ruse};
use wanctl_sim::bench::laws;

/// Seeds of the long run.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=1_000;
/// Two of each ruse.
const FEW: std::ops::RangeInclusive<u64> = 1_012..=1_037;

struct Failure {
    attack: Attack,
    latches: Vec<Latch>,
}

/// What a law fails, in the order of seeds.
fn failures(name: &str, seeds: &[u64]) -> Vec<Failure> {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let attack = Attack::new(*seed);
                    let mut law = laws::law(name, &attack.plan, *seed).unwrap();
                    let latches = attack.play(law.as_mut());
                    if !latches.is_empty() {
                        failures.lock().unwrap().push(Failure { attack, latches });
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap();
    failures.sort_by_key(|failure| failure.attack.seed);
    failures
}

fn told(failures: &[Failure]) -> String {
    let lines = failures.iter().map(|failure| {
        let latches: Vec<_> = failure.latches.iter().map(Latch::to_string).collect();
        let Attack { seed, ruse, .. } = failure.attack;
        format!("seed {seed}, {ruse:?}: {}\n", latches.join("; "))
    });
    lines.collect()
}

fn asked_for() -> Vec<u64> {
    let Ok(list) = std::env::var("ADVERSARY_SEEDS") else {
        return SEEDS.collect();
    };
    let ranges = list.split(',').map(|part| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let seed = |text: &str| text.trim().parse::<u64>().unwrap();
        seed(from)..=seed(to)
    });
    ranges.flatten().collect()
}

#[test]
fn a_law_that_knows_the_truth_passes() {
    let seeds: Vec<_> = FEW.collect();
    let failures = failures("oracle(0.30,0.90)", &seeds);
    assert!(failures.is_empty(), "{}", told(&failures));
}

#[test]
fn a_law_that_never_looks_is_caught() {
    let caught = failures("static", &FEW.collect::<Vec<_>>());
    assert!(caught.len() >= Ruse::ALL.len(), "{}", told(&caught));
}

#[test]
fn no_queue_is_learned_as_the_path_in_a_few_attacks() {
    let failures = failures("adaptive", &FEW.collect::<Vec<_>>());
    assert!(failures.is_empty(), "{}", told(&failures));
}

#[test]
#[ignore = "1,000 seeds: half a minute in a release build, several in a debug build"]
fn a_law_that_knows_the_truth_passes_all() {
    let failures = failures("oracle(0.30,0.90)", &asked_for());
    assert!(failures.is_empty(), "{}", told(&failures));
}

#[test]
#[ignore = "1,000 seeds: half a minute in a release build, several in a debug build"]
fn no_queue_is_ever_learned_as_the_path() {
    let seeds = asked_for();
    let failures = failures("adaptive", &seeds);
    let (count, of) = (failures.len(), seeds.len());
    assert!(failures.is_empty(), "{count} of {of}\n{}", told(&failures));
}
