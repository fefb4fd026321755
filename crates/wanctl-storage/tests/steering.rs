//! Rows of the steering daemon, alone and beside those of the other.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use wanctl_storage::{
    Query, Reader, ReasonText, Recorder, Row, SteeringMove, SteeringRecord, StorageConfig, Writer,
};
use wanctl_types::{Millis, WallTime, WanName};

fn record(second: i64) -> SteeringRecord {
    SteeringRecord {
        time: WallTime::from_unix_millis(1_700_000_000_000 + second * 1_000),
        clock_set: true,
        rtt: Millis::new(31.5),
        baseline: Millis::new(20.0),
        delta: Millis::new(11.5),
        steered: false,
        state: Some(1),
        moved: None,
    }
}

fn text(text: &str) -> ReasonText {
    ReasonText::format(text)
}

fn rows(path: &std::path::Path) -> Vec<Row> {
    let reader = Reader::open(path).unwrap();
    let mut rows = reader.query(&Query::between(0, i64::MAX)).unwrap();
    rows.sort_by_key(|row| row.timestamp);
    rows
}

fn wan() -> WanName {
    WanName::new("cable").unwrap()
}

#[test]
fn a_cycle_is_five_rows_of_which_the_state_says_its_source() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metrics.db");
    let mut writer = Writer::open(&path).unwrap();
    writer.write_steering(&wan(), &record(0)).unwrap();
    let told: Vec<_> = rows(&path)
        .into_iter()
        .map(|row| (row.metric_name, row.value, row.labels))
        .collect();
    let plain = |name: &str, value| (name.to_owned(), value, None);
    let source = r#"{"source": "steering"}"#.to_owned();
    let mut expected = vec![
        plain("wanctl_rtt_ms", 31.5),
        plain("wanctl_rtt_baseline_ms", 20.0),
        plain("wanctl_rtt_delta_ms", 11.5),
        plain("wanctl_steering_enabled", 0.0),
        ("wanctl_state".to_owned(), 1.0, Some(source)),
    ];
    let mut told = told;
    let key = |row: &(String, f64, Option<String>)| row.0.clone();
    told.sort_by_key(key);
    expected.sort_by_key(key);
    assert_eq!(told, expected);
}

#[test]
fn what_is_not_known_has_no_row() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metrics.db");
    let unknown = SteeringRecord {
        rtt: None,
        baseline: None,
        delta: None,
        state: None,
        ..record(0)
    };
    let mut writer = Writer::open(&path).unwrap();
    writer.write_steering(&wan(), &unknown).unwrap();
    let names: Vec<_> = rows(&path).into_iter().map(|row| row.metric_name).collect();
    assert_eq!(names, ["wanctl_steering_enabled"]);
}

#[test]
fn a_move_is_told_under_both_names_with_the_same_labels() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metrics.db");
    let moved = SteeringRecord {
        steered: true,
        moved: Some(SteeringMove {
            reason: text("delay 83.2ms above 15.0ms for 4.2 s"),
            from: text("CABLE_GOOD"),
            to: text("CABLE_DEGRADED"),
        }),
        ..record(0)
    };
    let mut writer = Writer::open(&path).unwrap();
    writer.write_steering(&wan(), &moved).unwrap();
    let labels = r#"{"reason": "delay 83.2ms above 15.0ms for 4.2 s", "from_state": "CABLE_GOOD", "to_state": "CABLE_DEGRADED"}"#;
    let told: Vec<_> = rows(&path)
        .into_iter()
        .filter(|row| row.labels.as_deref() == Some(labels))
        .map(|row| (row.metric_name, row.value))
        .collect();
    assert_eq!(told.len(), 2);
    for name in ["wanctl_steering_enabled", "wanctl_steering_transition"] {
        assert!(told.contains(&(name.to_owned(), 1.0)), "{told:?}");
    }
}

/// Two recorders as two processes have them, on one file.
#[test]
fn two_daemons_write_one_file_and_nothing_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metrics.db");
    let config = StorageConfig {
        db_path: path.clone(),
        retention_days: 36_500,
    };
    let recorders = [0, 1].map(|_| Recorder::start(config.clone()).unwrap());
    let sinks = recorders.each_ref().map(|recorder| recorder.handle(wan()));
    for second in 0..2_000 {
        for sink in &sinks {
            sink.record_steering(record(second));
        }
    }
    for recorder in recorders {
        let stats = recorder.shutdown(Duration::from_secs(20));
        assert_eq!(
            (stats.committed, stats.dropped, stats.queue_len),
            (2_000, 0, 0)
        );
    }
    assert_eq!(rows(&path).len(), 2 * 2_000 * 5);
}
