//! A daemon with two WANs: one at work, one just started.

use std::sync::Arc;
use std::time::Duration;

use wanctl_telemetry::{
    CountersState, CycleCounters, DirectionSnapshot, HistorySnapshot, ReflectorSnapshot,
    RouterSnapshot, RouterState, Snapshot, WanSnapshot,
};
use wanctl_types::{Bps, Millis, PerDirection, Timestamp, WanName, Zone};

/// When the fixture was published.
const NOW: Timestamp = Timestamp::from_micros(4_000_000_000);

pub(crate) fn snapshot() -> Snapshot {
    Snapshot {
        version: "0.1.0",
        uptime: Duration::from_millis(3_725_250),
        published_at: NOW,
        clock_set: true,
        log_lines_lost: 2,
        wans: vec![cable(), dsl()],
        history: Some(HistorySnapshot {
            committed: 74_400,
            dropped: 12,
            queued: 3,
            lagging: true,
            last_error: Some("database is locked".to_owned()),
        }),
    }
}

/// The fixture with one WAN that failed so many cycles in a row.
pub(crate) fn failing(cycles: u32) -> Arc<Snapshot> {
    let mut snapshot = snapshot();
    snapshot.wans[1].consecutive_failures = cycles;
    Arc::new(snapshot)
}

fn cable() -> WanSnapshot {
    WanSnapshot {
        name: WanName::new("Cable").unwrap(),
        baseline: ms(24.675),
        load: ms(31.205),
        directions: PerDirection::new(
            DirectionSnapshot {
                zone: Zone::SoftRed,
                intended: Bps::new(782_449_999),
                applied: Some(Bps::new(800_000_000)),
                last_reason: Some("RTT delta 48.0ms exceeded warn threshold 45.0ms".to_owned()),
            },
            DirectionSnapshot {
                zone: Zone::Green,
                intended: Bps::from_mbps(38),
                applied: Some(Bps::from_mbps(38)),
                last_reason: None,
            },
        ),
        consecutive_failures: 1,
        last_step: Some(ago(50)),
        last_completed: Some(ago(1_150)),
        counters: CycleCounters {
            completed: 74_412,
            frozen: 5,
            failed: 2,
            missed_ticks: 1,
            silent_rounds: 7,
            router_updates: 310,
            router_errors: 4,
            router_drift: 3,
            writes_deferred: 9,
            records_dropped: 12,
        },
        cycle_duration: Duration::from_micros(183),
        cycle_p99: Duration::from_micros(210),
        reflectors: vec![
            reflector("192.0.2.1", Some(24.5), 37_206, 31),
            reflector("reflector.example", None, 10, 10),
        ],
        router: RouterSnapshot {
            state: RouterState::Unreachable,
            last_error: Some("connection refused".to_owned()),
            last_latency: Some(Duration::from_micros(12_345)),
            counters: CountersState::Read,
        },
    }
}

fn dsl() -> WanSnapshot {
    let direction = |mbps| DirectionSnapshot {
        zone: Zone::Yellow,
        intended: Bps::from_mbps(mbps),
        applied: None,
        last_reason: None,
    };
    WanSnapshot {
        name: WanName::new("dsl").unwrap(),
        baseline: ms(30.0),
        load: ms(29.0),
        directions: PerDirection::new(direction(100), direction(20)),
        consecutive_failures: 0,
        last_step: Some(ago(20)),
        last_completed: Some(ago(20)),
        counters: CycleCounters::default(),
        cycle_duration: Duration::ZERO,
        cycle_p99: Duration::ZERO,
        reflectors: Vec::new(),
        router: RouterSnapshot::default(),
    }
}

pub(crate) fn reflector(host: &str, rtt: Option<f64>, sent: u64, lost: u64) -> ReflectorSnapshot {
    ReflectorSnapshot {
        host: host.to_owned(),
        rtt: rtt.map(ms),
        last_answer: rtt.map(|_| ago(70)),
        sent,
        lost,
    }
}

/// So many milliseconds before the fixture was published.
pub(crate) fn ago(millis: u64) -> Timestamp {
    NOW - Duration::from_millis(millis)
}

pub(crate) fn ms(number: f64) -> Millis {
    Millis::new(number).unwrap()
}
