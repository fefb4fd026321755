//! Whatever happens to the router, control never stops, requests stay few, and the right rates
//! are back soon after.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::ops::Range;
use std::time::Duration;

use wanctl_sim::{
    Demand, Link, LinkConfig, RouterScript, RouterTrouble, Schedule, VIRTUAL_EPOCH, VirtualReport,
    VirtualWan,
};
use wanctl_telemetry::{Condition, RouterState, Snapshot};
use wanctl_types::{Bps, Direction, PerDirection, Timestamp};

/// Length of a run.
const RUN: Duration = Duration::from_secs(150);
/// A download that makes the controller lower the rate, and let it rise again.
const BUSY: Range<Duration> = Duration::from_secs(25)..Duration::from_secs(55);
/// The fault: it begins while the rate moves and ends long after.
const FAULT: Range<Duration> = Duration::from_secs(30)..Duration::from_secs(100);
/// The longest time from the end of a fault to the right rates.
const BACK_WITHIN: Duration = Duration::from_secs(10);
/// The longest time from a decision to lower a rate to its effect, the router's 5 ms included.
const AT_ONCE: Duration = Duration::from_millis(60);

#[test]
fn without_a_fault_every_decrease_takes_effect_at_once() {
    let report = run(RouterScript::default());
    assert_control_never_stopped(&report);
    assert_no_decrease_waits(&report, Direction::Download, Duration::ZERO..RUN);
    assert_right_from(&report, FAULT.end);
    // A reading every five seconds, and nothing amiss.
    assert!((25..=30).contains(&report.readings.len()), "{report:?}");
    let counters = report.snapshot.counters;
    assert_eq!((counters.router_errors, counters.router_drift), (0, 0));
}

#[test]
fn an_unreachable_router_is_asked_ever_less_often_and_found_again() {
    let report = run(RouterScript::fault(FAULT, RouterTrouble::Unreachable));
    assert_control_never_stopped(&report);
    assert_right_from(&report, FAULT.end + BACK_WITHIN);
    // 250 ms doubling to 5 s, one request each.
    assert!(requests(&report, FAULT).len() <= 20, "{report:?}");
    assert_condition(&report, Condition::RouterLost, BACK_WITHIN);
}

#[test]
fn a_router_that_is_silent_for_seventy_seconds_holds_nothing_up() {
    let report = run(RouterScript::fault(FAULT, RouterTrouble::Silent));
    assert_control_never_stopped(&report);
    assert_right_from(&report, FAULT.end + BACK_WITHIN);
    // Each takes 3 s, however long the client would wait for a reading.
    assert!(requests(&report, FAULT).len() <= 15, "{report:?}");
    assert_condition(&report, Condition::RouterLost, BACK_WITHIN);
}

#[test]
fn refused_credentials_are_tried_once_in_thirty_seconds() {
    let report = run(RouterScript::fault(FAULT, RouterTrouble::Unauthorized));
    assert_control_never_stopped(&report);
    let refused = requests(&report, FAULT);
    assert!(refused.len() <= 3, "{refused:?}");
    for pair in refused.windows(2) {
        let [earlier, later] = pair else {
            unreachable!()
        };
        assert!(later.saturating_since(*earlier) >= Duration::from_secs(30));
    }
    let back_within = Duration::from_secs(31);
    assert_right_from(&report, FAULT.end + back_within);
    assert_condition(&report, Condition::RouterRefused, back_within);
    let lost = views_with(&report, Condition::RouterLost);
    assert_eq!(lost, [], "a refusal is no outage");
}

#[test]
fn a_router_that_rejects_everything_is_asked_ever_less_often() {
    for trouble in [
        RouterTrouble::NotFound,
        RouterTrouble::ServerError,
        RouterTrouble::Garbled,
    ] {
        let report = run(RouterScript::fault(FAULT, trouble));
        assert_control_never_stopped(&report);
        assert_right_from(&report, FAULT.end + BACK_WITHIN);
        // At most one reading and one write for each pause of 500 ms doubling to 5 s.
        let requests = requests(&report, FAULT).len();
        assert!((10..=40).contains(&requests), "{trouble:?}: {requests}");
        let lost = views_with(&report, Condition::RouterLost);
        assert_eq!(lost, [], "{trouble:?}: it answers");
        assert!(report.snapshot.router.last_error.is_none(), "{trouble:?}");
    }
}

#[test]
fn rejected_readings_on_a_quiet_line_are_not_taken_for_health() {
    for trouble in [
        RouterTrouble::Missing(Direction::Upload),
        RouterTrouble::ServerError,
        RouterTrouble::Garbled,
    ] {
        let report = run_over(idle_line(), RouterScript::fault(FAULT, trouble));
        assert_control_never_stopped(&report);
        // The first reading that is rejected comes within 5 s, another at least each 5 s.
        let settled = FAULT.start + Duration::from_secs(7)..FAULT.end;
        for (at, view) in &report.views {
            if settled.contains(&at.since_origin()) {
                let router = &view.router;
                assert_ne!(router.state, RouterState::Reachable, "{trouble:?} at {at}");
                assert!(router.last_error.is_some(), "{trouble:?} at {at}");
            }
        }
        assert!(requests(&report, FAULT).len() <= 40, "{trouble:?}");
        assert_right_from(&report, FAULT.end + BACK_WITHIN);
        assert_eq!(report.snapshot.router.state, RouterState::Reachable);
    }
}

#[test]
fn a_missing_queue_does_not_hold_the_other_one_up() {
    let missing = RouterTrouble::Missing(Direction::Upload);
    let report = run(RouterScript::fault(Duration::ZERO..FAULT.end, missing));
    assert_control_never_stopped(&report);
    assert_no_decrease_waits(&report, Direction::Download, Duration::from_secs(1)..RUN);
    assert_eq!(limits_at(&report, FAULT.end).upload, Bps::ZERO);
    assert_right_from(&report, FAULT.end + BACK_WITHIN);
}

#[test]
fn a_missing_queue_does_not_hide_a_foreign_rate_on_the_other_one() {
    let missing = RouterTrouble::Missing(Direction::Upload);
    let at = Duration::from_mins(2);
    let foreign = Bps::from_mbps(900);
    let mut script = RouterScript::fault(Duration::ZERO..RUN, missing);
    script
        .edits
        .push((at, PerDirection::new(Some(foreign), None)));
    let report = run(script);
    assert_control_never_stopped(&report);
    assert_eq!(limits_at(&report, at).download, foreign);
    let intended = report.records.last().unwrap().rates.download;
    assert_eq!(limits_at(&report, at + BACK_WITHIN).download, intended);
    assert_eq!(report.snapshot.counters.router_drift, 1);
}

#[test]
fn writes_that_are_carried_out_with_an_error_are_found_out_by_reading() {
    let report = run(RouterScript::fault(FAULT, RouterTrouble::AppliedButError));
    assert_control_never_stopped(&report);
    // Long before the fault is over the right rates are in force and known to be.
    assert_right_from(&report, BUSY.end + Duration::from_secs(30));
    assert_right_from(&report, FAULT.end + BACK_WITHIN);
    assert!(requests(&report, FAULT).len() <= 80, "{report:?}");
    let counters = report.snapshot.counters;
    assert!(counters.router_errors > 0, "{counters:?}");
    assert_eq!(counters.router_drift, 0, "nobody else set a rate");
}

#[test]
fn writes_that_are_only_said_to_be_carried_out_are_found_out_by_reading() {
    let report = run(RouterScript::fault(FAULT, RouterTrouble::OkButNotApplied));
    assert_control_never_stopped(&report);
    assert_right_from(&report, FAULT.end + BACK_WITHIN);
    let counters = report.snapshot.counters;
    assert!(counters.router_drift >= 5, "{counters:?}");
    assert_eq!(counters.router_errors, 0, "{counters:?}");
}

#[test]
fn a_rate_that_somebody_else_set_is_noticed_and_set_again() {
    for foreign in [5, 900] {
        let at = Duration::from_mins(2);
        let report = run(RouterScript::edit(at, both(foreign)));
        assert_control_never_stopped(&report);
        assert_eq!(limits_at(&report, at), both(foreign));
        assert_right_from(&report, at + Duration::from_secs(6));
        assert_eq!(report.snapshot.counters.router_drift, 2, "one per queue");
    }
}

#[test]
fn limits_that_a_reboot_reset_are_set_again() {
    // Short enough to come back while the rates are being lowered.
    let short = Duration::from_millis(25_300)..Duration::from_millis(26_300);
    let cases = [
        (FAULT, Bps::ZERO),
        (FAULT, Bps::new(4_321_000)),
        (short.clone(), Bps::ZERO),
        (short, Bps::new(4_321_000)),
    ];
    for (away, foreign) in cases {
        let rates = PerDirection::new(foreign, foreign);
        let report = run(RouterScript::reboot(away.clone(), rates));
        assert_control_never_stopped(&report);
        assert_eq!(limits_at(&report, away.end), rates);
        let back = limits_at(&report, away.end + BACK_WITHIN);
        assert!(back.iter().all(|(_, rate)| *rate != foreign), "{back:?}");
        assert_right_from(&report, FAULT.end + BACK_WITHIN);
        let counters = report.snapshot.counters;
        assert_eq!(counters.router_drift, 2, "one per queue: {counters:?}");
        // The first thing said to it after its return is a question.
        let is_after = |at: &Timestamp| at.since_origin() >= away.end;
        let question = report.readings.iter().copied().find(is_after).unwrap();
        let order = report.writes.iter().map(|(at, _)| *at).find(is_after);
        assert!(question < order.unwrap());
    }
}

#[test]
fn a_decrease_does_not_wait_for_a_slow_reading() {
    // Different lengths put the decreases into different moments of a reading. One that is quick
    // is waited for; a slow one is given up after 50 ms.
    for millis in [20, 1_100, 1_400, 1_700, 2_000, 2_300, 2_600, 2_900] {
        let delay = Duration::from_millis(millis);
        let slow = RouterTrouble::SlowReadings(delay);
        let report = run(RouterScript::fault(Duration::ZERO..RUN, slow));
        assert_control_never_stopped(&report);
        let patience = AT_ONCE + delay.min(Duration::from_millis(50));
        assert_decreases_within(&report, Direction::Download, Duration::ZERO..RUN, patience);
        assert_right_from(&report, FAULT.end);
    }
}

fn run(script: RouterScript) -> VirtualReport {
    let mut link = idle_line();
    link.directions.download.demand = Schedule::constant(Demand::Idle)
        .then(BUSY.start, Demand::Greedy { flows: 4 })
        .then(BUSY.end, Demand::Idle);
    run_over(link, script)
}

fn idle_line() -> LinkConfig {
    let rates = PerDirection::new(Bps::from_mbps(50), Bps::from_mbps(10));
    LinkConfig::new(rates, Duration::from_millis(20))
}

fn run_over(link: LinkConfig, script: RouterScript) -> VirtualReport {
    let mut wan = VirtualWan::household(7).unwrap();
    wan.router = script;
    wan.run(Link::new(link, 7), RUN, |_| None).unwrap()
}

fn both(rate: u64) -> PerDirection<Bps> {
    let rate = Bps::from_mbps(rate);
    PerDirection::new(rate, rate)
}

/// Twenty completed steps a second, whatever the router does. The provider drops a few probes
/// while the limits are too high for it, which costs a step each at most.
fn assert_control_never_stopped(report: &VirtualReport) {
    let counters = report.snapshot.counters;
    assert_eq!(counters.missed_ticks, 0, "{counters:?}");
    assert_eq!((counters.failed, counters.frozen), (0, 0), "{counters:?}");
    let ticks = RUN.as_secs() * 20;
    let completed = counters.completed;
    assert!((ticks - 20..=ticks).contains(&completed), "{completed}");
    for pair in report.records.windows(2) {
        let gap = pair[1].time.unix_millis() - pair[0].time.unix_millis();
        assert!(
            gap <= 250,
            "{gap} ms without a step before {}",
            pair[1].time.unix_millis()
        );
    }
    assert_eq!(views_with(report, Condition::Blind), []);
}

/// The router has the intended rates, which no longer change, from then on.
fn assert_right_from(report: &VirtualReport, from: Duration) {
    let intended = report.records.last().unwrap().rates;
    let later = report
        .limits
        .iter()
        .filter(|(at, _)| at.since_origin() > from)
        .map(|(_, limits)| *limits);
    for limits in std::iter::once(limits_at(report, from)).chain(later) {
        assert_eq!(
            limits, intended,
            "at {from:?} or later: {:?}",
            report.limits
        );
    }
}

/// The rates that the router had at that time.
fn limits_at(report: &VirtualReport, at: Duration) -> PerDirection<Bps> {
    let earlier = report.limits.iter().rev();
    let mut earlier = earlier.skip_while(|(since, _)| since.since_origin() > at);
    earlier.next().unwrap().1
}

fn assert_no_decrease_waits(report: &VirtualReport, direction: Direction, span: Range<Duration>) {
    assert_decreases_within(report, direction, span, AT_ONCE);
}

/// No rate in force is ever higher than all that were wanted in the time before.
fn assert_decreases_within(
    report: &VirtualReport,
    direction: Direction,
    span: Range<Duration>,
    patience: Duration,
) {
    let wanted: Vec<(Duration, Bps)> = report
        .records
        .iter()
        .map(|record| {
            let millis = record.time.unix_millis() - VIRTUAL_EPOCH.unix_millis();
            let at = Duration::from_millis(millis.try_into().unwrap());
            (at, record.rates[direction])
        })
        .collect();
    let mut decreases = 0;
    for (index, (decided, rate)) in wanted.iter().enumerate() {
        if !span.contains(decided) || *decided + patience >= span.end {
            continue;
        }
        let before = index.checked_sub(1).map(|index| wanted[index].1);
        decreases += u32::from(before.is_some_and(|before| before > *rate));
        let due = *decided + patience;
        let since = wanted[index..].iter().take_while(|(at, _)| *at <= due);
        let highest = since.map(|(_, rate)| *rate).max().unwrap();
        let limit = limits_at(report, due)[direction];
        assert!(limit <= highest, "{limit} instead of {rate} at {due:?}");
    }
    assert!(decreases > 10, "only {decreases} decreases");
}

/// When the router was asked anything, in order.
fn requests(report: &VirtualReport, during: Range<Duration>) -> Vec<Timestamp> {
    let writes = report.writes.iter().map(|(at, _)| *at);
    let mut all: Vec<_> = writes.chain(report.readings.iter().copied()).collect();
    all.retain(|at| during.contains(&at.since_origin()));
    all.sort_unstable();
    all
}

/// When views showed the condition.
fn views_with(report: &VirtualReport, condition: Condition) -> Vec<Timestamp> {
    let shown = report.views.iter().filter(|(at, wan)| {
        let snapshot = Snapshot {
            version: "0",
            uptime: at.since_origin(),
            published_at: *at,
            clock_set: true,
            log_lines_lost: 0,
            wans: Vec::new(),
            history: None,
        };
        condition.holds(&snapshot, wan)
    });
    shown.map(|(at, _)| *at).collect()
}

/// Views show the condition during the fault, from its first ten seconds on, and not after it.
fn assert_condition(report: &VirtualReport, condition: Condition, gone_within: Duration) {
    let shown = views_with(report, condition);
    let (first, last) = (shown.first().unwrap(), shown.last().unwrap());
    let (first, last) = (first.since_origin(), last.since_origin());
    assert!(FAULT.contains(&first) && first <= FAULT.start + BACK_WITHIN);
    assert!(
        last <= FAULT.end + gone_within,
        "{condition} until {last:?}"
    );
    assert!(shown.len() >= 60, "{condition} for {} s", shown.len());
}
