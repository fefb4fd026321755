use std::sync::atomic::AtomicBool;

use tempfile::tempdir;
use wanctl_types::{Bps, Millis, PerDirection, Zone};

use super::*;
use crate::{Query, Reader, ReasonText};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

fn cycle(number: u16) -> CycleRecord {
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

fn recorded_numbers(path: &Path) -> Vec<f64> {
    let query = Query {
        metrics: vec![crate::names::RTT_MS.to_owned()],
        ..Query::between(0, i64::MAX)
    };
    let rows = Reader::open(path).unwrap().query(&query).unwrap();
    rows.iter().rev().map(|row| row.value).collect()
}

fn config(path: &Path) -> StorageConfig {
    StorageConfig {
        db_path: path.to_owned(),
        retention_days: 100_000,
    }
}

fn wan() -> WanName {
    WanName::new("cable").unwrap()
}

/// A recorder whose disk is full for as long as the flag says so.
fn on_a_full_disk(path: &Path, full: &Arc<AtomicBool>) -> Recorder {
    let full = Arc::clone(full);
    let opener = move |path: &Path| {
        let writer = Writer::open(path)?;
        if full.load(Ordering::SeqCst) {
            writer
                .connection()
                .pragma_update_and_check(None, "max_page_count", 1, |_| Ok(()))
                .unwrap();
        }
        Ok(writer)
    };
    Recorder::start_with(config(path), Box::new(opener)).unwrap()
}

#[test]
fn a_full_disk_delays_cycles_and_loses_none_while_the_ring_lasts() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("metrics.db");
    let full = Arc::new(AtomicBool::new(true));
    let recorder = on_a_full_disk(&path, &full);
    let sink = recorder.handle(wan());
    for number in 0..1_000 {
        assert_eq!(sink.record(cycle(number)), Recorded::Queued);
    }
    let failing = until(&recorder, |stats| stats.errors > 0);
    assert_eq!(failing.committed, 0);
    assert_eq!(failing.queue_len, 1_000);
    assert!(failing.is_lagging());
    let text = failing.last_error.unwrap();
    assert!(text.contains("free space on its disk"), "{text}");

    full.store(false, Ordering::SeqCst);
    let healed = until(&recorder, |stats| {
        stats.committed == 1_000 && stats.queue_len == 0
    });

    assert_eq!(healed.dropped, 0);
    until(&recorder, |stats| stats.failing_since.is_none());
    let expected: Vec<f64> = (0..1_000).map(f64::from).collect();
    assert_eq!(recorded_numbers(&path), expected);
}

#[test]
fn a_full_ring_gives_up_the_oldest_cycles_but_keeps_zone_changes() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("metrics.db");
    let shared = Arc::new(Shared::new());
    let sink = CycleSink {
        shared: Arc::clone(&shared),
        wan: Arc::new(wan()),
    };
    let capacity = u16::try_from(RING).unwrap();
    let mut change = cycle(1);
    change.transitions.download = Some(ReasonText::format("it changed"));
    sink.record(cycle(0));
    sink.record(change);
    for number in 2..capacity {
        assert_eq!(sink.record(cycle(number)), Recorded::Queued);
    }

    assert_eq!(sink.record(cycle(capacity)), Recorded::Dropped);
    assert_eq!(sink.record(cycle(capacity + 1)), Recorded::Queued);
    assert_eq!(sink.record(cycle(capacity + 2)), Recorded::Dropped);
    assert_eq!(shared.stats().dropped, 2);
    assert_eq!(shared.stats().queue_len, RING + 1);

    shared.stop_by.set(Instant::now() + PATIENCE).unwrap();
    Worker::new(shared, config(&path), Box::new(|path| Writer::open(path))).run();
    let expected: Vec<f64> = [1]
        .into_iter()
        .chain(3..=capacity + 2)
        .map(f64::from)
        .collect();
    assert_eq!(recorded_numbers(&path), expected);
}

#[test]
fn rows_that_the_database_will_never_take_do_not_block_the_others() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("metrics.db");
    Writer::open(&path)
        .unwrap()
        .connection()
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE INSERT ON metrics WHEN NEW.value = 666
             BEGIN SELECT RAISE(ABORT, 'not this one'); END",
        )
        .unwrap();
    let recorder = Recorder::start(config(&path)).unwrap();
    let sink = recorder.handle(wan());

    sink.record(cycle(666));
    let refused = until(&recorder, |stats| stats.dropped == 1);
    sink.record(cycle(7));
    let stats = until(&recorder, |stats| stats.committed == 1);

    assert!(refused.last_error.unwrap().contains("not this one"));
    assert_eq!((stats.dropped, stats.failing_since), (1, None));
    assert_eq!(recorded_numbers(&path), [7.0]);
}
