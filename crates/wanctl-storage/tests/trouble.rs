//! Locks, broken files and missing directories delay history; they neither stop nor corrupt it.
#![expect(clippy::unwrap_used, reason = "a failing test step ends the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tempfile::{TempDir, tempdir};
use wanctl_storage::{
    AutorateSnapshot, ConfigSnapshot, CycleRecord, Error, Metric, Query, Reader, ReasonText,
    Recorded, Recorder, RecorderStats, Row, SCHEMA_VERSION, StorageConfig, Trigger, Writer, names,
};
use wanctl_types::{Bps, Millis, PerDirection, WallTime, WanName, Zone};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(2);

/// Tells a child process which database to write.
const CHILD_DATABASE: &str = "WANCTL_TEST_DATABASE";

/// Transactions of each of several writers.
const WRITES: u32 = 200;

fn database() -> (TempDir, PathBuf) {
    let directory = tempdir().unwrap();
    let path = directory.path().join("history/metrics.db");
    (directory, path)
}

fn wan(name: &str) -> WanName {
    WanName::new(name).unwrap()
}

fn config(path: &Path) -> StorageConfig {
    StorageConfig {
        db_path: path.to_owned(),
        retention_days: 100_000,
    }
}

fn cycle(number: u32) -> CycleRecord {
    CycleRecord {
        clock_set: true,
        time: WallTime::from_unix_millis(1_700_000_000_000 + i64::from(number) * 50),
        rtt: Millis::saturating(f64::from(number)),
        baseline: Millis::saturating(20.0),
        delta: Millis::saturating(3.0),
        rates: PerDirection::new(Bps::from_mbps(900), Bps::from_mbps(40)),
        zones: PerDirection::new(Zone::Green, Zone::Green),
        transitions: PerDirection::new(None, None),
    }
}

fn everything(path: &Path) -> Vec<Row> {
    let query = Query::between(i64::MIN, i64::MAX);
    Reader::open(path).unwrap().query(&query).unwrap()
}

fn measured(path: &Path) -> Vec<f64> {
    let rows = everything(path);
    let rtts = rows
        .iter()
        .rev()
        .filter(|row| row.metric_name == names::RTT_MS);
    rtts.map(|row| row.value).collect()
}

fn until(recorder: &Recorder, condition: impl Fn(&RecorderStats) -> bool) -> RecorderStats {
    let start = Instant::now();
    loop {
        recorder.flush();
        let stats = recorder.stats();
        if condition(&stats) {
            return stats;
        }
        assert!(start.elapsed() < PATIENCE, "never came: {stats:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn write_as(path: &Path, name: &str) {
    let wan = wan(name);
    let mut writer = Writer::open(path).unwrap();
    for number in 0..WRITES {
        let time = WallTime::from_unix_millis(1_700_000_000_000);
        let metric = Metric::new(time, &wan, names::RTT_MS, f64::from(number));
        writer.write_metrics_batch(&[metric; 6]).unwrap();
    }
}

#[test]
fn cycles_of_several_wans_are_committed_in_groups_and_in_order() {
    let (_directory, path) = database();
    let recorder = Recorder::start(config(&path)).unwrap();
    let sinks = ["cable", "dsl"].map(|name| recorder.handle(wan(name)));
    for number in 0..2_000 {
        for sink in &sinks {
            assert_eq!(sink.record(cycle(number)), Recorded::Queued);
        }
    }

    let stats = recorder.shutdown(PATIENCE);

    assert_eq!(
        (stats.committed, stats.dropped, stats.errors),
        (4_000, 0, 0)
    );
    assert_eq!((stats.queue_len, stats.is_lagging()), (0, false));
    assert!(stats.last_commit.is_some());
    let rows = everything(&path);
    assert_eq!(rows.len(), 24_000);
    for name in ["cable", "dsl"] {
        let own: Vec<f64> = rows
            .iter()
            .rev()
            .filter(|row| row.wan_name == name && row.metric_name == names::RTT_MS)
            .map(|row| row.value)
            .collect();
        assert_eq!(own, (0..2_000).map(f64::from).collect::<Vec<_>>());
    }
}

#[test]
fn commits_come_by_themselves() {
    let (_directory, path) = database();
    let recorder = Recorder::start(config(&path)).unwrap();
    recorder.handle(wan("cable")).record(cycle(1));
    let start = Instant::now();
    while recorder.stats().committed == 0 {
        assert!(start.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(measured(&path), [1.0]);
}

#[test]
fn a_configuration_comes_before_the_cycles_after_it() {
    let (_directory, path) = database();
    let recorder = Recorder::start(config(&path)).unwrap();
    let sink = recorder.handle(wan("cable"));
    sink.snapshot(
        WallTime::from_unix_millis(1_800_000_000_000),
        ConfigSnapshot {
            clock_set: true,
            trigger: Trigger::Startup,
            autorate: Some(AutorateSnapshot::default()),
            steering: None,
        },
    );
    let mut record = cycle(1);
    record.transitions.upload = Some(ReasonText::format("why"));
    sink.record(record);

    assert_eq!(recorder.shutdown(PATIENCE).queue_len, 0);

    let rows = everything(&path);
    let snapshots: Vec<_> = rows
        .iter()
        .filter(|row| row.metric_name == names::CONFIG_SNAPSHOT)
        .collect();
    let [snapshot] = snapshots.as_slice() else {
        panic!("{rows:?}")
    };
    assert!(
        snapshot
            .labels
            .as_ref()
            .unwrap()
            .starts_with(r#"{"trigger": "startup", "autorate": {"#)
    );
    assert_eq!(rows.len(), 8);
    let connection = Connection::open(&path).unwrap();
    let first: String = connection
        .query_row("SELECT metric_name FROM metrics WHERE id = 1", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(first, names::CONFIG_SNAPSHOT);
}

#[test]
fn threads_with_a_writer_each_share_a_file() {
    let (_directory, path) = database();
    thread::scope(|scope| {
        for name in ["a", "b", "c"] {
            let path = &path;
            scope.spawn(move || write_as(path, name));
        }
    });
    assert_eq!(everything(&path).len(), 3 * 6 * WRITES as usize);
}

#[test]
#[ignore = "runs as the child of another test"]
fn child_process() {
    if let Some(path) = std::env::var_os(CHILD_DATABASE) {
        write_as(Path::new(&path), "child");
    }
}

#[test]
fn processes_with_a_writer_each_share_a_file() {
    let (_directory, path) = database();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_process", "--ignored"])
        .env(CHILD_DATABASE, &path)
        .spawn()
        .unwrap();
    write_as(&path, "parent");
    assert!(child.wait().unwrap().success());

    let rows = everything(&path);
    for name in ["parent", "child"] {
        let own = rows.iter().filter(|row| row.wan_name == name);
        assert_eq!(own.count(), 6 * WRITES as usize, "{name}");
    }
}

#[test]
fn a_lock_of_another_program_delays_cycles_and_loses_none() {
    let (_directory, path) = database();
    let recorder = Recorder::start(config(&path)).unwrap();
    let sink = recorder.handle(wan("cable"));
    sink.record(cycle(0));
    until(&recorder, |stats| stats.committed == 1);
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();

    for number in 1..500 {
        assert_eq!(sink.record(cycle(number)), Recorded::Queued);
    }
    let locked = until(&recorder, |stats| stats.errors > 0);
    other.execute_batch("COMMIT").unwrap();
    until(&recorder, |stats| {
        stats.committed == 500 && stats.failing_since.is_none()
    });

    assert!(locked.failing_since.is_some());
    let text = locked.last_error.unwrap();
    assert!(text.contains("another program holds it"), "{text}");
    assert_eq!(measured(&path), (0..500).map(f64::from).collect::<Vec<_>>());
}

/// The child of the test below: holds the database until half a minute has passed.
#[test]
#[ignore = "runs as the child of another test"]
fn child_lock() {
    if let Some(path) = std::env::var_os(CHILD_DATABASE) {
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        fs::write(Path::new(&path).with_extension("locked"), "").unwrap();
        thread::sleep(Duration::from_secs(30));
        connection.execute_batch("COMMIT").unwrap();
    }
}

#[test]
#[ignore = "half a minute and more"]
fn a_process_that_holds_the_database_for_half_a_minute_costs_no_cycle() {
    let (_directory, path) = database();
    let recorder = Recorder::start(config(&path)).unwrap();
    let sink = recorder.handle(wan("cable"));
    sink.record(cycle(0));
    until(&recorder, |stats| stats.committed == 1);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_lock", "--ignored"])
        .env(CHILD_DATABASE, &path)
        .spawn()
        .unwrap();
    while !path.with_extension("locked").exists() {
        thread::sleep(Duration::from_millis(10));
    }

    let mut handed_over = 1;
    while child.try_wait().unwrap().is_none() {
        assert_eq!(sink.record(cycle(handed_over)), Recorded::Queued);
        handed_over += 1;
        thread::sleep(Duration::from_millis(50));
    }

    assert!(handed_over > 300, "{handed_over}");
    assert!(recorder.stats().failing_since.is_some());
    // The pauses between attempts have grown to half a minute at most.
    let patience = Instant::now() + Duration::from_secs(40);
    while recorder.stats().committed < u64::from(handed_over) && Instant::now() < patience {
        thread::sleep(Duration::from_millis(100));
    }
    let all: Vec<_> = (0..handed_over).map(f64::from).collect();
    assert_eq!(measured(&path), all);
    assert_eq!(recorder.stats().dropped, 0);
}

#[test]
fn a_synchronous_write_gives_up_after_its_patience() {
    let (_directory, path) = database();
    let mut writer = Writer::open_within(&path, Duration::from_millis(20)).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let cable = wan("cable");
    let metric = Metric::new(WallTime::default(), &cable, names::RTT_MS, 1.0);

    let error = writer.write_metric(&metric).unwrap_err();
    assert_eq!(error.sqlite_code(), Some(rusqlite::ErrorCode::DatabaseBusy));

    other.execute_batch("COMMIT").unwrap();
    writer.write_metric(&metric).unwrap();
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let (_directory, path) = database();
    drop(Writer::open(&path).unwrap());
    let newer = SCHEMA_VERSION + 1;
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", newer)
        .unwrap();
    let before = fs::read(&path).unwrap();

    for error in [Writer::open(&path).err(), Reader::open(&path).err()] {
        let error = error.unwrap();
        assert!(matches!(error, Error::TooNew { found, .. } if found == newer));
        let text = error.to_string();
        assert!(
            text.contains("has schema version 2, this program knows up to 1"),
            "{text}"
        );
    }
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_that_is_no_database_is_reported_and_replaced_when_it_is_moved_away() {
    let (_directory, path) = database();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "key: value\n".repeat(1_000)).unwrap();
    assert!(matches!(Reader::open(&path), Err(Error::Open { .. })));
    let recorder = Recorder::start(config(&path)).unwrap();
    let sink = recorder.handle(wan("cable"));
    sink.record(cycle(1));

    let stats = until(&recorder, |stats| stats.errors > 0);
    let text = stats.last_error.unwrap();
    assert!(
        text.contains("move the file and its -wal and -shm away"),
        "{text}"
    );

    fs::rename(&path, path.with_extension("broken")).unwrap();
    until(&recorder, |stats| stats.committed == 1);
    assert_eq!(measured(&path), [1.0]);
}

#[test]
fn a_directory_that_cannot_be_made_is_reported_and_made_later() {
    let (_directory, path) = database();
    let parent = path.parent().unwrap();
    fs::write(parent, "in the way").unwrap();
    let recorder = Recorder::start(config(&path)).unwrap();
    recorder.handle(wan("cable")).record(cycle(1));

    let stats = until(&recorder, |stats| stats.errors > 0);
    let text = stats.last_error.unwrap();
    assert!(text.contains("cannot create the directory"), "{text}");
    assert!(matches!(Writer::open(&path), Err(Error::Directory { .. })));

    fs::remove_file(parent).unwrap();
    until(&recorder, |stats| stats.committed == 1);
}

#[test]
fn a_directory_deleted_while_it_is_in_use_costs_what_was_in_it_and_nothing_more() {
    let (_directory, path) = database();
    let parent = path.parent().unwrap();
    let recorder = Recorder::start(config(&path)).unwrap();
    let sink = recorder.handle(wan("cable"));
    sink.record(cycle(1));
    until(&recorder, |stats| stats.committed == 1);

    fs::remove_dir_all(parent).unwrap();
    sink.record(cycle(2));
    let stats = until(&recorder, |stats| stats.committed == 2);

    let text = stats.last_error.unwrap();
    assert!(text.contains("was deleted or moved"), "{text}");
    assert_eq!(measured(&path), [2.0]);
}

#[test]
fn a_file_moved_away_while_it_is_in_use_is_begun_anew() {
    let (_directory, path) = database();
    let recorder = Recorder::start(config(&path)).unwrap();
    let sink = recorder.handle(wan("cable"));
    sink.record(cycle(1));
    until(&recorder, |stats| stats.committed == 1);

    fs::rename(&path, path.with_extension("old")).unwrap();
    sink.record(cycle(2));
    until(&recorder, |stats| stats.committed == 2);

    assert_eq!(measured(&path), [2.0]);
}

#[test]
fn a_read_only_file_is_reported() {
    // A file format version above 2 makes SQLite treat the file as read-only, for root as well.
    const WRITE_VERSION: usize = 18;
    let (_directory, path) = database();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE t (a)")
        .unwrap();
    let mut bytes = fs::read(&path).unwrap();
    *bytes.get_mut(WRITE_VERSION).unwrap() = 3;
    fs::write(&path, bytes).unwrap();

    let error = Writer::open(&path).unwrap_err();

    assert_eq!(error.sqlite_code(), Some(rusqlite::ErrorCode::ReadOnly));
    assert!(
        error
            .to_string()
            .contains("make the file and its directory writable")
    );
}

#[test]
fn a_reader_tells_a_missing_file_from_an_empty_one() {
    let (_directory, path) = database();
    assert!(matches!(Reader::open(&path), Err(Error::Missing { .. })));
    assert!(!path.exists());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "").unwrap();
    assert!(matches!(Reader::open(&path), Err(Error::NoMetrics { .. })));
}

#[test]
fn shutdown_keeps_to_its_grace_and_says_what_is_left() {
    let (_directory, path) = database();
    drop(Writer::open(&path).unwrap());
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let recorder = Recorder::start(config(&path)).unwrap();
    recorder.handle(wan("cable")).record(cycle(1));

    let stats = recorder.shutdown(Duration::from_millis(100));

    assert_eq!((stats.committed, stats.queue_len), (0, 1));
}

#[test]
fn old_rows_go_while_new_ones_come() {
    let (_directory, path) = database();
    let cable = wan("cable");
    let old = Metric::new(WallTime::from_unix_millis(0), &cable, names::RTT_MS, -1.0);
    Writer::open(&path)
        .unwrap()
        .write_metrics_batch(&vec![old; 1_000])
        .unwrap();
    let recorder = Recorder::start(StorageConfig {
        retention_days: 36_500,
        ..config(&path)
    })
    .unwrap();
    let sink = recorder.handle(cable.clone());
    sink.record(cycle(5));
    let kept = until(&recorder, |stats| stats.committed == 1);
    assert_eq!(kept.deleted, 0);
    drop(recorder.shutdown(PATIENCE));

    let recorder = Recorder::start(StorageConfig {
        retention_days: 18_000,
        ..config(&path)
    })
    .unwrap();
    until(&recorder, |stats| stats.deleted == 1_000);
    assert_eq!(measured(&path), [5.0]);
}
