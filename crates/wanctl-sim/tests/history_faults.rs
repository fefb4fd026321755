//! A history that cannot be written changes no control step; what is lost is counted.
//!
//! A full disk, a read-only file and a newer schema are tested in `wanctl-storage`, which can make
//! them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tempfile::{TempDir, tempdir};
use wanctl_sim::{Link, Scenario, VirtualReport, VirtualWan};
use wanctl_storage::{Query, Reader, Recorder, RecorderStats, StorageConfig, names};

/// Cycles for which the ring has room.
const SHORT: Duration = Duration::from_mins(5);
/// More cycles than it has room for.
const LONG: Duration = Duration::from_mins(15);
/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

#[test]
fn a_locked_database_delays_records_and_no_step() {
    let (_directory, path) = database();
    let recorder = start(&path);
    until(&recorder, |_| path.exists());
    let other = lock(&path);
    let report = run(Some(&recorder), SHORT);
    let stats = until(&recorder, |stats| stats.errors > 0);
    assert_eq!((stats.committed, stats.dropped), (0, 0), "{stats:?}");
    assert!(stats.is_lagging());

    other.execute_batch("ROLLBACK").unwrap();
    let steps = assert_control_is_unaffected(&report, SHORT);
    let stats = until(&recorder, |stats| stats.committed == steps);
    assert_eq!((stats.dropped, stats.queue_len), (0, 0), "{stats:?}");
    assert_eq!(stats.failing_since, None);
    assert_eq!(recorded(&path), steps);
}

#[test]
fn what_a_long_lock_costs_is_counted() {
    let (_directory, path) = database();
    let recorder = start(&path);
    until(&recorder, |_| path.exists());
    let other = lock(&path);
    let report = run(Some(&recorder), LONG);
    let steps = assert_control_is_unaffected(&report, LONG);

    other.execute_batch("ROLLBACK").unwrap();
    let stats = until(&recorder, |stats| stats.queue_len == 0);
    assert!(stats.dropped > 0, "{stats:?}");
    assert_eq!(stats.committed + stats.dropped, steps);
    assert_eq!(report.snapshot.counters.records_dropped, stats.dropped);
    assert_eq!(recorded(&path), stats.committed);
}

#[test]
fn a_directory_in_the_place_of_the_file_is_reported_until_it_is_gone() {
    let (_directory, path) = database();
    fs::create_dir_all(&path).unwrap();
    heals(&path, || fs::remove_dir(&path).unwrap());
}

#[test]
fn a_file_that_is_no_database_is_reported_until_it_is_gone() {
    let (_directory, path) = database();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "no database at all ".repeat(100)).unwrap();
    heals(&path, || fs::remove_file(&path).unwrap());
}

#[test]
fn a_file_in_the_place_of_the_directory_is_reported_until_it_is_gone() {
    let (_directory, path) = database();
    let parent = path.parent().unwrap();
    fs::write(parent, "in the way").unwrap();
    heals(&path, || fs::remove_file(parent).unwrap());
}

#[test]
fn a_directory_deleted_between_two_runs_costs_the_first_one_alone() {
    let (_directory, path) = database();
    let recorder = start(&path);
    let first = run(Some(&recorder), SHORT).records.len() as u64;
    until(&recorder, |stats| stats.committed == first);

    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    let report = run(Some(&recorder), SHORT);
    let steps = assert_control_is_unaffected(&report, SHORT);
    let stats = until(&recorder, |stats| stats.committed == first + steps);
    assert!(stats.errors > 0, "{stats:?}");
    assert_eq!(recorded(&path), steps);
}

/// A WAN runs while the history cannot be opened; then the trouble is removed.
fn heals(path: &Path, remove: impl FnOnce()) {
    let recorder = start(path);
    let report = run(Some(&recorder), SHORT);
    let steps = assert_control_is_unaffected(&report, SHORT);
    let stats = until(&recorder, |stats| stats.errors > 0);
    assert_eq!((stats.committed, stats.dropped), (0, 0), "{stats:?}");
    assert!(stats.last_error.is_some());
    remove();
    let stats = until(&recorder, |stats| {
        stats.committed == steps && stats.failing_since.is_none()
    });
    assert_eq!(stats.dropped, 0);
    assert_eq!(recorded(path), steps);
}

/// The run equals one without a history; returns its steps.
fn assert_control_is_unaffected(report: &VirtualReport, duration: Duration) -> u64 {
    let alone = run(None, duration);
    let counters = report.snapshot.counters;
    assert_eq!(counters.completed, alone.snapshot.counters.completed);
    assert_eq!((counters.missed_ticks, counters.failed), (0, 0));
    assert!(report.records == alone.records, "decisions differ");
    assert_eq!(report.writes, alone.writes);
    counters.completed
}

fn run(recorder: Option<&Recorder>, duration: Duration) -> VirtualReport {
    let mut wan = VirtualWan::household(3).unwrap();
    wan.history = recorder.map(|recorder| recorder.handle(wan.name.clone()));
    let link = Link::new(Scenario::idle().link, 3);
    wan.run(link, duration, |_| None).unwrap()
}

fn start(path: &Path) -> Recorder {
    // Records of virtual time are old on the day they are made.
    let retention_days = 100_000;
    Recorder::start(StorageConfig {
        db_path: path.to_owned(),
        retention_days,
    })
    .unwrap()
}

/// Waits until the tables are there, then keeps everybody else from writing.
fn lock(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(PATIENCE).unwrap();
    let began = Instant::now();
    while Reader::open(path).is_err() {
        assert!(began.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(5));
    }
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    connection
}

fn recorded(path: &Path) -> u64 {
    let mut query = Query::between(i64::MIN, i64::MAX);
    query.metrics = vec![names::RTT_MS.to_owned()];
    Reader::open(path).unwrap().query(&query).unwrap().len() as u64
}

fn until(recorder: &Recorder, condition: impl Fn(&RecorderStats) -> bool) -> RecorderStats {
    let began = Instant::now();
    loop {
        recorder.flush();
        let stats = recorder.stats();
        if condition(&stats) {
            return stats;
        }
        assert!(began.elapsed() < PATIENCE, "never came: {stats:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn database() -> (TempDir, PathBuf) {
    let directory = tempdir().unwrap();
    let path = directory.path().join("history/metrics.db");
    (directory, path)
}
