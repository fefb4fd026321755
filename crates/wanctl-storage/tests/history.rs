//! What is written can be read back, in the layout that the Python wanctl shares.
#![expect(clippy::unwrap_used, reason = "a failing test step ends the test")]

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use tempfile::{TempDir, tempdir};
use wanctl_storage::{
    ConfigSnapshot, CycleRecord, Error, Granularity, Labels, Metric, Query, Reader, ReasonText,
    Row, SCHEMA_VERSION, TopologySnapshot, Trigger, Writer, names,
};
use wanctl_types::{Bps, Direction, Millis, PerDirection, WallTime, WanName, Zone};

/// The layout that the Python wanctl creates, with names and types as its files show them.
const PYTHON_LAYOUT: &str = "
CREATE TABLE metrics (
    id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp INTEGER NOT NULL, wan_name TEXT NOT NULL,
    metric_name TEXT NOT NULL, value REAL NOT NULL, labels TEXT, granularity TEXT DEFAULT 'raw');
CREATE INDEX idx_metrics_timestamp ON metrics(timestamp);
CREATE INDEX idx_metrics_wan_metric_time ON metrics(wan_name, metric_name, timestamp);
CREATE INDEX idx_metrics_granularity_time ON metrics(granularity, timestamp);";

const NOON: i64 = 1_700_000_000;

fn database() -> (TempDir, PathBuf) {
    let directory = tempdir().unwrap();
    let path = directory.path().join("metrics.db");
    (directory, path)
}

fn wan() -> WanName {
    WanName::new("Cable-1").unwrap()
}

fn at(second: i64) -> WallTime {
    WallTime::from_unix_millis(second * 1_000 + 250)
}

fn everything(path: &Path) -> Vec<Row> {
    let query = Query::between(i64::MIN, i64::MAX);
    Reader::open(path).unwrap().query(&query).unwrap()
}

fn cycle() -> CycleRecord {
    CycleRecord {
        clock_set: true,
        time: at(NOON),
        rtt: Millis::saturating(48.25),
        baseline: Millis::saturating(22.5),
        delta: Millis::saturating(-0.5),
        rates: PerDirection::new(Bps::new(893_500_000), Bps::from_mbps(38)),
        zones: PerDirection::new(Zone::SoftRed, Zone::Red),
        transitions: PerDirection::new(None, None),
    }
}

fn columns(row: &Row) -> (&str, f64, Option<&str>) {
    (&row.metric_name, row.value, row.labels.as_deref())
}

#[test]
fn a_cycle_is_six_rows_in_a_fixed_order() {
    let (_directory, path) = database();
    let mut writer = Writer::open(&path).unwrap();

    writer.write_cycles(&[(Arc::new(wan()), cycle())]).unwrap();

    let rows = everything(&path);
    let oldest_first: Vec<_> = rows.iter().rev().map(columns).collect();
    assert_eq!(
        oldest_first,
        [
            ("wanctl_rtt_ms", 48.25, None),
            ("wanctl_rtt_baseline_ms", 22.5, None),
            ("wanctl_rtt_delta_ms", -0.5, None),
            ("wanctl_rate_download_mbps", 893.5, None),
            ("wanctl_rate_upload_mbps", 38.0, None),
            ("wanctl_state", 2.0, Some(r#"{"direction": "download"}"#)),
        ]
    );
    for row in &rows {
        assert_eq!(row.timestamp, NOON);
        assert_eq!(row.wan_name, "Cable-1");
        assert_eq!(row.granularity, "raw");
    }
}

#[test]
fn rows_dated_by_a_clock_not_yet_set_are_marked() {
    let (_directory, path) = database();
    let mut record = cycle();
    record.clock_set = false;
    record.transitions.upload = Some(ReasonText::format("x"));

    let mut writer = Writer::open(&path).unwrap();
    writer.write_cycles(&[(Arc::new(wan()), record)]).unwrap();

    let rows = everything(&path);
    let labels: Vec<_> = rows
        .iter()
        .rev()
        .map(|row| columns(row).2.unwrap())
        .collect();
    let plain = r#"{"clock": "unset"}"#;
    let state = r#"{"direction": "download", "clock": "unset"}"#;
    let change = r#"{"direction": "upload", "reason": "x", "clock": "unset"}"#;
    assert_eq!(labels, [plain, plain, plain, plain, plain, state, change]);
}

#[test]
fn each_zone_change_adds_a_row_with_its_reason_and_keeps_its_millisecond() {
    let (_directory, path) = database();
    let mut record = cycle();
    record.transitions = PerDirection::new(
        Some(ReasonText::format(
            "RTT delta 25.3ms exceeded soft_red threshold 15ms",
        )),
        Some(ReasonText::format(
            "RTT delta 25.3ms exceeded warn threshold 15.0ms",
        )),
    );

    let mut writer = Writer::open(&path).unwrap();
    writer.write_cycles(&[(Arc::new(wan()), record)]).unwrap();

    let rows = everything(&path);
    let changes: Vec<_> = rows.iter().rev().skip(6).map(columns).collect();
    assert_eq!(
        changes,
        [
            (
                "wanctl_state",
                2.0,
                Some(
                    r#"{"direction": "download", "reason": "RTT delta 25.3ms exceeded soft_red threshold 15ms"}"#
                )
            ),
            (
                "wanctl_state",
                3.0,
                Some(
                    r#"{"direction": "upload", "reason": "RTT delta 25.3ms exceeded warn threshold 15.0ms"}"#
                )
            ),
        ]
    );
    let reader = Reader::open(&path).unwrap();
    let transitions = reader.transitions(at(NOON), at(NOON)).unwrap();
    let seen: Vec<_> = transitions
        .iter()
        .map(|change| (change.time.unix_millis(), change.direction, change.zone))
        .collect();
    let millisecond = NOON * 1_000 + 250;
    assert_eq!(
        seen,
        [
            (millisecond, Direction::Download, Zone::SoftRed),
            (millisecond, Direction::Upload, Zone::Red)
        ]
    );
    assert_eq!(reader.transitions(at(NOON + 1), at(NOON + 2)).unwrap(), []);
}

#[test]
fn a_batch_is_stored_whole_or_not_at_all() {
    let (_directory, path) = database();
    let wan = wan();
    let mut writer = Writer::open(&path).unwrap();
    let good = Metric::new(at(NOON), &wan, names::RTT_MS, 1.0);
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let bad = Metric::new(at(NOON), &wan, names::RTT_DELTA_MS, value);

        let error = writer.write_metrics_batch(&[good, bad]).unwrap_err();

        assert!(matches!(error, Error::NotFinite { .. }), "{error:?}");
        assert!(error.to_string().contains("wanctl_rtt_delta_ms of Cable-1"));
    }
    writer.write_metrics_batch(&[]).unwrap();
    assert_eq!(everything(&path), []);

    // A failure in the middle of the statements, which only the database sees.
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE INSERT ON metrics WHEN NEW.value = 3
             BEGIN SELECT RAISE(ABORT, 'no'); END",
        )
        .unwrap();
    let metrics = [1.0, 2.0, 3.0, 4.0].map(|value| Metric::new(at(NOON), &wan, "m", value));
    let error = writer.write_metrics_batch(&metrics).unwrap_err();
    assert!(matches!(error, Error::Write { .. }), "{error:?}");
    assert_eq!(everything(&path), []);
    writer.write_metric(&good).unwrap();
    assert_eq!(everything(&path).len(), 1);
}

#[test]
fn absent_and_empty_labels_are_null() {
    let (_directory, path) = database();
    let (wan, empty) = (wan(), Labels::new());
    let full = Labels::new().with("source", "steering").with("Zürich", 1);
    let bare = Metric::new(at(NOON), &wan, names::STATE, 0.0);
    let mut writer = Writer::open(&path).unwrap();

    writer
        .write_metrics_batch(&[bare, bare.with_labels(&empty), bare.with_labels(&full)])
        .unwrap();

    let labels: Vec<_> = everything(&path)
        .into_iter()
        .rev()
        .map(|row| row.labels)
        .collect();
    let text = r#"{"source": "steering", "Z\u00fcrich": 1}"#;
    assert_eq!(labels, [None, None, Some(text.to_owned())]);
}

#[test]
fn bounds_are_inclusive_and_the_newest_row_comes_first() {
    let (_directory, path) = database();
    let wan = wan();
    let mut writer = Writer::open(&path).unwrap();
    for (second, value) in [
        (10, 1.0),
        (11, 2.0),
        (11, 3.0),
        (13, 4.0),
        (12, 5.0),
        (14, 6.0),
    ] {
        writer
            .write_metric(&Metric::new(at(second), &wan, names::RTT_MS, value))
            .unwrap();
    }

    let query = Query::between(11, 13);
    let reader = Reader::open(&path).unwrap();
    let values = |query: &Query| -> Vec<f64> {
        let rows = reader.query(query).unwrap();
        rows.iter().map(|row| row.value).collect()
    };

    assert_eq!(values(&query), [4.0, 5.0, 3.0, 2.0]);
    let limited = Query {
        limit: Some(2),
        ..query.clone()
    };
    assert_eq!(values(&limited), [4.0, 5.0]);
    let mut streamed = Vec::new();
    reader
        .for_each(&query, |row| {
            streamed.push(row.value);
            if streamed.len() == 3 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .unwrap();
    assert_eq!(streamed, [4.0, 5.0, 3.0]);
}

#[test]
fn filters_match_exact_names() {
    let (_directory, path) = database();
    let wans = ["cable", "Cable", "dsl"].map(|name| WanName::new(name).unwrap());
    let mut writer = Writer::open(&path).unwrap();
    for (wan, value) in wans.iter().zip([0.0, 10.0, 20.0]) {
        let hourly = Metric {
            granularity: Granularity::Hour,
            ..Metric::new(at(NOON), wan, names::RTT_MS, value + 3.0)
        };
        writer
            .write_metrics_batch(&[
                Metric::new(at(NOON), wan, names::RTT_MS, value + 1.0),
                Metric::new(at(NOON), wan, names::STATE, value + 2.0),
                hourly,
            ])
            .unwrap();
    }
    let all = Query::between(NOON, NOON);
    let reader = Reader::open(&path).unwrap();
    let values = |query: Query| -> Vec<f64> {
        let rows = reader.query(&query).unwrap();
        rows.iter().rev().map(|row| row.value).collect()
    };

    let wan = Some("cable".to_owned());
    assert_eq!(values(Query { wan, ..all.clone() }), [1.0, 2.0, 3.0]);
    let metrics = vec![names::STATE.to_owned()];
    assert_eq!(
        values(Query {
            metrics,
            ..all.clone()
        }),
        [2.0, 12.0, 22.0]
    );
    let metrics = vec![names::STATE.to_owned(), names::RTT_MS.to_owned()];
    assert_eq!(
        values(Query {
            metrics,
            ..all.clone()
        })
        .len(),
        9
    );
    let granularity = Some(Granularity::Hour);
    assert_eq!(
        values(Query {
            granularity,
            ..all.clone()
        }),
        [3.0, 13.0, 23.0]
    );
    let metrics = vec!["wanctl_rtt".to_owned()];
    assert_eq!(values(Query { metrics, ..all }), [0.0; 0]);
}

#[test]
fn a_configuration_is_one_row_whose_value_is_its_second() {
    let (_directory, path) = database();
    let snapshot = ConfigSnapshot {
        clock_set: true,
        trigger: Trigger::Manual,
        autorate: None,
        steering: Some(wanctl_storage::SteeringSnapshot {
            thresholds: None,
            topology: Some(TopologySnapshot {
                primary_wan: Some(wan()),
                alternate_wan: None,
            }),
        }),
    };

    Writer::open(&path)
        .unwrap()
        .record_config_snapshot(&wan(), at(NOON), &snapshot)
        .unwrap();

    let rows = everything(&path);
    let [row] = rows.as_slice() else {
        panic!("{rows:?}")
    };
    let text = r#"{"trigger": "manual", "autorate": null, "steering": {"primary_wan": "Cable-1", "alternate_wan": null}}"#;
    assert_eq!(
        columns(row),
        ("wanctl_config_snapshot", 1_700_000_000.0, Some(text))
    );
    assert_eq!(row.timestamp, NOON);
}

/// Name, type, NOT NULL, default and key position of each column; then the indexes.
fn layout(path: &Path) -> (Vec<String>, Vec<String>) {
    let connection = Connection::open(path).unwrap();
    let read = |sql: &str| -> Vec<String> {
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let columns = read(
        r#"SELECT name || ' ' || type || ' ' || "notnull" || ' ' || COALESCE(dflt_value, '-') || ' ' || pk
           FROM pragma_table_info('metrics') ORDER BY cid"#,
    );
    let indexes = read(
        r#"SELECT list.name || ' ' || list."unique" || ' ' || (
               SELECT group_concat(name) FROM (SELECT name FROM pragma_index_info(list.name) ORDER BY seqno))
           FROM pragma_index_list('metrics') AS list ORDER BY list.name"#,
    );
    (columns, indexes)
}

#[test]
fn the_shared_table_is_laid_out_as_the_python_wanctl_does() {
    let (_directory, path) = database();
    drop(Writer::open(&path).unwrap());
    let (columns, indexes) = layout(&path);
    assert_eq!(
        columns,
        [
            "id INTEGER 0 - 1",
            "timestamp INTEGER 1 - 0",
            "wan_name TEXT 1 - 0",
            "metric_name TEXT 1 - 0",
            "value REAL 1 - 0",
            "labels TEXT 0 - 0",
            "granularity TEXT 0 'raw' 0",
        ]
    );
    assert_eq!(
        indexes,
        [
            "idx_metrics_granularity_time 0 granularity,timestamp",
            "idx_metrics_timestamp 0 timestamp",
            "idx_metrics_wan_metric_time 0 wan_name,metric_name,timestamp",
        ]
    );
    let python = path.with_file_name("python.db");
    Connection::open(&python)
        .unwrap()
        .execute_batch(PYTHON_LAYOUT)
        .unwrap();
    assert_eq!(layout(&python), (columns, indexes));

    let connection = Connection::open(&path).unwrap();
    let pragma = |name: &str| -> String {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
            .map(|value| format!("{value:?}"))
            .unwrap()
    };
    assert_eq!(pragma("journal_mode"), r#"Text("wal")"#);
    assert_eq!(pragma("auto_vacuum"), "Integer(2)");
    assert_eq!(pragma("user_version"), format!("Integer({SCHEMA_VERSION})"));
    assert!(connection.table_exists(None, "sqlite_sequence").unwrap());
}

#[test]
fn a_file_of_the_python_wanctl_is_continued_and_still_its_own() {
    const INSERT: &str =
        "INSERT INTO metrics (timestamp, wan_name, metric_name, value, labels, granularity)
         VALUES (?1, 'Cable-1', 'wanctl_rtt_ms', ?2, NULL, 'raw')";
    let (_directory, path) = database();
    let python = Connection::open(&path).unwrap();
    python.execute_batch(PYTHON_LAYOUT).unwrap();
    python.execute(INSERT, (NOON, 1.0)).unwrap();
    assert_eq!(everything(&path).len(), 1, "read before it is continued");
    assert_eq!(
        Reader::open(&path)
            .unwrap()
            .transitions(at(0), at(NOON))
            .unwrap(),
        []
    );

    let wan = wan();
    let mut writer = Writer::open(&path).unwrap();
    writer
        .write_metric(&Metric::new(at(NOON), &wan, names::RTT_MS, 2.0))
        .unwrap();
    python
        .execute_batch(
            &PYTHON_LAYOUT
                .replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS")
                .replace("CREATE INDEX", "CREATE INDEX IF NOT EXISTS"),
        )
        .unwrap();
    python.execute(INSERT, (NOON, 3.0)).unwrap();

    let values: Vec<f64> = everything(&path).iter().map(|row| row.value).collect();
    assert_eq!(values, [3.0, 2.0, 1.0]);
}

#[test]
fn what_was_committed_is_there_after_a_writer_that_never_closed() {
    let (_directory, path) = database();
    let wan = wan();
    let mut writer = Writer::open(&path).unwrap();
    writer
        .write_metric(&Metric::new(at(NOON), &wan, names::RTT_MS, 1.0))
        .unwrap();
    std::mem::forget(writer);

    let mut next = Writer::open(&path).unwrap();
    next.write_metric(&Metric::new(at(NOON), &wan, names::RTT_MS, 2.0))
        .unwrap();

    assert_eq!(everything(&path).len(), 2);
}

#[test]
fn a_second_is_rounded_down_before_the_epoch_too() {
    let (_directory, path) = database();
    let wan = wan();
    let early = WallTime::from_unix_millis(-1);
    Writer::open(&path)
        .unwrap()
        .write_metric(&Metric::new(early, &wan, names::RTT_MS, 1.0))
        .unwrap();
    assert_eq!(everything(&path).first().unwrap().timestamp, -1);
}
