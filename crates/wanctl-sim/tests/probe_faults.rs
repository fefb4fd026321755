//! Whatever happens to probes, control goes on where it can and tells the truth where it cannot.
//!
//! Truncated packets never reach the loop: the socket drops them, which the parser of
//! `wanctl-probe` proves over every length.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ops::Range;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use wanctl_controller::SilenceMode;
use wanctl_probe::{Rejected, ReserveAnswer};
use wanctl_sim::{
    Capacity, Demand, Link, LinkConfig, ProbeFault, ProbeTrouble, Scenario, Schedule,
    VirtualReport, VirtualWan,
};
use wanctl_storage::CycleRecord;
use wanctl_telemetry::{CycleCounters, DEGRADED_FAILURES, WanSnapshot};
use wanctl_types::{Bps, Millis, PerDirection, Timestamp, Zone};

/// Length of a run with a fault in its middle.
const RUN: Duration = Duration::from_mins(2);
/// When that fault is there.
const FAULT: Range<Duration> = Duration::from_secs(30)..Duration::from_secs(90);
/// Probes of one reflector during it.
const FAULTY: u64 = 60 * 20;
/// Rounds of a whole run.
const ROUNDS: u64 = 2_400;

/// A longer silence, and the run around it.
const BLACKOUT: Range<Duration> = Duration::from_mins(1)..Duration::from_mins(11);
const BLACKOUT_RUN: Duration = Duration::from_mins(12);

#[test]
fn a_silent_reflector_of_three_costs_no_step() {
    let report = run_with(fault(0, ProbeTrouble::Silent));
    assert_every_round_is_a_step(&report);
    assert_losses(&report, [FAULTY, 0, 0]);
    assert_eq!(report.probes.rejected_total(), 0);
    assert_nothing_was_decided(&report);
}

#[test]
fn two_silent_reflectors_of_three_leave_one_that_is_believed() {
    let faults = [0, 2].map(|place| fault(place, ProbeTrouble::Silent));
    let report = run(faults.to_vec(), RUN, |_| {});
    let counters = report.snapshot.counters;
    assert_eq!((counters.failed, counters.frozen), (0, 0), "{counters:?}");
    assert_eq!(counters.missed_ticks, 0);
    // Without a quorum a round closes at its timeout, one second later, and those of the last
    // second before the return of the others are overtaken.
    assert!(counters.completed >= ROUNDS - 45, "{counters:?}");
    assert_losses(&report, [FAULTY, 0, FAULTY]);
    assert_nothing_was_decided(&report);
}

#[test]
fn a_lie_of_one_reflector_moves_the_median_within_the_honest_spread() {
    for place in 0..3 {
        let lie = ProbeTrouble::Slower(Duration::from_millis(40));
        let report = run_with(fault(place, lie));
        assert_every_round_is_a_step(&report);
        assert_losses(&report, [0, 0, 0]);
        // 20 ms, and at most 1 ms of jitter on each way.
        let honest = Millis::saturating(20.0)..=Millis::saturating(22.001);
        let outside = report.records.iter().find(|r| !honest.contains(&r.rtt));
        assert_eq!(outside, None);
        assert_nothing_was_decided(&report);
    }
}

#[test]
fn a_lie_counts_by_half_in_the_rounds_that_lost_an_honest_answer() {
    let lie = fault(0, ProbeTrouble::Slower(Duration::from_millis(40)));
    let link = LinkConfig {
        loss: 0.01,
        ..idle()
    };
    let report = run_over(link, vec![lie], RUN, |_| {});
    let rtts = report.records.iter().map(|record| record.rtt.get());
    let highest = rtts.fold(0.0, f64::max);
    assert!((40.0..=42.001).contains(&highest), "{highest}");
    // A few such rounds in a row may cost a step down; the law recovers from it.
    assert!(report.writes.len() < 40, "{} writes", report.writes.len());
    let last = report.records.last().unwrap();
    assert_eq!(last.rates.download, Bps::from_mbps(60));
}

#[test]
fn an_answer_that_comes_twice_counts_once() {
    let report = run_with(fault(1, ProbeTrouble::Twice));
    assert_every_round_is_a_step(&report);
    assert_losses(&report, [0, 0, 0]);
    assert_eq!(report.probes.rejected(Rejected::Duplicate), FAULTY);
    assert_eq!(report.probes.rejected_total(), FAULTY);
    assert_nothing_was_decided(&report);
}

#[test]
fn an_answer_after_the_timeout_is_a_loss_and_a_rejected_reply() {
    for (late, reason) in [
        (Duration::from_millis(1_050), Rejected::TooLate),
        (Duration::from_secs(5), Rejected::UnknownSequence),
    ] {
        let report = run_with(fault(2, ProbeTrouble::Slower(late)));
        assert_every_round_is_a_step(&report);
        assert_losses(&report, [0, 0, FAULTY]);
        assert_eq!(report.probes.rejected(reason), FAULTY, "{late:?}");
        assert_nothing_was_decided(&report);
    }
}

#[test]
fn a_forged_answer_is_no_answer() {
    let report = run_with(fault(0, ProbeTrouble::ForeignNonce));
    assert_every_round_is_a_step(&report);
    assert_losses(&report, [FAULTY, 0, 0]);
    assert_eq!(report.probes.rejected(Rejected::WrongNonce), FAULTY);
    assert_nothing_was_decided(&report);
}

#[test]
fn forgeries_alone_are_a_silence() {
    let report = run_with(everybody(FAULT, ProbeTrouble::ForeignNonce));
    let during = view(&report, FAULT.end);
    assert!(is_unwell(during), "{during:?}");
    assert_eq!(report.snapshot.consecutive_failures, 0);
    assert_eq!(report.probes.rejected(Rejected::WrongNonce), 3 * FAULTY);
    assert_nothing_was_decided(&report);
}

#[test]
fn a_network_that_takes_no_packet_is_counted_and_does_not_spin() {
    let report = run_with(everybody(FAULT, ProbeTrouble::Unsendable));
    let counters = report.snapshot.counters;
    assert_eq!(report.probes.send_failures, 3 * FAULTY);
    assert_losses(&report, [FAULTY; 3]);
    assert_eq!(counters.silent_rounds, FAULTY, "{counters:?}");
    assert_eq!(counters.missed_ticks, 0);
    // One check, and so one step, a second.
    assert!((59..=61).contains(&counters.failed), "{counters:?}");
    assert!(is_unwell(view(&report, FAULT.end)));
    assert_eq!(report.snapshot.consecutive_failures, 0);
    assert_nothing_was_decided(&report);
}

#[test]
fn a_blackout_of_icmp_is_bridged_by_tcp() {
    let connect_time = Millis::saturating(20.5);
    let blackout = blackout(ReserveAnswer::Tcp(connect_time), SilenceMode::Freeze);
    assert_eq!((blackout.frozen, blackout.failed), (0, 0));
    assert!((590..=601).contains(&blackout.completed), "{blackout:?}");
    assert!(!blackout.unwell);
}

#[test]
fn a_blackout_with_an_answering_gateway_is_what_the_configuration_makes_of_it() {
    let graceful = blackout(ReserveAnswer::GatewayOnly, SilenceMode::GracefulDegradation);
    assert_eq!((graceful.completed, graceful.frozen), (1, 2));
    assert!((590..=598).contains(&graceful.failed), "{graceful:?}");
    assert!(graceful.unwell);

    let frozen = blackout(ReserveAnswer::GatewayOnly, SilenceMode::Freeze);
    assert_eq!((frozen.completed, frozen.failed), (0, 0));
    assert!((590..=601).contains(&frozen.frozen), "{frozen:?}");
    assert!(!frozen.unwell);

    let last = blackout(ReserveAnswer::GatewayOnly, SilenceMode::UseLastRtt);
    assert_eq!((last.frozen, last.failed), (0, 0));
    assert!((590..=601).contains(&last.completed), "{last:?}");
    assert!(!last.unwell);
}

#[test]
fn a_blackout_of_everything_fails_step_by_step_and_holds_the_rates() {
    let blackout = blackout(ReserveAnswer::Nothing, SilenceMode::UseLastRtt);
    assert_eq!((blackout.completed, blackout.frozen), (0, 0));
    assert!((590..=601).contains(&blackout.failed), "{blackout:?}");
    assert!(blackout.unwell);
}

#[test]
fn an_hour_without_the_provider_leaves_no_trace() {
    let outage = Duration::from_secs(62)..Duration::from_secs(3_662);
    let mut link = line(&outage);
    link.directions.download.demand =
        Schedule::constant(Demand::Greedy { flows: 4 }).then(Duration::from_mins(1), Demand::Idle);
    let silence = everybody(outage.clone(), ProbeTrouble::Silent);
    let report = run_over(link, vec![silence], outage.end + RUN, |_| {});

    let (before, after): (Vec<CycleRecord>, Vec<CycleRecord>) = report
        .records
        .iter()
        .partition(|record| since_start(record) < outage.end);
    let (last, first) = (*before.last().unwrap(), *after.first().unwrap());
    assert!(
        last.rates.download < Bps::from_mbps(60),
        "the rate is on its way up when the outage begins: {}",
        last.rates.download
    );
    assert!(first.rates.download >= last.rates.download);
    assert!(first.rates.upload >= last.rates.upload);
    let drift = first.baseline.get() - last.baseline.get();
    assert!(drift.abs() < 0.05, "the baseline moved by {drift} ms");
    let minute = outage.end + Duration::from_mins(1);
    let cut = after.iter().find(|record| {
        since_start(record) < minute && record.zones.iter().any(|(_, zone)| *zone != Zone::Green)
    });
    assert_eq!(cut, None);

    let counters = report.snapshot.counters;
    assert_eq!(counters.missed_ticks, 0);
    assert!((3_590..=3_601).contains(&counters.failed), "{counters:?}");
    assert!(is_unwell(view(&report, outage.end)));
    assert_eq!(report.snapshot.consecutive_failures, 0);
    let recovered = report.records.last().unwrap().rates.download;
    assert_eq!(recovered, Bps::from_mbps(60));
}

#[test]
fn any_mixture_of_faults_leaves_the_loop_running_and_the_sums_right() {
    for seed in 0..8 {
        let faults = mixture(seed);
        let report = run_seeded(seed, busy(), faults.clone(), Duration::from_mins(4), |_| {});
        let (counters, probes) = (report.snapshot.counters, report.probes);
        assert_eq!(counters.missed_ticks, 0, "{faults:?}");
        assert!((4_800..=4_801).contains(&probes.rounds), "{faults:?}");
        assert_eq!(report.records.len() as u64, counters.completed);
        assert_eq!(probes.uncollected, 0);
        // What is left was on its way at the end: three probes a round, a second of rounds.
        let settled = probes.answered + probes.lost;
        assert!(
            (probes.sent - 66..=probes.sent).contains(&settled),
            "{probes:?}"
        );
        for record in &report.records {
            assert_within_bounds(record);
        }
    }
}

/// What happened during ten minutes without ICMP.
#[derive(Debug)]
struct Blackout {
    completed: u64,
    frozen: u64,
    failed: u64,
    unwell: bool,
}

fn blackout(answer: ReserveAnswer, mode: SilenceMode) -> Blackout {
    let silence = everybody(BLACKOUT, ProbeTrouble::Silent);
    let report = run(vec![silence], BLACKOUT_RUN, |wan| {
        wan.reserve = answer;
        wan.controller.silence.mode = mode;
    });
    // The answers of the last round before it are in by then, and none of the checks.
    let [before, end] = [BLACKOUT.start + Duration::from_secs(1), BLACKOUT.end]
        .map(|at| view(&report, at).counters);
    let steps_after = report.snapshot.counters.completed - end.completed;
    assert!((1_175..=1_201).contains(&steps_after), "{steps_after}");
    assert_eq!(report.snapshot.consecutive_failures, 0);
    assert_eq!(report.snapshot.counters.missed_ticks, 0);
    assert_nothing_was_decided(&report);
    let since = |pick: fn(&CycleCounters) -> u64| pick(&end) - pick(&before);
    Blackout {
        completed: since(|counters| counters.completed),
        frozen: since(|counters| counters.frozen),
        failed: since(|counters| counters.failed),
        unwell: is_unwell(view(&report, BLACKOUT.end)),
    }
}

fn mixture(seed: u64) -> Vec<ProbeFault> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut faults = Vec::new();
    for _ in 0..12 {
        let start = Duration::from_millis(random.random_range(0..230_000));
        let length = Duration::from_millis(random.random_range(1..40_000));
        let slower = Duration::from_millis(random.random_range(1..3_000));
        let trouble = match random.random_range(0..5) {
            0 => ProbeTrouble::Silent,
            1 => ProbeTrouble::Slower(slower),
            2 => ProbeTrouble::Twice,
            3 => ProbeTrouble::ForeignNonce,
            _ => ProbeTrouble::Unsendable,
        };
        let place: usize = random.random_range(0..4);
        faults.push(ProbeFault {
            during: start..start + length,
            reflector: (place < 3).then_some(place),
            trouble,
        });
    }
    faults
}

fn assert_every_round_is_a_step(report: &VirtualReport) {
    let counters = report.snapshot.counters;
    assert_eq!(counters.missed_ticks, 0, "{counters:?}");
    assert_eq!((counters.failed, counters.frozen), (0, 0), "{counters:?}");
    assert_eq!(counters.silent_rounds, 0, "{counters:?}");
    // The last round or two are still on their way at the end.
    assert!(
        (ROUNDS - 2..=ROUNDS).contains(&counters.completed),
        "{counters:?}"
    );
    assert!(
        report
            .views
            .iter()
            .all(|(_, view)| view.consecutive_failures == 0)
    );
}

fn assert_losses(report: &VirtualReport, expected: [u64; 3]) {
    let reflectors = report.snapshot.reflectors.iter();
    let lost: Vec<_> = reflectors.map(|reflector| reflector.lost).collect();
    assert_eq!(lost, expected);
    assert_eq!(report.probes.lost, expected.iter().sum::<u64>());
}

/// An idle line stays at its ceilings, whatever its probes go through.
fn assert_nothing_was_decided(report: &VirtualReport) {
    assert_eq!(report.writes.len(), 1, "only the first rates are written");
    let ceilings = PerDirection::new(Bps::from_mbps(60), Bps::from_mbps(12));
    let changed = report.records.iter().find(|r| r.rates != ceilings);
    assert_eq!(changed, None);
    let baseline = report.snapshot.baseline.get();
    assert!((20.0..21.5).contains(&baseline), "{baseline}");
}

fn assert_within_bounds(record: &CycleRecord) {
    let bounds = PerDirection::new((8, 60), (3, 12));
    for (direction, rate) in record.rates.iter() {
        let (floor, ceiling) = bounds[direction];
        assert!(
            (Bps::from_mbps(floor)..=Bps::from_mbps(ceiling)).contains(rate),
            "{record:?}"
        );
    }
    assert!((5.0..=100.0).contains(&record.baseline.get()), "{record:?}");
}

fn is_unwell(view: &WanSnapshot) -> bool {
    view.consecutive_failures >= DEGRADED_FAILURES
}

/// What views showed then.
fn view(report: &VirtualReport, at: Duration) -> &WanSnapshot {
    let at = Timestamp::ZERO + at;
    let (_, view) = report.views.iter().find(|(time, _)| *time >= at).unwrap();
    view
}

fn since_start(record: &CycleRecord) -> Duration {
    let millis = record.time.unix_millis() - wanctl_sim::VIRTUAL_EPOCH.unix_millis();
    Duration::from_millis(u64::try_from(millis).unwrap())
}

fn fault(place: usize, trouble: ProbeTrouble) -> ProbeFault {
    ProbeFault {
        during: FAULT,
        reflector: Some(place),
        trouble,
    }
}

fn everybody(during: Range<Duration>, trouble: ProbeTrouble) -> ProbeFault {
    ProbeFault {
        during,
        reflector: None,
        trouble,
    }
}

fn run_with(fault: ProbeFault) -> VirtualReport {
    run(vec![fault], RUN, |_| {})
}

fn run(
    faults: Vec<ProbeFault>,
    duration: Duration,
    adjust: impl FnOnce(&mut VirtualWan),
) -> VirtualReport {
    run_over(idle(), faults, duration, adjust)
}

fn run_over(
    link: LinkConfig,
    faults: Vec<ProbeFault>,
    duration: Duration,
    adjust: impl FnOnce(&mut VirtualWan),
) -> VirtualReport {
    run_seeded(7, link, faults, duration, adjust)
}

fn run_seeded(
    seed: u64,
    link: LinkConfig,
    faults: Vec<ProbeFault>,
    duration: Duration,
    adjust: impl FnOnce(&mut VirtualWan),
) -> VirtualReport {
    let mut wan = VirtualWan::household(seed).unwrap();
    wan.probe.reserve.enabled = true;
    wan.faults = faults;
    adjust(&mut wan);
    wan.run(Link::new(link, seed), duration, |_| None).unwrap()
}

fn idle() -> LinkConfig {
    Scenario::idle().link
}

fn busy() -> LinkConfig {
    Scenario::download().link
}

/// The line carries nothing during the outage.
fn line(outage: &Range<Duration>) -> LinkConfig {
    let mut link = idle();
    let lanes = &mut link.directions;
    for lane in [&mut lanes.download, &mut lanes.upload] {
        let rate = lane.capacity.at_start();
        let rates = Schedule::constant(rate)
            .then(outage.start, Bps::ZERO)
            .then(outage.end, rate);
        lane.capacity = Capacity::scheduled(rates);
    }
    link
}
