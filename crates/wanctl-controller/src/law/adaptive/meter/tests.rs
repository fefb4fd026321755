use core::time::Duration;

use wanctl_types::Bytes;

use super::*;
use crate::{LoadObservation, QueueObservation};

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "far below 2^53 bytes"
)]
fn bytes(mbps: f64, seconds: f64) -> Bytes {
    Bytes::new((mbps * 1e6 * seconds / 8.0) as u64)
}

/// Plays `rates`, Mbit/s delivered from reading to reading, `interval` apart, at a shaper of
/// `allowed` Mbit/s that holds `backlog` bytes.
fn played(rates: &[f64], interval: f64, allowed: f64, backlog: Option<u64>) -> (Meter, f64) {
    let mut meter = Meter::default();
    let mut now = 0.0;
    for rate in rates {
        now += interval;
        let seen = LinkObservation {
            load: Some(LoadObservation {
                bytes: bytes(*rate, interval),
                interval: Duration::from_secs_f64(interval),
                age: Duration::ZERO,
            }),
            queue: backlog.map(|bytes| QueueObservation {
                backlog: Some(Bytes::new(bytes)),
                ..QueueObservation::default()
            }),
        };
        meter.observe(now, interval, &seen, allowed * 1e6);
    }
    (meter, now)
}

fn near(found: f64, expected: f64) {
    assert!(
        (found / expected - 1.0).abs() < 0.01,
        "{found} for {expected}"
    );
}

#[test]
fn the_delivered_rate_is_the_mean_of_a_quarter_of_a_second() {
    let (meter, _) = played(&[80.0, 10.0, 20.0, 30.0, 40.0, 50.0], 0.05, 100.0, Some(0));
    near(meter.delivered(), 30e6);
    near(meter.newest(), 50e6);
    near(meter.most_over(0.16), 50e6);
    near(meter.most_over(1.0), 80e6);
}

#[test]
fn a_reading_that_is_shown_again_counts_once() {
    let (mut meter, now) = played(&[40.0; 4], 0.05, 50.0, Some(0));
    let seen = LinkObservation {
        load: Some(LoadObservation {
            bytes: Bytes::new(250_000),
            interval: Duration::from_millis(50),
            age: Duration::from_millis(50),
        }),
        queue: None,
    };
    let before = meter.readings.len();
    meter.observe(now + 0.05, 0.05, &seen, 50e6);
    assert_eq!(meter.readings.len(), before);
}

#[test]
fn a_backlog_at_most_readings_is_our_queue() {
    let (with, _) = played(&[48.0; 6], 0.05, 50.0, Some(60_000));
    assert!(with.is_bound() && with.is_saturated());
    near(with.bound_over(0.2), 1.0);
    let (without, _) = played(&[30.0; 6], 0.05, 50.0, Some(0));
    assert!(!without.is_bound() && !without.is_saturated());
    near(1.0 + without.bound_over(0.2), 1.0);
}

#[test]
fn without_a_count_of_what_waits_use_of_the_rate_tells() {
    assert!(played(&[49.0; 6], 0.05, 50.0, None).0.is_bound());
    assert!(!played(&[45.0; 6], 0.05, 50.0, None).0.is_bound());
}

#[test]
fn a_rate_that_stands_still_below_ours_is_level() {
    let steady = [30.0, 30.1, 29.9, 30.0, 30.1, 30.0, 29.9, 30.0];
    assert!(played(&steady, 0.05, 50.0, Some(0)).0.is_level());
    assert!(
        !played(&steady, 0.05, 50.0, Some(60_000)).0.is_level(),
        "ours"
    );
    assert!(
        !played(&steady, 0.05, 30.0, None).0.is_level(),
        "our own limit"
    );
    let wandering = [30.0, 27.0, 31.0, 25.0, 29.0, 33.0, 28.0, 30.0];
    assert!(!played(&wandering, 0.05, 50.0, Some(0)).0.is_level());
    let falling = [36.0, 35.0, 34.0, 33.0, 32.0, 31.0, 30.0, 29.0];
    assert!(!played(&falling, 0.05, 50.0, Some(0)).0.is_level());
}

#[test]
fn slow_counters_show_a_level_rate_as_well() {
    assert!(played(&[30.0; 8], 0.2, 50.0, Some(0)).0.is_level());
}

#[test]
fn few_packets_from_reading_to_reading_are_level_within_a_packet() {
    // 3 Mbit/s are twelve or thirteen packets in 50 ms.
    let packets: Vec<_> = [12.0, 13.0, 12.0, 13.0].repeat(4);
    let rates: Vec<_> = packets
        .iter()
        .map(|count| count * 12_000.0 / 0.05 / 1e6)
        .collect();
    assert!(played(&rates, 0.05, 12.0, Some(0)).0.is_level());
}

#[test]
fn counters_that_stop_say_nothing_any_more() {
    let (mut meter, now) = played(&[49.0; 6], 0.05, 50.0, Some(60_000));
    assert!(meter.is_known());
    let mut at = now + STALE + 0.1;
    for _ in 0..USE_TICKS {
        at += 0.05;
        meter.observe(at, 0.05, &LinkObservation::default(), 50e6);
    }
    assert!(!meter.is_known() && !meter.is_bound() && !meter.is_busy());
}

#[test]
fn quiet_is_little_of_the_rate_and_of_what_was_once_carried() {
    let after_load = [&[40.0; 10][..], &[1.0; 60]].concat();
    assert!(played(&after_load, 0.05, 50.0, Some(0)).0.is_quiet(0.12));
    assert!(
        !played(&[1.0; 60], 0.05, 50.0, Some(0)).0.is_quiet(0.12),
        "all it ever carried"
    );
    assert!(!played(&[20.0; 60], 0.05, 50.0, Some(0)).0.is_quiet(0.12));
}
