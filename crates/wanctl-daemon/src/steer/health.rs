//! The health report of steering, with the keys of the Python program and ours beside them.

use std::time::Duration;

use serde_json::{Value, json};
use wanctl_steering::{Decision, Level, WanIndex};
use wanctl_types::{Millis, Timestamp};

use super::view::SteerView;

/// Blind cycles in a row from which on steering is unwell.
const DEGRADED_CYCLES: u32 = 3;

/// The report, and whether all is well. Log lines that were lost are told and do not matter.
pub(super) fn report(view: &SteerView, log_lines_lost: u64, now: Timestamp) -> (bool, Value) {
    let healthy = is_healthy(view);
    let status = match (view.decided, healthy) {
        (None, _) => "starting",
        (Some(_), true) => "healthy",
        (Some(_), false) => "degraded",
    };
    let counters = &view.counters;
    let shown = &view.config.thresholds;
    let decision = view.decision.as_ref();
    let progress = decision
        .map(|decision| decision.progress)
        .unwrap_or_default();
    let level = decision.map_or(Level::Unknown, |decision| decision.level);
    let report = json!({
        "status": status,
        "uptime_seconds": seconds(now.saturating_since(view.started)),
        "version": crate::VERSION,
        "steering": {
            "enabled": !view.active.is_primary(),
            "state": view.state_name(),
            "mode": if view.config.shadow { "dry_run" } else { "active" },
            "active_wan": view.wan_name(view.active),
            "engine": engine(view),
        },
        "congestion": {
            "primary": {
                "state": level.as_str(),
                "state_code": level.code().unwrap_or(3),
            },
        },
        "decision": {
            "last_transition_time": view.last_transition,
            "last_reason": view.last_reason,
            "time_in_state_seconds": seconds(now.saturating_since(view.active_since)),
            "held": decision.and_then(|decision| decision.held).map(|held| held.to_string()),
            "age_seconds": view.decided.map(|at| seconds(now.saturating_since(at))),
        },
        "counters": {
            "red_count": progress.bad,
            "good_count": progress.good,
            "cake_read_failures": view.queue_failures,
            "cycles": counters.completed,
            "blind_cycles": counters.blind,
            "moves": counters.moves,
            "refused": counters.refused,
            "drift": counters.drift,
        },
        "confidence": {
            "primary": decision.map_or(0.0, |decision| decision.score.total),
        },
        "wans": wans(view, decision),
        "router": {
            "reachable": view.router_reachable,
            "troubles": view.troubles,
        },
        "errors": {
            "consecutive_failures": counters.blind_in_a_row,
            "cake_read_failures": view.queue_failures,
        },
        "thresholds": {
            "green_rtt_ms": shown.green_rtt_ms,
            "yellow_rtt_ms": shown.yellow_rtt_ms,
            "red_rtt_ms": shown.red_rtt_ms,
            "red_samples_required": shown.red_samples_required,
            "green_samples_required": shown.green_samples_required,
        },
        "log_lines_lost": log_lines_lost,
        "pid": std::process::id(),
    });
    (healthy, report)
}

/// Never well while it is blind, or while it could not act.
fn is_healthy(view: &SteerView) -> bool {
    view.counters.blind_in_a_row < DEGRADED_CYCLES
        && view.router_reachable != Some(false)
        && view.troubles.is_empty()
}

fn engine(view: &SteerView) -> &'static str {
    match view.config.steering.engine {
        wanctl_steering::EngineConfig::Legacy(_) => "legacy",
        wanctl_steering::EngineConfig::Standard(_) => "standard",
    }
}

fn wans(view: &SteerView, decision: Option<&Decision>) -> Vec<Value> {
    let Some(decision) = decision else {
        return Vec::new();
    };
    WanIndex::first(decision.wans.len())
        .zip(&decision.wans)
        .map(|(wan, verdict)| {
            let quality = verdict.assessment.quality();
            let ms = |figure: fn(&wanctl_steering::Quality) -> Millis| {
                quality.map(|quality| rounded(figure(quality).get()))
            };
            json!({
                "name": view.wan_name(wan),
                "state": verdict.assessment.level().as_str(),
                "rtt_ms": ms(|q| q.rtt),
                "delay_ms": ms(|q| q.delay),
                "jitter_ms": ms(|q| q.jitter),
                "loss_percent": quality.map(|q| rounded(q.loss * 100.0)),
                "cost_ms": ms(wanctl_steering::Quality::cost),
                "rejected": verdict.rejected.map(|rejected| rejected.to_string()),
                "route": verdict.route,
            })
        })
        .collect()
}

fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 10.0).round() / 10.0
}

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
