//! What a day leaves behind: lines in the log, writes to the router, writes of the state file.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and shows its figures"
)]

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::with_default;
use tracing::{Event, Level, Metadata, Subscriber};
use wanctl_probe::ReserveAnswer;
use wanctl_sim::{
    Demand, Link, LinkConfig, ProbeFault, ProbeTrouble, Schedule, VirtualReport, VirtualWan,
};
use wanctl_types::{Bps, Direction, PerDirection};

/// Lines a quiet day may have.
const LINES_A_DAY: usize = 3_000;

#[test]
fn a_quiet_hour_is_a_line_a_minute() {
    let (report, lines) = logged(quiet(3_600), Duration::from_hours(1));
    show("an hour", &report, &lines);
    let summaries = lines.iter().filter(|line| line.contains("the last minute"));
    assert!((59..=60).contains(&summaries.count()), "{lines:#?}");
    assert!(lines.len() < LINES_A_DAY / 24, "{lines:#?}");
    assert!(report.state_saves <= 62, "{}", report.state_saves);
    assert_eq!(report.writes.len(), 1, "only the first rates are written");
}

/// The whole of it takes its time: `cargo test -p wanctl-sim --test idle_day -- --ignored`.
#[test]
#[ignore = "half a minute of work and 600 MB of memory"]
fn a_quiet_day_is_not_much() {
    let (report, lines) = logged(quiet(86_400), Duration::from_hours(24));
    show("a day", &report, &lines);
    assert!(report.records.len() > 1_700_000);
    assert!(lines.len() < LINES_A_DAY, "{} lines", lines.len());
    assert!(report.writes.len() < 2_000, "{}", report.writes.len());
    assert!(report.state_saves < 5_000, "{}", report.state_saves);
}

#[test]
fn flapping_does_not_flood_the_log_and_nothing_is_lost() {
    let minutes = 3;
    let mut link = line();
    link.directions[Direction::Download].demand =
        (1..minutes * 60).fold(Schedule::constant(Demand::Idle), |schedule, second| {
            let at = Duration::from_secs(second);
            let pause = at + Duration::from_millis(500);
            schedule
                .then(at, Demand::Greedy { flows: 8 })
                .then(pause, Demand::Idle)
        });
    let (report, lines) = logged(link, Duration::from_secs(minutes * 60));
    show("three flapping minutes", &report, &lines);
    let changes = report
        .records
        .iter()
        .flat_map(|record| [record.transitions.download, record.transitions.upload])
        .flatten()
        .count();
    assert!(changes > 100, "the line does not flap: {changes} changes");
    let told = lines.iter().filter(|l| l.contains("event=zone_change"));
    let (told, limit) = (told.count(), usize::try_from(minutes).unwrap() * 20);
    assert!(told <= limit && told < changes, "{told} of {changes} told");
    let summed: usize = lines.iter().map(|line| number(line, "zone_changes=")).sum();
    // The last minute ends with the run and has no summary.
    assert!(summed > 0 && summed <= changes, "{summed} of {changes}");
    let untold: usize = lines
        .iter()
        .map(|line| number(line, "untold_changes="))
        .sum();
    assert!(untold > 0 && untold < summed, "{untold} of {summed}");
}

#[test]
fn a_provider_that_comes_and_goes_does_not_flood_the_log() {
    let seconds = 180;
    let mut wan = VirtualWan::household(7).unwrap();
    wan.probe.timeout = Duration::from_millis(200);
    wan.probe.reserve.enabled = true;
    wan.reserve = ReserveAnswer::Nothing;
    wan.faults = (0..seconds)
        .map(|second| ProbeFault {
            during: Duration::from_secs(second)..Duration::from_millis(second * 1_000 + 600),
            reflector: None,
            trouble: ProbeTrouble::Silent,
        })
        .collect();
    let (report, lines) = run(&wan, line(), Duration::from_secs(seconds));
    show(
        "three minutes of a provider that comes and goes",
        &report,
        &lines,
    );
    assert!(report.snapshot.counters.silent_rounds > seconds);
    assert!(lines.len() < 3 * 20, "{} lines", lines.len());
    let untold: usize = lines.iter().map(|line| number(line, "untold_news=")).sum();
    assert!(untold > 300, "{untold} untold");
}

/// Idle but for a minute's download every two hours; one packet in a thousand is lost.
fn quiet(seconds: u64) -> LinkConfig {
    let mut link = line();
    link.loss = 0.001;
    link.directions[Direction::Download].demand =
        (1..seconds / 7_200).fold(Schedule::constant(Demand::Idle), |schedule, nth| {
            let at = Duration::from_secs(nth * 7_200);
            schedule
                .then(at, Demand::Greedy { flows: 4 })
                .then(at + Duration::from_mins(1), Demand::Idle)
        });
    link
}

fn line() -> LinkConfig {
    let rates = PerDirection::new(Bps::from_mbps(50), Bps::from_mbps(10));
    LinkConfig::new(rates, Duration::from_millis(20))
}

fn logged(link: LinkConfig, duration: Duration) -> (VirtualReport, Vec<String>) {
    run(&VirtualWan::household(7).unwrap(), link, duration)
}

fn run(wan: &VirtualWan, link: LinkConfig, duration: Duration) -> (VirtualReport, Vec<String>) {
    let lines = Lines::default();
    let report = with_default(lines.clone(), || {
        wan.run(Link::new(link, 7), duration, |_| None).unwrap()
    });
    let lines = lines.0.lock().unwrap().clone();
    (report, lines)
}

fn show(what: &str, report: &VirtualReport, lines: &[String]) {
    eprintln!(
        "{what}: {} steps, {} log lines, {} router writes, {} state files",
        report.records.len(),
        lines.len(),
        report.writes.len(),
        report.state_saves
    );
}

/// The number after `key` in a line; 0 without it.
fn number(line: &str, key: &str) -> usize {
    let after = line.split_once(key).map(|(_, after)| after);
    let digits = after.and_then(|after| after.split(' ').next());
    digits.map_or(0, |digits| digits.parse().unwrap())
}

/// Keeps every line that operators see, as its fields.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        write!(self.0, "{}={value} ", field.name()).unwrap();
    }
}
