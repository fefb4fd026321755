//! The run loop of the daemon on virtual time: hours of control in seconds, always the same.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use wanctl_controller::{
    Aggregation, Alpha, BaselineConfig, ControllerConfig, Factor, Floors, QueueConfig, Threshold,
    Thresholds,
};
use wanctl_daemon::{TapeRecorder, replay};
use wanctl_probe::{ProbeConfig, ReserveAnswer};
use wanctl_router::BudgetConfig;
use wanctl_sim::{Demand, Link, LinkConfig, RouterScript, Schedule, VirtualReport, VirtualWan};
use wanctl_types::{Bps, Direction, Millis, PerDirection, RateBound, WanName, Zone};

const HOUR: Duration = Duration::from_hours(1);

#[test]
fn an_hour_is_controlled_twice_with_identical_results() {
    let [first, second] = [1, 1].map(|seed| run(evening(), seed, HOUR));
    assert_eq!(first.records.len(), second.records.len());
    assert!(first.records == second.records, "the records differ");
    assert_eq!(first.writes, second.writes);
    assert_eq!(first.last_state, second.last_state);
    assert_eq!(first.counters, second.counters);
}

#[test]
fn every_tick_of_an_hour_is_one_completed_and_recorded_step() {
    let report = run(evening(), 2, HOUR);
    let counters = report.snapshot.counters;
    assert_eq!(counters.missed_ticks, 0);
    assert_eq!(counters.failed + counters.frozen, 0);
    // The last round or two are still on their way at the end.
    assert!(
        (71_990..=72_000).contains(&counters.completed),
        "{counters:?}"
    );
    assert_eq!(report.records.len() as u64, counters.completed);
}

#[test]
fn a_busy_line_is_cut_with_a_reason_and_recovers() {
    let report = run(evening(), 3, Duration::from_mins(10));
    let reasons: Vec<_> = report
        .records
        .iter()
        .filter_map(|record| record.transitions.download)
        .collect();
    assert!(
        reasons
            .iter()
            .any(|reason| reason.as_str().contains("exceeded"))
    );
    assert!(
        reasons
            .iter()
            .any(|reason| reason.as_str().contains("fell below green"))
    );
    let lowest = report
        .records
        .iter()
        .map(|record| record.rates.download)
        .min();
    assert!(lowest.unwrap() < Bps::from_mbps(45), "{lowest:?}");
    assert!(!report.writes.is_empty());
}

#[test]
fn an_idle_line_is_left_at_its_ceiling() {
    let link = LinkConfig::new(rates(), Duration::from_millis(20));
    let report = run(link, 4, Duration::from_mins(10));
    assert_eq!(report.writes.len(), 1, "only the first rates are written");
    let last = report.records.last().unwrap();
    assert_eq!(last.zones, PerDirection::new(Zone::Green, Zone::Green));
    assert_eq!(
        last.rates,
        PerDirection::new(Bps::from_mbps(60), Bps::from_mbps(12))
    );
    // One when the rates appear, then once a minute, then at the end.
    assert!(
        report.state_saves <= 13,
        "{} state files",
        report.state_saves
    );
}

#[test]
fn lost_probes_do_not_stop_control() {
    let mut link = LinkConfig::new(rates(), Duration::from_millis(20));
    link.loss = 0.2;
    let report = run(link, 5, Duration::from_mins(2));
    let counters = report.snapshot.counters;
    // Two of three answers make a round at once: 0.8^3 + 3 * 0.8^2 * 0.2 = 90 % of 2,400 rounds.
    // The others close at the timeout, overtaken by newer ones, and make no step.
    assert!(
        (2_050..=2_250).contains(&counters.completed),
        "{counters:?}"
    );
    assert_eq!(counters.failed, 0, "{counters:?}");
    assert!(
        report
            .snapshot
            .reflectors
            .iter()
            .all(|reflector| reflector.lost > 0)
    );
}

#[test]
fn a_recorded_run_replays_bit_for_bit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.jsonl");
    let recorder = TapeRecorder::create(&path).unwrap();
    let wan = wan(6);
    let link = Link::new(evening(), 6);
    let report = wan
        .run(link, Duration::from_mins(1), |controller| {
            Some(recorder.tape(&wan.name, controller))
        })
        .unwrap();
    recorder.finish();
    let text = std::fs::read_to_string(&path).unwrap();
    let replayed = replay(text.as_bytes()).unwrap();
    assert!(replayed.agrees(), "{replayed:?}");
    let result = &replayed.wans[&wan.name];
    assert_eq!(result.steps, report.snapshot.counters.completed);

    let (before, after) = text.split_at(text.rfind("\"rtt\":").unwrap());
    let altered = format!("{before}{}", after.replacen("\"rtt\":", "\"rtt\":9", 1));
    assert!(
        !replay(altered.as_bytes()).unwrap().agrees(),
        "a changed decision must be noticed"
    );
}

fn run(link: LinkConfig, seed: u64, duration: Duration) -> VirtualReport {
    wan(seed)
        .run(Link::new(link, seed), duration, |_| None)
        .unwrap()
}

/// 50/10 Mbit/s with half a second of buffer; a download every two minutes, an upload every five.
fn evening() -> LinkConfig {
    let mut link = LinkConfig::new(rates(), Duration::from_millis(20));
    link.directions[Direction::Download].demand = pulses(120, 40);
    link.directions[Direction::Upload].demand = pulses(300, 20);
    link
}

fn pulses(every: u64, length: u64) -> Schedule<Demand> {
    (1..3_600 / every).fold(Schedule::constant(Demand::Idle), |schedule, pulse| {
        let start = pulse * every;
        schedule
            .then(Duration::from_secs(start), Demand::Greedy { flows: 4 })
            .then(Duration::from_secs(start + length), Demand::Idle)
    })
}

fn rates() -> PerDirection<Bps> {
    PerDirection::new(Bps::from_mbps(50), Bps::from_mbps(10))
}

fn wan(seed: u64) -> VirtualWan {
    let reflectors = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(str::to_owned);
    VirtualWan {
        name: WanName::new("virtual").unwrap(),
        controller: controller(),
        state: None,
        probe: ProbeConfig::new(reflectors.to_vec()),
        budget: BudgetConfig::default(),
        router_latency: Duration::from_millis(5),
        reserve: ReserveAnswer::Nothing,
        faults: Vec::new(),
        router: RouterScript::default(),
        history: None,
        state_file: None,
        seed,
    }
}

fn controller() -> ControllerConfig {
    let ms = |value| Millis::new(value).unwrap();
    let queues = PerDirection::new(
        queue([25.0, 20.0, 15.0, 10.0], 60.0),
        queue([6.0, 5.0, 5.0, 3.0], 12.0),
    );
    let [target, warn, hard_red] = [12, 30, 60].map(Threshold::from_integer);
    let baseline = BaselineConfig {
        initial: ms(20.0),
        alpha: Alpha::new(0.001).unwrap(),
        update_threshold: ms(3.0),
        min: ms(5.0),
        max: ms(100.0),
    };
    let thresholds = Thresholds::new(target, warn, hard_red).unwrap();
    let mut config = ControllerConfig::new(queues, thresholds, baseline, Alpha::new(0.3).unwrap());
    config.aggregation = Aggregation::MedianOfThree;
    config
}

fn queue(floors: [f64; 4], ceiling: f64) -> QueueConfig {
    let [green, yellow, soft_red, red] = floors.map(mbps);
    let floors = Floors {
        green,
        yellow,
        soft_red,
        red,
    };
    let [down, yellow] = [0.85, 0.96].map(|factor| Factor::new(factor).unwrap());
    QueueConfig::new(floors, mbps(ceiling), mbps(1.0), down, yellow).unwrap()
}

fn mbps(rate: f64) -> RateBound {
    RateBound::from_mbps(rate).unwrap()
}
