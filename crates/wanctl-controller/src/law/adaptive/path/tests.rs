use core::time::Duration;

use wanctl_types::Millis;

use super::*;

const QUIET: Setting = Setting {
    is_quiet: true,
    is_loaded: false,
    step: 0.05,
};
const LOADED: Setting = Setting {
    is_quiet: false,
    is_loaded: true,
    step: 0.05,
};

/// A path and its clock.
struct Played {
    path: Path,
    now: f64,
}

impl Played {
    fn new() -> Self {
        Self {
            path: Path::new(&[None; MAX_REFLECTORS], None),
            now: 0.0,
        }
    }

    /// One tick in which each reflector answers with its RTT, ms, or not.
    fn tick(&mut self, rtts: &[Option<f64>], setting: Setting) -> Delay {
        self.now += 0.05;
        let seen: Vec<_> = rtts
            .iter()
            .map(|rtt| ReflectorObservation {
                rtt: rtt.and_then(Millis::new),
                ..ReflectorObservation::default()
            })
            .collect();
        self.path.observe(self.now, &seen, setting)
    }

    fn ticks(&mut self, count: usize, rtts: &[Option<f64>], setting: Setting) -> Delay {
        for _ in 1..count {
            let _ = self.tick(rtts, setting);
        }
        self.tick(rtts, setting)
    }
}

fn is_near(found: f64, expected: f64) -> bool {
    (found - expected).abs() < 0.5
}

#[test]
fn the_added_delay_is_the_least_that_any_reflector_shows() {
    let mut played = Played::new();
    let _ = played.ticks(40, &[Some(20.0), Some(30.0), Some(12.0)], QUIET);
    let delay = played.tick(&[Some(35.0), Some(80.0), Some(26.0)], LOADED);
    assert!(is_near(delay.added, 14.0), "{delay:?}");
}

#[test]
fn one_reflector_that_lies_adds_nothing() {
    let mut played = Played::new();
    let _ = played.ticks(40, &[Some(20.0); 3], QUIET);
    let delay = played.ticks(40, &[Some(20.0), Some(60.0), Some(20.0)], LOADED);
    assert!(is_near(delay.added, 0.0), "{delay:?}");
}

#[test]
fn a_queue_under_load_is_no_longer_path_however_long_it_stands() {
    let mut played = Played::new();
    let _ = played.ticks(40, &[Some(20.0); 3], QUIET);
    let delay = played.ticks(2_400, &[Some(45.0); 3], LOADED);
    assert!(is_near(delay.added, 25.0), "{delay:?}");
}

#[test]
fn a_shorter_path_is_believed_at_once_even_under_load() {
    let mut played = Played::new();
    let _ = played.ticks(40, &[Some(40.0); 3], QUIET);
    let _ = played.ticks(20, &[Some(25.0); 3], LOADED);
    assert!(is_near(played.path.baseline().unwrap(), 25.0));
}

#[test]
fn a_longer_path_is_learned_while_the_line_is_idle() {
    let mut played = Played::new();
    let _ = played.ticks(100, &[Some(25.0); 3], QUIET);
    let delay = played.ticks(60, &[Some(40.0); 3], QUIET);
    assert!(is_near(delay.added, 0.0), "{delay:?}");
}

#[test]
fn a_supposed_path_can_be_withdrawn_and_confirmed() {
    let mut played = Played::new();
    let _ = played.ticks(100, &[Some(25.0); 3], QUIET);
    let _ = played.ticks(10, &[Some(40.0); 3], LOADED);
    played.path.suppose_longer(15.0);
    assert!(is_near(played.tick(&[Some(40.0); 3], LOADED).added, 0.0));
    // A queue that shrinks meanwhile must not be taken for a shorter path.
    let _ = played.ticks(30, &[Some(30.0); 3], LOADED);
    played.path.withdraw_longer();
    assert!(is_near(played.tick(&[Some(30.0); 3], LOADED).added, 5.0));
    played.path.suppose_longer(15.0);
    played.path.confirm_longer();
    assert!(is_near(played.tick(&[Some(40.0); 3], LOADED).added, 0.0));
}

#[test]
fn noise_of_an_idle_line_becomes_the_threshold_within_bounds() {
    let mut quiet = Played::new();
    let mut noisy = Played::new();
    for tick in 0..800_u32 {
        let _ = quiet.tick(&[Some(20.0 + f64::from(tick % 3) * 0.2); 3], QUIET);
        let _ = noisy.tick(&[Some(20.0 + f64::from((tick * 7) % 11)); 3], QUIET);
    }
    assert!(quiet.path.threshold() < 4.0);
    assert!(noisy.path.threshold() > 10.0);
    assert!(noisy.path.threshold() <= MOST_THRESHOLD);
}

#[test]
fn probes_on_their_way_say_how_long_the_queue_is_at_least() {
    let mut played = Played::new();
    let _ = played.ticks(40, &[Some(20.0); 3], QUIET);
    played.now += 0.05;
    let late = |ms| ReflectorObservation {
        overdue: Some(Duration::from_millis(ms)),
        ..ReflectorObservation::default()
    };
    let seen = [late(400), late(350), late(300)];
    let delay = played.path.observe(played.now, &seen, LOADED);
    assert!(is_near(delay.added, 330.0), "the second worst: {delay:?}");
    assert!(delay.is_inferred);
    let one_silent = [late(400), late(0), late(0)];
    let delay = played.path.observe(played.now + 0.05, &one_silent, LOADED);
    assert!(!delay.is_inferred, "one may just be silent");
}

#[test]
fn silence_is_counted_from_the_last_answer_or_the_start() {
    let mut played = Played::new();
    let delay = played.ticks(41, &[None; 3], QUIET);
    assert!(is_near(delay.silent_for, 2.0), "{delay:?}");
    let _ = played.tick(&[Some(20.0); 3], QUIET);
    let delay = played.ticks(20, &[None; 3], QUIET);
    assert!(is_near(delay.silent_for, 1.0), "{delay:?}");
}
