//! What history costs: handing a cycle over, committing a batch on disk, and a cycle all in all.
//!
//! Beside criterion's means it prints the percentiles of 200,000 single hand-overs, once with a
//! writer that keeps up and once with a ring that stays full.
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark ends with its first failure"
)]

use core::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tempfile::{TempDir, tempdir_in};
use wanctl_storage::{
    CycleRecord, CycleSink, ReasonText, Recorder, SteeringRecord, StorageConfig, Writer,
};
use wanctl_types::{Bps, Millis, PerDirection, WallTime, WanName, Zone};

/// Single hand-overs that are timed.
const CALLS: u32 = 200_000;
/// One second of one WAN.
const BATCH: u32 = 20;
/// Cycles of the whole way.
const WAY: u32 = 4_000;
/// Longer than the writing of a ring.
const GRACE: Duration = Duration::from_mins(1);

criterion_group!(
    benches,
    hand_over,
    committed_batch,
    whole_cycle,
    percentiles
);
criterion_main!(benches);

/// Criterion's loop is far faster than any disk, so most of these find the ring full: the dearer
/// of the two ways.
fn hand_over(criterion: &mut Criterion) {
    let directory = on_disk();
    let recorder = recorder(&directory.path().join("metrics.db"));
    let sink = recorder.handle(wan());
    let record = cycle(1);
    criterion.bench_function("storage/hand_over_cycle", |bencher| {
        bencher.iter(|| sink.record(black_box(record)));
    });
    let steering = SteeringRecord {
        time: record.time,
        clock_set: true,
        rtt: Some(record.rtt),
        baseline: Some(record.baseline),
        delta: Some(record.delta),
        steered: false,
        state: Some(0),
        moved: None,
    };
    criterion.bench_function("storage/hand_over_steering_cycle", |bencher| {
        bencher.iter(|| sink.record_steering(black_box(steering)));
    });
}

fn committed_batch(criterion: &mut Criterion) {
    let directory = on_disk();
    let mut writer = Writer::open(directory.path().join("metrics.db")).unwrap();
    let wan = Arc::new(wan());
    let mut group = criterion.benchmark_group("storage");
    group.throughput(Throughput::Elements(u64::from(BATCH) * 6));
    group.bench_function("commit_20_cycles_120_rows", |bencher| {
        bencher.iter_batched(
            || -> Vec<_> { (0..BATCH).map(|n| (Arc::clone(&wan), cycle(n))).collect() },
            |batch| writer.write_cycles(&batch).unwrap(),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// Hand-over, commits in groups and the end of the thread, per cycle.
fn whole_cycle(criterion: &mut Criterion) {
    let directory = on_disk();
    let path = directory.path().join("metrics.db");
    drop(Writer::open(&path).unwrap());
    let mut group = criterion.benchmark_group("storage");
    group.throughput(Throughput::Elements(u64::from(WAY)));
    group.sample_size(20);
    group.bench_function("record_and_commit_4000_cycles", |bencher| {
        bencher.iter(|| {
            let recorder = recorder(&path);
            let sink = recorder.handle(wan());
            for number in 0..WAY {
                sink.record(cycle(number));
            }
            let stats = recorder.shutdown(GRACE);
            assert_eq!((stats.committed, stats.dropped), (u64::from(WAY), 0));
        });
    });
    group.finish();
}

fn percentiles(_criterion: &mut Criterion) {
    let directory = on_disk();
    let drained = recorder(&directory.path().join("metrics.db"));
    let times = time_each_call(&drained.handle(wan()), || make_room(&drained));
    report("hand-over, writer keeps up", times);
    let stats = drained.shutdown(GRACE);
    assert_eq!((stats.committed, stats.dropped), (u64::from(CALLS), 0));

    // A directory is no database: nothing is ever written.
    let failing = recorder(directory.path());
    let times = time_each_call(&failing.handle(wan()), || {});
    report("hand-over, nothing can be written, ring full", times);
}

/// Nanoseconds of each call; `before` runs ahead of every 64th.
fn time_each_call(sink: &CycleSink, before: impl Fn()) -> Vec<u128> {
    let mut times = Vec::with_capacity(CALLS as usize);
    for number in 0..CALLS {
        if number % 64 == 0 {
            before();
        }
        let record = cycle(number);
        let start = Instant::now();
        black_box(sink.record(black_box(record)));
        times.push(start.elapsed().as_nanos());
    }
    times
}

/// Waits while the ring is half full.
fn make_room(recorder: &Recorder) {
    while recorder.stats().is_lagging() {
        recorder.flush();
        thread::sleep(Duration::from_millis(1));
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark shows its result")]
fn report(name: &str, mut times: Vec<u128>) {
    times.sort_unstable();
    let at = |per_mille: usize| times.get(times.len() * per_mille / 1_000).copied();
    println!(
        "{name}: {} calls, p50 {} ns, p99 {} ns, p99.9 {} ns, max {} ns",
        times.len(),
        at(500).unwrap(),
        at(990).unwrap(),
        at(999).unwrap(),
        times.last().unwrap()
    );
}

/// A directory beside the build's own files, which are on a disk where `/tmp` may be memory.
fn on_disk() -> TempDir {
    let beside = std::env::current_exe().unwrap();
    tempdir_in(beside.parent().unwrap()).unwrap()
}

fn recorder(path: &Path) -> Recorder {
    Recorder::start(StorageConfig {
        db_path: path.to_owned(),
        retention_days: 36_500,
    })
    .unwrap()
}

fn wan() -> WanName {
    WanName::new("cable").unwrap()
}

/// One cycle in a hundred changes the download zone.
fn cycle(number: u32) -> CycleRecord {
    let delta = f64::from(number % 997) / 10.0;
    let reason = (number % 100 == 99).then(|| {
        ReasonText::format(format_args!(
            "RTT delta {delta:.1}ms exceeded soft_red threshold 45ms"
        ))
    });
    CycleRecord {
        clock_set: true,
        time: WallTime::from_unix_millis(1_700_000_000_000 + i64::from(number) * 50),
        rtt: Millis::saturating(20.0 + delta),
        baseline: Millis::saturating(20.0),
        delta: Millis::saturating(delta),
        rates: PerDirection::new(Bps::from_mbps(900), Bps::from_mbps(40)),
        zones: PerDirection::new(Zone::SoftRed, Zone::Green),
        transitions: PerDirection::new(reason, None),
    }
}
