use super::super::fixtures::{PLAN, Sight, at, carried, reading, reply};
use super::*;

const DOWN: Direction = Direction::Download;

/// Two ticks a second, five answers in each.
struct Desk {
    law: SqmAutorate,
    millis: u64,
    bytes: PerDirection<u64>,
}

impl Desk {
    fn new() -> Self {
        let mut desk = Self {
            law: SqmAutorate::new(&PLAN, 1),
            millis: 0,
            bytes: PerDirection::default(),
        };
        desk.go(10, 0.1, [20.0; 5]);
        desk
    }

    fn go(&mut self, ticks: u32, used: f64, rtts: [f64; 5]) {
        for _ in 0..ticks {
            self.tick(used, &rtts);
        }
    }

    fn tick(&mut self, used: f64, rtts: &[f64]) {
        self.millis += 500;
        let rates = self.law.start();
        let mut sight = Sight::new(5);
        for direction in Direction::BOTH {
            self.bytes[direction] += carried(rates[direction].as_mbps() * used, 500);
            sight.counters[direction] = Some(reading(self.millis, self.bytes[direction]));
        }
        let answers = rtts.iter().enumerate();
        sight.replies = answers
            .map(|(reflector, rtt)| reply(reflector, self.millis - 10, *rtt))
            .collect();
        self.law.step(at(self.millis), &sight.seen());
    }

    fn mbps(&self) -> f64 {
        self.law.start()[DOWN].as_mbps()
    }
}

#[test]
fn it_starts_at_three_fifths_and_stays_there_without_load() {
    let mut desk = Desk::new();
    assert!((desk.mbps() - 30.0).abs() < 1e-9);
    desk.go(100, 0.8, [20.0; 5]);
    assert!((desk.mbps() - 30.0).abs() < 1e-9);
}

#[test]
fn half_lives_are_those_of_the_program() {
    let slow = (0..270).fold(1.0, |mean, _| blended(mean, 0.0, SLOW));
    assert!((slow - 0.5).abs() < 1e-9, "{slow}");
    let fast = blended(1.0, 0.0, FAST);
    assert!((fast - 0.420).abs() < 1e-3, "{fast}");
}

#[test]
fn from_a_fifth_to_the_base_rate_takes_nine_seconds_of_full_load() {
    let mut desk = Desk::new();
    desk.law.lanes.download.rate = 10_000.0;
    let mut ticks = 0;
    while desk.mbps() < 50.0 {
        desk.go(1, 1.0, [20.0; 5]);
        ticks += 1;
    }
    assert!((16..=20).contains(&ticks), "{ticks}");
    // There is no maximum.
    desk.go(100, 1.0, [20.0; 5]);
    assert!(desk.mbps() > 100.0, "{}", desk.mbps());
}

#[test]
fn bloat_cuts_to_nine_tenths_of_what_was_achieved_or_a_safe_rate() {
    let mut desk = Desk::new();
    desk.go(1, 1.0, [20.0; 5]);
    let achieved = desk.mbps();
    desk.tick(1.0, &[90.0; 5]);
    assert!(desk.mbps() <= 0.9 * achieved + 1e-3, "{}", desk.mbps());
    assert!(desk.mbps() > 0.7 * achieved, "{}", desk.mbps());
}

#[test]
fn a_spike_at_low_load_goes_straight_to_the_minimum() {
    let mut desk = Desk::new();
    desk.tick(0.1, &[120.0; 5]);
    assert!((desk.mbps() - 10.0).abs() < 1e-9);
}

#[test]
fn two_late_reflectors_are_outvoted() {
    let mut desk = Desk::new();
    desk.go(20, 0.1, [20.0, 300.0, 20.0, 300.0, 20.0]);
    assert!((desk.mbps() - 30.0).abs() < 1e-9);
    desk.go(2, 0.1, [300.0, 300.0, 20.0, 300.0, 20.0]);
    assert!((desk.mbps() - 10.0).abs() < 1e-9);
}

#[test]
fn silence_means_the_minimum_in_both_directions() {
    let mut desk = Desk::new();
    for _ in 0..3 {
        desk.tick(1.0, &[]);
    }
    let rates = desk.law.start();
    assert_eq!(rates, PerDirection::new(10, 2).map(Bps::from_mbps));
}

#[test]
fn a_baseline_follows_down_at_once_and_up_slowly() {
    let mut known = Reflector::new(at(0), PerDirection::new(10.0, 10.0));
    for tick in 1..=10 {
        known.take(at(500 * tick), PerDirection::new(5.0, 40.0));
    }
    assert!(known.baseline.download < 5.01, "{known:?}");
    assert!((10.0..11.0).contains(&known.baseline.upload), "{known:?}");
    known.take(at(60_000), PerDirection::new(30.0, 30.0));
    assert!((known.baseline.upload - 30.0).abs() < 1e-9);
}
