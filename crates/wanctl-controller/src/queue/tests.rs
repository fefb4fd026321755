//! The rules of both routines, one test per rule.
//!
//! Upload: floors 35/30/25/25, ceiling 40, step 1. Download: floors 800/600/500/400, ceiling 920,
//! step 10 (Mbit/s). Both: factors 0.85 and 0.96, five green calls, thresholds 15/45/80.

use wanctl_types::Bps;

use super::*;
use crate::fixtures::{download_config, ms, upload_config};
use crate::{Factor, Floors};

#[test]
fn a_delta_on_a_threshold_belongs_to_the_better_zone() {
    for (delta, zone) in [
        (-5.0, Zone::Green),
        (15.0, Zone::Green),
        (15.000_1, Zone::Yellow),
        (45.0, Zone::Yellow),
        (45.000_1, Zone::Red),
    ] {
        assert_eq!(upload(40.0).up(delta).zone, zone, "upload at {delta}");
    }
    for (delta, zone) in [
        (15.0, Zone::Green),
        (45.0, Zone::Yellow),
        (45.000_1, Zone::SoftRed),
        (80.0, Zone::SoftRed),
        (80.000_1, Zone::Red),
    ] {
        assert_eq!(
            download(920.0).down(delta).zone,
            zone,
            "download at {delta}"
        );
    }
}

#[test]
fn red_multiplies_by_the_decrease_factor() {
    let mut queue = upload(40.0);
    assert_eq!(queue.up(100.0).rate, Bps::from_mbps(34));
    assert_eq!(queue.0.state().red_streak, 1);
    assert_eq!(download(920.0).down(100.0).rate, Bps::from_mbps(782));
}

#[test]
fn yellow_multiplies_by_its_own_factor() {
    assert_eq!(upload(40.0).up(30.0).rate, Bps::new(38_400_000));
}

#[test]
fn green_steps_up_on_every_call_once_it_has_lasted() {
    let mut queue = upload(35.0);
    let rates = [(); 6].map(|()| queue.up(0.0).rate);
    assert_eq!(
        rates,
        kbps([35_000, 35_000, 35_000, 35_000, 36_000, 37_000])
    );
}

#[test]
fn the_3state_rule_stops_at_the_red_floor_in_every_zone() {
    assert_eq!(upload(26.0).up(100.0).rate, Bps::from_mbps(25));
    assert_eq!(upload(26.0).up(30.0).rate, Bps::from_mbps(25));
    assert_eq!(upload(26.0).up(0.0).rate, Bps::from_mbps(26));
}

#[test]
fn recovery_after_red_waits_for_the_green_streak() {
    let mut queue = upload(35.0);
    let deltas = [100.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    let rates = deltas.map(|delta| queue.up(delta).rate);
    assert_eq!(
        rates,
        kbps([29_750, 29_750, 29_750, 29_750, 29_750, 30_750])
    );
}

#[test]
fn soft_red_holds_without_decay() {
    let mut queue = download(600.0);
    for _ in 0..5 {
        let adjustment = queue.down(60.0);
        assert_eq!(adjustment.zone, Zone::SoftRed);
        assert_eq!(adjustment.rate, Bps::from_mbps(600));
        assert_eq!(adjustment.held, Some(Held::SoftRed));
    }
}

#[test]
fn a_decayed_rate_is_lifted_to_the_floor_of_its_zone() {
    let adjustment = download(610.0).down(30.0);
    assert_eq!(adjustment.zone, Zone::Yellow);
    assert_eq!(adjustment.rate, Bps::from_mbps(600));
}

#[test]
fn a_green_step_is_lifted_to_the_green_floor() {
    let mut queue = download(780.0);
    queue.0.state.green_streak = 4;
    assert_eq!(queue.down(0.0).rate, Bps::from_mbps(800));
}

#[test]
fn soft_red_counts_as_yellow_until_it_is_confirmed() {
    let config = QueueConfig {
        soft_red_required: 3,
        ..download_config()
    };
    let mut queue = at(config, 920.0);
    let zones = [(); 3].map(|()| queue.down(50.0).zone);
    assert_eq!(zones, [Zone::Yellow, Zone::Yellow, Zone::SoftRed]);
    assert_eq!(queue.0.state().soft_red_streak, 3);
}

#[test]
fn each_better_zone_lifts_the_rate_to_its_floor_at_once() {
    let mut queue = download(400.0);
    let rates = [100.0, 60.0, 30.0, 5.0].map(|delta| queue.down(delta).rate);
    assert_eq!(rates, kbps([400_000, 500_000, 600_000, 800_000]));
}

#[test]
fn streaks_follow_the_raw_zone() {
    let mut queue = download(920.0);
    for (delta, green, soft_red, red) in [
        (0.0, 1, 0, 0),
        (0.0, 2, 0, 0),
        (60.0, 0, 1, 0),
        (60.0, 0, 2, 0),
        (90.0, 0, 0, 1),
        (90.0, 0, 0, 2),
        (30.0, 0, 0, 0),
    ] {
        let _ = queue.down(delta);
        let state = queue.0.state();
        let streaks = (state.green_streak, state.soft_red_streak, state.red_streak);
        assert_eq!(streaks, (green, soft_red, red), "after {delta}");
    }
}

#[test]
fn the_3state_rule_leaves_the_soft_red_streak_alone() {
    let mut queue = upload(40.0);
    queue.0.state.soft_red_streak = 7;
    for delta in [0.0, 30.0, 100.0] {
        let _ = queue.up(delta);
        assert_eq!(queue.0.state().soft_red_streak, 7);
    }
}

#[test]
fn entering_a_zone_names_the_threshold_that_decided() {
    let with_integers = [
        (100.0, "RTT delta 100.0ms exceeded hard_red threshold 80ms"),
        (25.3, "RTT delta 25.3ms exceeded green threshold 15ms"),
        (50.0, "RTT delta 50.0ms exceeded soft_red threshold 45ms"),
        (15.0, "RTT delta 15.0ms fell below green threshold 15ms"),
        (16.0, "RTT delta 16.0ms exceeded green threshold 15ms"),
        (-0.04, "RTT delta -0.0ms fell below green threshold 15ms"),
    ];
    let mut queue = download(920.0);
    for (delta, text) in with_integers {
        assert_eq!(reason(queue.down(delta)).as_deref(), Some(text));
    }
    let mut queue = upload(40.0);
    for (delta, text) in [
        (46.0, "RTT delta 46.0ms exceeded warn threshold 45ms"),
        (20.0, "RTT delta 20.0ms exceeded target threshold 15ms"),
        (2.0, "RTT delta 2.0ms fell below target threshold 15ms"),
    ] {
        assert_eq!(reason(queue.up(delta)).as_deref(), Some(text));
    }
}

#[test]
fn a_threshold_prints_as_it_was_written() {
    let float = |value| Threshold::from_float(ms(value));
    let mut queue = QueueController::new(upload_config());
    let adjustment = queue.adjust(ms(22.0), ms(70.0), float(15.0), float(45.0));
    assert_eq!(
        reason(adjustment).as_deref(),
        Some("RTT delta 48.0ms exceeded warn threshold 45.0ms")
    );
    let mut queue = QueueController::new(download_config());
    let limits = (float(15.0), float(31.700_000_000_000_003), float(80.0));
    let adjustment = queue.adjust_4state(ms(22.0), ms(72.0), limits.0, limits.1, limits.2);
    assert_eq!(
        reason(adjustment).as_deref(),
        Some("RTT delta 50.0ms exceeded soft_red threshold 31.700000000000003ms")
    );
}

#[test]
fn staying_in_a_zone_is_no_transition() {
    let mut queue = download(920.0);
    assert_eq!(queue.down(0.0).transition, None);
    assert!(queue.down(90.0).transition.is_some());
    assert_eq!(queue.down(95.0).transition, None);
}

#[test]
fn a_spike_is_one_red_call_with_its_own_reason() {
    let mut queue = download(920.0);
    let _ = (queue.down(0.0), queue.down(60.0));
    let adjustment = queue.0.force_red(spike());
    assert_eq!(adjustment.zone, Zone::Red);
    assert_eq!(adjustment.rate, Bps::from_mbps(782));
    assert_eq!(
        reason(adjustment).as_deref(),
        Some("RTT acceleration 17.5ms exceeded accel threshold 15ms")
    );
    let state = queue.0.state();
    let streaks = (state.green_streak, state.soft_red_streak, state.red_streak);
    assert_eq!(streaks, (0, 0, 1));

    let _ = queue.0.force_red(spike());
    assert_eq!(queue.0.state().red_streak, 2);
    assert_eq!(
        download(410.0).0.force_red(spike()).rate,
        Bps::from_mbps(400)
    );
}

#[test]
fn a_rate_that_stays_says_why() {
    assert_eq!(upload(40.0).up(0.0).held, Some(Held::AtCeiling));
    assert_eq!(
        upload(35.0).up(0.0).held,
        Some(Held::AwaitingGreen {
            streak: 1,
            required: 5
        })
    );
    assert_eq!(upload(25.0).up(100.0).held, Some(Held::AtFloor));
    assert_eq!(upload(25.0).up(30.0).held, Some(Held::AtFloor));
    assert_eq!(upload(40.0).up(30.0).held, None);
    let no_decay = QueueConfig {
        factor_down_yellow: Factor::new(1.0).unwrap(),
        ..upload_config()
    };
    assert_eq!(at(no_decay, 30.0).up(30.0).held, Some(Held::NoChange));
    let no_step = QueueConfig {
        step_up: bits(0.5),
        green_required: 1,
        ..upload_config()
    };
    assert_eq!(at(no_step, 30.0).up(0.0).held, Some(Held::NoChange));
    assert_eq!(upload(30.0).0.hold().held, Some(Held::NoMeasurement));
}

#[test]
fn a_bound_keeps_its_fraction_and_the_rate_loses_it() {
    let bound = RateBound::from_mbps(33.3).unwrap();
    let config = QueueConfig {
        floors: Floors::uniform(bound),
        ceiling: bound,
        ..upload_config()
    };
    let mut queue = Queue(QueueController::new(config));
    assert_eq!(queue.0.state().rate, bound);
    for (delta, held) in [
        (0.0, Held::AtCeiling),
        (30.0, Held::AtFloor),
        (100.0, Held::AtFloor),
    ] {
        let adjustment = queue.up(delta);
        assert_eq!(adjustment.rate, Bps::new(33_299_999));
        assert_eq!(adjustment.held, Some(held));
    }
    assert_eq!(queue.0.state().rate, bits(33_299_999.0));
}

#[test]
fn a_fractional_step_loses_its_fraction_every_call() {
    let config = QueueConfig {
        step_up: bits(1_000.7),
        green_required: 1,
        ..upload_config()
    };
    let mut queue = at(config, 30.0);
    assert_eq!(queue.up(0.0).rate, Bps::new(30_001_000));
    assert_eq!(queue.up(0.0).rate, Bps::new(30_002_000));
}

#[test]
fn zones_are_recorded_as_0_to_3() {
    let codes = [0.0, 30.0, 60.0, 90.0].map(|delta| download(920.0).down(delta).zone.code());
    assert_eq!(codes, [0, 1, 2, 3]);
}

#[test]
fn a_restored_state_is_the_exported_one() {
    let mut queue = download(920.0);
    let _ = (queue.down(90.0), queue.down(60.0), queue.down(60.0));
    let mut copy = QueueController::new(download_config());
    copy.restore(queue.0.state());
    assert_eq!(copy, queue.0);
}

struct Queue(QueueController);

impl Queue {
    fn up(&mut self, delta: f64) -> Adjustment {
        self.0.adjust(ms(0.0), ms(delta), limit(15), limit(45))
    }

    fn down(&mut self, delta: f64) -> Adjustment {
        self.0
            .adjust_4state(ms(0.0), ms(delta), limit(15), limit(45), limit(80))
    }
}

fn upload(mbps: f64) -> Queue {
    at(upload_config(), mbps)
}

fn download(mbps: f64) -> Queue {
    at(download_config(), mbps)
}

fn at(config: QueueConfig, mbps: f64) -> Queue {
    let mut queue = QueueController::new(config);
    queue.state.rate = RateBound::from_mbps(mbps).unwrap();
    Queue(queue)
}

fn reason(adjustment: Adjustment) -> Option<String> {
    Some(adjustment.transition?.to_string())
}

fn spike() -> Spike {
    Spike {
        acceleration: ms(17.5),
        threshold: limit(15),
    }
}

fn limit(milliseconds: i32) -> Threshold {
    Threshold::from_integer(milliseconds)
}

fn kbps<const N: usize>(rates: [u64; N]) -> [Bps; N] {
    rates.map(|kilobits| Bps::new(kilobits * 1_000))
}

fn bits(bits_per_second: f64) -> RateBound {
    RateBound::new(bits_per_second).unwrap()
}
