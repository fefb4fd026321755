//! Civil time is set while the daemon controls: the time stamps move and nothing else does.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use wanctl_sim::{Demand, Link, LinkConfig, Schedule, VIRTUAL_EPOCH, VirtualReport, VirtualWan};
use wanctl_storage::CycleRecord;
use wanctl_types::{Bps, Direction, PerDirection, WallTime};

const RUN: Duration = Duration::from_mins(10);
const HOUR_MS: i64 = 3_600_000;

#[test]
fn an_hour_forward_and_two_back_change_the_time_stamps_only() {
    let steps = [
        (Duration::from_secs(95), HOUR_MS),
        (Duration::from_secs(250), -2 * HOUR_MS),
        (Duration::from_secs(251), 3),
    ];
    let straight = run(&[]);
    let stepped = run(&steps);
    let outcome = |report: &VirtualReport| report.records.iter().copied().map(undated).collect();
    let [expected, found]: [Vec<_>; 2] = [outcome(&straight), outcome(&stepped)];
    assert!(expected == found, "a decision changed");
    assert_eq!(straight.writes, stepped.writes);
    assert_eq!(straight.state_saves, stepped.state_saves);
    assert_eq!(straight.counters, stepped.counters);
    assert_eq!(straight.snapshot.counters, stepped.snapshot.counters);
    assert!(straight.writes.len() > 20, "the line was not busy");

    let offsets: Vec<_> = [0, 100, 240, 260, 590]
        .map(|second| offset(&straight, &stepped, second))
        .to_vec();
    let back = -HOUR_MS + 3;
    assert_eq!(offsets, [0, HOUR_MS, HOUR_MS, back, back]);
}

#[test]
fn a_clock_that_is_set_late_changes_the_time_stamps_only() {
    let since_1970 = VIRTUAL_EPOCH.unix_millis();
    let straight = run(&[]);
    let late = run(&[
        (Duration::ZERO, -since_1970),
        (Duration::from_mins(2), since_1970),
    ]);
    assert_eq!(straight.writes, late.writes);
    let last = |report: &VirtualReport| report.records.last().copied();
    assert_eq!(last(&straight), last(&late));
    let early = late.records.get(100).unwrap().time;
    assert!(early.unix_millis() < 120_000, "{early:?}");
}

fn run(steps: &[(Duration, i64)]) -> VirtualReport {
    let rates = PerDirection::new(Bps::from_mbps(50), Bps::from_mbps(10));
    let mut link = LinkConfig::new(rates, Duration::from_millis(20));
    link.loss = 0.01;
    link.directions[Direction::Download].demand = busy(60, 25);
    link.directions[Direction::Upload].demand = busy(100, 30);
    let wan = VirtualWan::household(11).unwrap();
    wan.run_with_clock_steps(Link::new(link, 11), RUN, steps)
        .unwrap()
}

fn busy(every: u64, length: u64) -> Schedule<Demand> {
    (1..RUN.as_secs() / every).fold(Schedule::constant(Demand::Idle), |schedule, nth| {
        let start = nth * every;
        schedule
            .then(Duration::from_secs(start), Demand::Greedy { flows: 4 })
            .then(Duration::from_secs(start + length), Demand::Idle)
    })
}

fn undated(mut record: CycleRecord) -> CycleRecord {
    record.time = WallTime::default();
    record.clock_set = true;
    record
}

/// By how much the time stamps differ about `second` into the run.
fn offset(straight: &VirtualReport, stepped: &VirtualReport, second: i64) -> i64 {
    let at = VIRTUAL_EPOCH.unix_millis() + second * 1_000;
    let index = straight
        .records
        .partition_point(|record| record.time.unix_millis() < at);
    let [expected, found] =
        [straight, stepped].map(|report| report.records.get(index).unwrap().time.unix_millis());
    found - expected
}
