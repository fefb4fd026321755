//! The daemon's loop under the adaptive law, closed over a simulated line and router.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ops::Range;
use std::time::Duration;

use wanctl_daemon::{TapeRecorder, replay};
use wanctl_sim::{
    Capacity, DelayStats, Demand, Link, LinkConfig, RouterScript, RouterTrouble, Schedule,
    VIRTUAL_EPOCH, VirtualReport, VirtualWan,
};
use wanctl_storage::CycleRecord;
use wanctl_telemetry::CountersState;
use wanctl_types::{Bps, Direction, PerDirection, RateBound, Timestamp};

/// What the line carries.
const RATES: PerDirection<Bps> = PerDirection::new(Bps::from_mbps(50), Bps::from_mbps(10));

#[test]
fn the_delay_of_a_line_is_held_though_plan_and_ceiling_are_half_as_much_again() {
    let mut wan = VirtualWan::adaptive_household(1).unwrap();
    for direction in Direction::BOTH {
        let wrong = RateBound::new(1.5 * RATES[direction].as_f64()).unwrap();
        let queue = &mut wan.controller.queues[direction];
        (queue.ceiling, queue.plan) = (wrong, Some(wrong));
    }
    let report = run(&wan, busy(5..300), 300);
    let stats = delay(&report, 15..300);
    assert!(stats.p95.get() < 35.0, "{stats:?}");
    let used = report.counters.download.utilisation().unwrap();
    assert!(used > 0.85, "{used}");
    // Five times a second, and one answer to each question.
    assert!((1_490..=1_501).contains(&report.counter_readings.len()));
    let counters = report.snapshot.counters;
    assert_eq!((counters.missed_ticks, counters.failed), (0, 0));
    assert!(counters.completed > 5_990, "{counters:?}");
}

#[test]
fn without_counters_the_law_goes_on_with_delay_alone_and_says_so() {
    let mut wan = VirtualWan::adaptive_household(2).unwrap();
    wan.router = RouterScript::fault(seconds(60)..seconds(120), RouterTrouble::NoCounters);
    let report = run(&wan, busy(5..180), 180);
    let stats = delay(&report, 60..120);
    assert!(stats.p95.get() < 60.0, "{stats:?}");
    for (second, state) in [
        (59, CountersState::Read),
        (63, CountersState::Lost),
        (119, CountersState::Lost),
        // The pause after a failure is at most 5 s.
        (126, CountersState::Read),
    ] {
        assert_eq!(view(&report, second).router.counters, state, "{second} s");
    }
    let completed = report.records.len();
    assert!(
        completed > 3_590,
        "control goes on at every tick: {completed}"
    );
    // Rates were written all the while: nobody else's trouble.
    assert_eq!(report.snapshot.counters.router_errors, 0);
}

#[test]
fn counters_that_are_reset_give_neither_a_negative_nor_a_huge_difference() {
    let mut wan = VirtualWan::adaptive_household(3).unwrap();
    let undisturbed = run(&wan, busy(5..90), 90);
    wan.router = RouterScript::reset(seconds(60));
    let report = run(&wan, busy(5..90), 90);
    let [before, after] = [&undisturbed, &report].map(|report| lowest(report, 60..90));
    assert!(
        after.as_f64() > 0.8 * before.as_f64(),
        "a reset is no reason to cut: {after}, and {before} without"
    );
    let stats = delay(&report, 60..90);
    assert!(stats.p95.get() < 35.0, "{stats:?}");
}

#[test]
fn a_router_that_restarts_is_set_right_and_read_again() {
    let mut wan = VirtualWan::adaptive_household(4).unwrap();
    let rates = PerDirection::new(Bps::from_mbps(200), Bps::from_mbps(50));
    wan.router = RouterScript::reboot(seconds(60)..seconds(90), rates);
    let report = run(&wan, busy(5..180), 180);
    assert_eq!(view(&report, 80).router.counters, CountersState::Lost);
    // Nothing is learned while nothing that is ordered comes about.
    let rate = |second| view(&report, second).directions.download.intended;
    assert!(
        rate(89).as_f64() < 1.1 * rate(59).as_f64(),
        "{} {}",
        rate(59),
        rate(89)
    );
    assert_eq!(view(&report, 100).router.counters, CountersState::Read);
    assert!(rate(100) <= Bps::from_mbps(60), "{}", rate(100));
    let stats = delay(&report, 100..180);
    assert!(stats.p95.get() < 35.0, "{stats:?}");
}

#[test]
fn while_the_router_is_lost_nothing_is_learned() {
    let before = {
        let wan = VirtualWan::adaptive_household(12).unwrap();
        highest(&run(&wan, busy(5..60), 60), 30..60)
    };
    for trouble in [
        RouterTrouble::Unreachable,
        RouterTrouble::Silent,
        RouterTrouble::Unauthorized,
    ] {
        let mut wan = VirtualWan::adaptive_household(12).unwrap();
        wan.router = RouterScript::fault(seconds(60)..seconds(90), trouble);
        let report = run(&wan, busy(5..120), 120);
        let meanwhile = highest(&report, 60..90);
        assert!(
            meanwhile.as_f64() < 1.25 * before.as_f64(),
            "{trouble:?}: {meanwhile}, and {before} before"
        );
        let missed = report.snapshot.counters.missed_ticks;
        assert_eq!(missed, 0, "{trouble:?}");
    }
}

#[test]
fn an_outage_of_five_seconds_makes_no_cut() {
    let mut link = line();
    for direction in Direction::BOTH {
        let capacity = Schedule::constant(RATES[direction])
            .then(seconds(60), Bps::ZERO)
            .then(seconds(65), RATES[direction]);
        link.directions[direction].capacity = Capacity::scheduled(capacity);
    }
    let wan = VirtualWan::adaptive_household(5).unwrap();
    let report = run(&wan, link, 90);
    let rate = |second| PerDirection::from_fn(|d| view(&report, second).directions[d].intended);
    let (before, after) = (rate(59), rate(75));
    for direction in Direction::BOTH {
        assert!(
            after[direction].as_f64() > 0.95 * before[direction].as_f64(),
            "{direction}: {} before, {} after",
            before[direction],
            after[direction]
        );
    }
    assert!(
        report.snapshot.counters.frozen > 60,
        "nothing is decided blindly"
    );
}

#[test]
fn a_restart_goes_on_from_what_was_learned() {
    let wan = VirtualWan::adaptive_household(6).unwrap();
    let first = run(&wan, busy(5..120), 120);
    let stored = first.last_state.unwrap().controller;
    let learned = stored.adaptive.unwrap();
    let capacity = learned.directions.download.estimate.as_mbps();
    assert!((45.0..55.0).contains(&capacity), "{capacity}");

    let mut again = wan;
    again.seed = 7;
    again.state = Some(stored);
    let second = run(&again, busy(0..20), 20);
    let [fresh, restarted] = [&first, &second].map(|report| report.records[0].rates.download);
    assert_eq!(fresh, Bps::from_mbps(48), "four fifths of the plan");
    // It begins just below what it knows, wherever its search had got to.
    assert!(
        (restarted.as_mbps() / capacity - 1.0).abs() < 0.05,
        "{restarted}"
    );
    let stats = delay(&second, 1..20);
    assert!(stats.p95.get() < 35.0, "{stats:?}");
}

#[test]
fn nothing_is_decided_before_anybody_answered() {
    let mut link = line();
    for direction in Direction::BOTH {
        let capacity = Schedule::constant(Bps::ZERO).then(seconds(10), RATES[direction]);
        link.directions[direction].capacity = Capacity::scheduled(capacity);
    }
    let wan = VirtualWan::adaptive_household(8).unwrap();
    let report = run(&wan, link, 15);
    let (first, _) = report.writes[0];
    assert!(first > Timestamp::ZERO + seconds(10), "{first:?}");
    assert!(report.records.len() > 90);
}

#[test]
fn a_quiet_line_is_neither_written_to_nor_stored_all_the_time() {
    let wan = VirtualWan::adaptive_household(9).unwrap();
    let report = run(&wan, line(), 600);
    assert!(report.writes.len() <= 5, "{:?}", report.writes);
    assert!(
        report.state_saves <= 15,
        "{} state files",
        report.state_saves
    );
}

#[test]
fn two_runs_are_equal_and_a_recording_replays_bit_for_bit() {
    let wan = VirtualWan::adaptive_household(10).unwrap();
    let mut link = busy(5..60);
    link.loss = 0.02;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.jsonl");
    let recorder = TapeRecorder::create(&path).unwrap();
    let minute = seconds(60);
    let report = wan
        .run(Link::new(link.clone(), 10), minute, |controller| {
            Some(recorder.tape(&wan.name, controller))
        })
        .unwrap();
    recorder.finish();
    let plain = run(&wan, link, 60);
    assert!(plain.records == report.records, "the records differ");
    assert_eq!(plain.writes, report.writes);

    let text = std::fs::read_to_string(&path).unwrap();
    for input in ["\"overdue\":{", "\"backlog\":", "\"bytes\":"] {
        assert!(text.contains(input), "{input} is missing");
    }
    let replayed = replay(text.as_bytes()).unwrap();
    assert!(replayed.agrees(), "{replayed:?}");
    let steps = replayed.wans[&wan.name].steps;
    assert_eq!(steps, report.snapshot.counters.completed);
    // What the router counted is an input like any other.
    let altered = text.replace("\"bytes\":", "\"bytes\":9");
    assert!(!replay(altered.as_bytes()).unwrap().agrees());
}

#[test]
fn the_reference_law_asks_for_no_counters() {
    let wan = VirtualWan::household(11).unwrap();
    let report = run(&wan, busy(5..30), 30);
    assert_eq!(report.counter_readings, []);
    assert_eq!(report.snapshot.router.counters, CountersState::Off);
    assert!(!report.records.is_empty());
}

fn run(wan: &VirtualWan, link: LinkConfig, length: u64) -> VirtualReport {
    let link = Link::new(link, wan.seed);
    wan.run(link, seconds(length), |_| None).unwrap()
}

fn line() -> LinkConfig {
    LinkConfig::new(RATES, Duration::from_millis(20))
}

/// The line with a download and an upload during these seconds.
fn busy(during: Range<u64>) -> LinkConfig {
    let mut link = line();
    let demand = Schedule::constant(Demand::Idle)
        .then(seconds(during.start), Demand::Greedy { flows: 4 })
        .then(seconds(during.end), Demand::Idle);
    link.directions.download.demand = demand;
    link
}

/// Round trips as the law saw them.
fn delay(report: &VirtualReport, during: Range<u64>) -> DelayStats {
    DelayStats::of(records(report, during).map(|record| record.rtt)).unwrap()
}

fn highest(report: &VirtualReport, during: Range<u64>) -> Bps {
    let rates = records(report, during).map(|record| record.rates.download);
    rates.max().unwrap()
}

fn lowest(report: &VirtualReport, during: Range<u64>) -> Bps {
    let rates = records(report, during).map(|record| record.rates.download);
    rates.min().unwrap()
}

fn records(report: &VirtualReport, during: Range<u64>) -> impl Iterator<Item = &CycleRecord> {
    report.records.iter().filter(move |record| {
        let millis = record.time.unix_millis() - VIRTUAL_EPOCH.unix_millis();
        during.contains(&u64::try_from(millis / 1_000).unwrap())
    })
}

fn view(report: &VirtualReport, second: u64) -> &wanctl_telemetry::WanSnapshot {
    let at = Timestamp::ZERO + seconds(second);
    let seen = report.views.iter().find(|(seen, _)| *seen == at);
    &seen.unwrap().1
}

const fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}
