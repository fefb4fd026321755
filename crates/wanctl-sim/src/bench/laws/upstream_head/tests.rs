use super::super::fixtures::{PLAN, Sight, at, reply};
use super::*;

const THRESHOLDS: [f64; 3] = [15.0, 45.0, 80.0];

fn rates(ceiling: f64, floors: [f64; 4], step_up: f64) -> HeadRates {
    HeadRates {
        ceiling,
        floors,
        step_up,
        factor_down: 0.85,
        factor_down_yellow: 0.96,
    }
}

fn queue() -> Queue {
    Queue::new(rates(920e6, [550e6, 520e6, 500e6, 200e6], 10e6))
}

fn zones(queue: &mut Queue, deltas: &[f64]) -> Vec<Zone> {
    let all = deltas.iter();
    all.map(|delta| {
        queue.step(*delta, THRESHOLDS);
        queue.zone
    })
    .collect()
}

#[test]
fn yellow_needs_three_cycles_and_meanwhile_the_rate_is_held() {
    use Zone::{Green, Yellow};
    let mut queue = queue();
    assert_eq!(zones(&mut queue, &[20.0, 20.0]), [Green, Green]);
    assert!((queue.rate - 920e6).abs() < 1e-6);
    assert_eq!(zones(&mut queue, &[20.0]), [Yellow]);
    assert!((queue.rate - 883.2e6).abs() < 1e-6);
    assert_eq!(
        zones(&mut queue, &[14.0, 12.0, 11.0]),
        [Yellow, Yellow, Green]
    );
    let dwelling = [20.0, 20.0, 5.0, 20.0, 20.0];
    assert_eq!(zones(&mut queue, &dwelling), [Green; 5]);
    assert_eq!(queue.dwell, 2);
}

#[test]
fn the_dead_band_never_takes_more_than_half_the_target() {
    let mut queue = queue();
    queue.zone = Zone::Yellow;
    queue.step(0.1, [1.4, 45.0, 80.0]);
    assert_eq!(queue.zone, Zone::Green);
}

#[test]
fn red_cuts_every_cycle_and_soft_red_holds_above_its_floor() {
    let mut queue = queue();
    queue.step(100.0, THRESHOLDS);
    assert!((queue.rate - 782e6).abs() < 1e-6);
    assert_eq!(zones(&mut queue, &[100.0; 12]), [Zone::Red; 12]);
    assert!((queue.rate - 200e6).abs() < 1e-6);
    queue.step(60.0, THRESHOLDS);
    assert_eq!(queue.zone, Zone::SoftRed);
    assert!((queue.rate - 500e6).abs() < 1e-6);
}

#[test]
fn growth_begins_with_the_fifth_green_cycle() {
    let mut queue = queue();
    queue.rate = 600e6;
    zones(&mut queue, &[5.0; 4]);
    assert!((queue.rate - 600e6).abs() < 1e-6);
    zones(&mut queue, &[5.0; 3]);
    assert!((queue.rate - 630e6).abs() < 1e-6);
}

#[test]
fn upload_has_no_soft_red() {
    let mut queue = Queue::new(rates(10e6, [2e6; 4], 1e5));
    queue.step_of_three(50.0, 15.0, 45.0);
    assert_eq!(queue.zone, Zone::Red);
    assert!((queue.rate - 8.5e6).abs() < 1e-6);
}

#[test]
fn a_clamp_cuts_once_down_to_the_soft_floor() {
    for (before, after) in [(920e6, 782e6), (520e6, 500e6)] {
        let mut queue = queue();
        queue.rate = before;
        queue.clamp();
        assert!((queue.rate - after).abs() < 1e-6, "{}", queue.rate);
        assert_eq!(queue.zone, Zone::SoftRed);
    }
}

#[test]
fn a_burst_is_three_accelerations_and_a_delay_above_the_target() {
    let mut burst = Burst::default();
    let seen = [16.0, 16.0, 16.0].map(|by| burst.is_confirmed(by, true, true));
    assert_eq!(seen, [false, false, true]);
    let mut burst = Burst::default();
    let seen = [16.0, 15.0, 16.0, 16.0].map(|by| burst.is_confirmed(by, true, true));
    assert_eq!(seen, [false; 4]);
    let mut burst = Burst::default();
    let seen = [16.0; 5].map(|by| burst.is_confirmed(by, false, true));
    assert_eq!(seen, [false; 5]);
}

#[test]
fn an_outlier_becomes_the_median_of_those_before_it() {
    let mut signal = Signal::new(25.0);
    for rtt in [23.0, 24.0, 25.0, 25.0, 26.0, 27.0, 25.0] {
        assert!((signal.filtered(rtt) - rtt).abs() < 1e-12);
    }
    assert!((signal.filtered(200.0) - 25.0).abs() < 1e-12);
    assert!((signal.filtered(26.0) - 26.0).abs() < 1e-12);
}

#[test]
fn a_longer_route_freezes_the_baseline_for_ever() {
    let mut signal = Signal::new(25.0);
    for _ in 0..20_000 {
        signal.take(28.5);
    }
    assert!((signal.baseline - 25.0).abs() < 1e-9);
    for _ in 0..20_000 {
        signal.take(27.0);
    }
    assert!((signal.baseline - 27.0).abs() < 0.1, "{}", signal.baseline);
}

fn bloated(mut law: UpstreamHead, seconds: u64) -> (Bps, f64) {
    for millis in (50..=seconds * 1_000).step_by(50) {
        let rtt = if millis < 2_000 { 25.0 } else { 200.0 };
        let mut sight = Sight::new(3);
        sight.replies = (0..3)
            .map(|reflector| reply(reflector, millis, rtt))
            .collect();
        law.step(at(millis), &sight.seen());
    }
    (law.applied.download, law.download.rate)
}

#[test]
fn bloat_takes_the_rate_to_its_floor() {
    let (applied, rate) = bloated(UpstreamHead::free(&PLAN), 4);
    assert_eq!(applied, Bps::truncating(rate));
    assert!((rate - 0.21 * 51e6).abs() < 2.0, "{rate}");
}

#[test]
fn a_router_that_takes_five_writes_is_left_behind() {
    let (applied, rate) = bloated(UpstreamHead::on_router_os(&PLAN), 4);
    assert!((rate - 0.21 * 51e6).abs() < 2.0, "{rate}");
    assert!(applied.as_f64() > 1.3 * rate, "{applied:?} beside {rate}");
}
