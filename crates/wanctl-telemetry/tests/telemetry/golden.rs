//! The texts, byte for byte. `WANCTL_BLESS=1` writes them anew.

use std::path::Path;
use std::sync::Arc;
use std::{env, fs};

use serde_json::Value;
use wanctl_telemetry::{
    BLIND_AFTER, Condition, CountersState, Exposition, HealthReport, HealthStatus, RouterState,
    Snapshot, render_metrics,
};

use crate::fixture;

fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/telemetry/golden");
    let path = path.join(name);
    if env::var_os("WANCTL_BLESS").is_some() {
        fs::write(&path, text).unwrap();
    }
    assert_eq!(text, fs::read_to_string(&path).unwrap(), "{name}");
}

#[test]
fn the_health_report() {
    let report = HealthReport::new(&fixture::snapshot());
    check("health.json", &report.to_json().unwrap());
}

#[test]
fn the_metrics_as_plain_text() {
    let snapshot = Arc::new(fixture::snapshot());
    check(
        "metrics.txt",
        &render_metrics(&snapshot, Exposition::Text).unwrap(),
    );
}

#[test]
fn the_metrics_as_openmetrics() {
    let snapshot = Arc::new(fixture::snapshot());
    let page = render_metrics(&snapshot, Exposition::OpenMetrics).unwrap();
    check("metrics.openmetrics", &page);
}

#[test]
fn the_keys_of_the_reference_program_are_there_with_their_types() {
    let json = HealthReport::new(&fixture::snapshot()).to_json().unwrap();
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["status"], "healthy");
    assert_eq!(report["uptime_seconds"], 3725.2);
    assert_eq!(report["version"], "0.1.0");
    assert_eq!(report["consecutive_failures"], 1);
    assert_eq!(report["wan_count"], 2);
    let wan = &report["wans"][0];
    assert_eq!(wan["name"], "Cable");
    // In binary 24.675 lies just above its decimal spelling, 31.205 just below.
    assert_eq!(wan["baseline_rtt_ms"], 24.68);
    assert_eq!(wan["load_rtt_ms"], 31.2);
    assert_eq!(wan["download"]["current_rate_mbps"], 782.4);
    assert_eq!(wan["download"]["state"], "SOFT_RED");
    assert_eq!(wan["upload"]["current_rate_mbps"], 38.0);
    assert_eq!(wan["upload"]["state"], "GREEN");
}

#[test]
fn what_is_not_known_is_null() {
    let mut snapshot = fixture::snapshot();
    snapshot.history = None;
    let json = HealthReport::new(&snapshot).to_json().unwrap();
    let report: Value = serde_json::from_str(&json).unwrap();
    let wan = &report["wans"][1];
    let unknown = [
        &report["history"],
        &wan["download"]["applied_rate_mbps"],
        &wan["download"]["last_reason"],
        &wan["router"]["reachable"],
        &wan["router"]["last_latency_ms"],
    ];
    assert!(unknown.iter().all(|value| **value == Value::Null));
    assert!(report.as_object().unwrap().contains_key("history"));
}

#[test]
fn the_worst_wan_decides() {
    let status = |cycles| HealthReport::new(&fixture::failing(cycles)).status;
    assert_eq!(status(2), HealthStatus::Healthy);
    assert_eq!(status(3), HealthStatus::Degraded);
}

#[test]
fn a_blind_wan_is_never_healthy() {
    let mut snapshot = fixture::snapshot();
    let status = |snapshot: &_| HealthReport::new(snapshot).status;
    snapshot.wans[1].last_completed = Some(fixture::ago(2_000));
    assert_eq!(status(&snapshot), HealthStatus::Healthy);
    for stale in [Some(fixture::ago(2_001)), None] {
        // Cycles may go on and freeze the rates on purpose, or stand still.
        snapshot.wans[1].last_completed = stale;
        assert_eq!(status(&snapshot), HealthStatus::Degraded);
        assert_eq!(
            snapshot.conditions(&snapshot.wans[1]),
            [Condition::Blind, Condition::HistoryLagging]
        );
    }
    // A process that has just started is given the same time.
    snapshot.uptime = BLIND_AFTER;
    assert_eq!(status(&snapshot), HealthStatus::Healthy);
}

#[test]
fn every_condition_has_its_cause() {
    let mut snapshot = fixture::snapshot();
    let named = |snapshot: &Snapshot| snapshot.conditions(&snapshot.wans[1]);
    snapshot.history = None;
    assert_eq!(named(&snapshot), []);
    snapshot.wans[1].router.state = RouterState::Refused;
    assert_eq!(named(&snapshot), [Condition::RouterRefused]);
    snapshot.wans[1].router.state = RouterState::Unreachable;
    assert_eq!(named(&snapshot), [Condition::RouterLost]);
    snapshot.wans[1].router.state = RouterState::Rejecting;
    snapshot.wans[1].router.counters = CountersState::Unsupported;
    assert_eq!(named(&snapshot), []);
    snapshot.wans[1].router.counters = CountersState::Lost;
    assert_eq!(named(&snapshot), [Condition::CountersLost]);
    snapshot.wans[1].router.counters = CountersState::Off;
    let answering = |n| fixture::reflector(n, Some(20.0), 9, 0);
    let silent = |n| fixture::reflector(n, None, 9, 9);
    snapshot.wans[1].reflectors = vec![answering("a"), answering("b"), silent("c")];
    assert_eq!(named(&snapshot), []);
    snapshot.wans[1].reflectors = vec![answering("a"), silent("b")];
    assert_eq!(named(&snapshot), [Condition::ProbeQuorumLost]);
    snapshot.wans[1].reflectors[1].last_answer = Some(fixture::ago(2_000));
    assert_eq!(named(&snapshot), []);
}

#[test]
fn a_report_reads_back_as_written() {
    let report = HealthReport::new(&fixture::snapshot());
    let json = report.to_json().unwrap();
    assert_eq!(serde_json::from_str::<HealthReport>(&json).unwrap(), report);
}
