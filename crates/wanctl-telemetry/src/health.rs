//! The health report: a [`Snapshot`] as JSON.
//!
//! Keys and number formats are those of the reference program; keys of our own stand beside them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wanctl_types::{Bps, Direction, Millis, Zone};

use crate::condition::Condition;
use crate::error::Error;
use crate::snapshot::{
    DirectionSnapshot, HistorySnapshot, ReflectorSnapshot, RouterSnapshot, Snapshot, WanSnapshot,
};

/// Failed cycles in a row from which on a WAN counts as unwell.
pub const DEGRADED_FAILURES: u32 = 3;

/// One daemon's health, as `GET /health` shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HealthReport {
    /// Verdict over all WANs.
    pub status: HealthStatus,
    /// Time since start in seconds, one decimal.
    pub uptime_seconds: f64,
    /// Version of the program.
    pub version: String,
    /// The most failed cycles in a row of any WAN.
    pub consecutive_failures: u32,
    /// Number of WANs.
    pub wan_count: usize,
    /// Whether the system's clock is believable; records are misdated until it is.
    pub clock_set: bool,
    /// Lines that standard error or the log files did not take since the start.
    pub log_lines_lost: u64,
    /// One entry per WAN, in the order of the configuration.
    pub wans: Vec<WanHealth>,
    /// The history database; `null` when history is off.
    pub history: Option<HistoryHealth>,
}

/// The verdict of a [`HealthReport`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// Every WAN failed fewer than [`DEGRADED_FAILURES`] cycles in a row, and none is
    /// [blind](Condition::Blind).
    Healthy,
    /// Some WAN failed at least that many, or is blind.
    Degraded,
}

/// One WAN.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WanHealth {
    /// Its name, as configured.
    pub name: String,
    /// Idle RTT in milliseconds, two decimals.
    pub baseline_rtt_ms: f64,
    /// Smoothed RTT in milliseconds, two decimals.
    pub load_rtt_ms: f64,
    /// From the provider to the user.
    pub download: DirectionHealth,
    /// From the user to the provider.
    pub upload: DirectionHealth,
    /// Failed cycles in a row.
    pub consecutive_failures: u32,
    /// Troubles that hold now.
    pub conditions: Vec<Condition>,
    /// Since the last cycle in seconds, one decimal; `null` before the first.
    pub last_step_age_seconds: Option<f64>,
    /// Since the last completed cycle in seconds, one decimal; `null` before the first.
    pub last_completed_age_seconds: Option<f64>,
    /// Counters since start.
    pub cycles: CycleHealth,
    /// What each reflector does.
    pub reflectors: Vec<ReflectorHealth>,
    /// What the router does.
    pub router: RouterHealth,
}

/// One direction of one WAN.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DirectionHealth {
    /// The rate the controller wants, in Mbit/s, one decimal.
    pub current_rate_mbps: f64,
    /// Zone of the last cycle.
    pub state: Zone,
    /// The rate the router last said it has, in Mbit/s, one decimal; `null` before its first
    /// answer.
    pub applied_rate_mbps: Option<f64>,
    /// Reason of the last change of zone; `null` before the first.
    pub last_reason: Option<String>,
}

/// What became of the cycles of one WAN since start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CycleHealth {
    /// Completed cycles.
    pub completed: u64,
    /// Cycles that froze the rates on purpose.
    pub frozen: u64,
    /// Failed cycles.
    pub failed: u64,
    /// Ticks that came too late to be used.
    pub missed_ticks: u64,
    /// Rounds in which no reflector answered.
    pub silent_rounds: u64,
    /// Records the history queue had no room for.
    pub records_dropped: u64,
    /// The last cycle's own work in milliseconds, two decimals.
    pub last_duration_ms: f64,
    /// What 99 of a hundred turns of the control loop did not exceed, in milliseconds, two
    /// decimals, over the last thousand or so.
    pub p99_duration_ms: f64,
}

/// One reflector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReflectorHealth {
    /// As configured.
    pub host: String,
    /// Its last RTT in milliseconds, two decimals; `null` before the first answer.
    pub rtt_ms: Option<f64>,
    /// Probes sent.
    pub sent: u64,
    /// Probes given up as lost.
    pub lost: u64,
}

/// The router of one WAN.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RouterHealth {
    /// Whether the last request was answered; `null` before the first.
    pub reachable: Option<bool>,
    /// `unknown`, `reachable`, `rejecting`, `unreachable` or `refused`.
    pub state: String,
    /// The last error, until all is well again.
    pub last_error: Option<String>,
    /// How long the last accepted write took, in milliseconds, two decimals.
    pub last_latency_ms: Option<f64>,
    /// Writes accepted.
    pub updates: u64,
    /// Requests refused or not answered.
    pub errors: u64,
    /// Times a queue had a rate that the daemon did not set.
    pub drift: u64,
    /// Increases that the write budget put off.
    pub writes_deferred: u64,
    /// Whether the counters of its queues are read: `off` (the law does not look at them),
    /// `waiting`, `read`, `lost` or `unsupported`.
    pub counters: String,
}

/// The history database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HistoryHealth {
    /// Cycles committed since start.
    pub committed: u64,
    /// Cycles lost for want of room in the queue.
    pub dropped: u64,
    /// Cycles waiting to be written.
    pub queued: usize,
    /// The last error, until a commit succeeds.
    pub last_error: Option<String>,
}

impl HealthReport {
    /// Renders a snapshot. Every number is finite.
    #[must_use]
    pub fn new(snapshot: &Snapshot) -> Self {
        let failures = snapshot.wans.iter().map(|wan| wan.consecutive_failures);
        let consecutive_failures = failures.max().unwrap_or(0);
        Self {
            status: HealthStatus::of(snapshot, consecutive_failures),
            uptime_seconds: rounded::<1>(snapshot.uptime.as_secs_f64()),
            version: snapshot.version.to_owned(),
            consecutive_failures,
            wan_count: snapshot.wans.len(),
            clock_set: snapshot.clock_set,
            log_lines_lost: snapshot.log_lines_lost,
            wans: snapshot
                .wans
                .iter()
                .map(|wan| WanHealth::new(snapshot, wan))
                .collect(),
            history: snapshot.history.as_ref().map(HistoryHealth::new),
        }
    }

    /// JSON with an indent of two spaces.
    ///
    /// # Errors
    ///
    /// [`Error::Health`]; no report built by [`HealthReport::new`] gives it.
    pub fn to_json(&self) -> Result<String, Error> {
        Ok(serde_json::to_string_pretty(self)?)
    }
}

impl HealthStatus {
    fn of(snapshot: &Snapshot, consecutive_failures: u32) -> Self {
        let mut wans = snapshot.wans.iter();
        if wans.any(|wan| Condition::Blind.holds(snapshot, wan)) {
            Self::Degraded
        } else {
            Self::after(consecutive_failures)
        }
    }

    /// The verdict after so many failed cycles in a row, as far as they decide it.
    #[must_use]
    pub const fn after(consecutive_failures: u32) -> Self {
        if consecutive_failures < DEGRADED_FAILURES {
            Self::Healthy
        } else {
            Self::Degraded
        }
    }

    /// The HTTP status that goes with the verdict: 200 or 503.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Healthy => 200,
            Self::Degraded => 503,
        }
    }
}

impl WanHealth {
    fn new(snapshot: &Snapshot, wan: &WanSnapshot) -> Self {
        let age = |event| rounded::<1>(snapshot.age(event).as_secs_f64());
        Self {
            name: wan.name.to_string(),
            baseline_rtt_ms: two_decimals(wan.baseline),
            load_rtt_ms: two_decimals(wan.load),
            download: DirectionHealth::new(&wan.directions[Direction::Download]),
            upload: DirectionHealth::new(&wan.directions[Direction::Upload]),
            consecutive_failures: wan.consecutive_failures,
            conditions: snapshot.conditions(wan),
            last_step_age_seconds: wan.last_step.map(age),
            last_completed_age_seconds: wan.last_completed.map(age),
            cycles: CycleHealth::new(wan),
            reflectors: wan.reflectors.iter().map(ReflectorHealth::new).collect(),
            router: RouterHealth::new(&wan.router, wan),
        }
    }
}

impl DirectionHealth {
    fn new(direction: &DirectionSnapshot) -> Self {
        Self {
            current_rate_mbps: mbps(direction.intended),
            state: direction.zone,
            applied_rate_mbps: direction.applied.map(mbps),
            last_reason: direction.last_reason.clone(),
        }
    }
}

impl CycleHealth {
    fn new(wan: &WanSnapshot) -> Self {
        let counters = &wan.counters;
        Self {
            completed: counters.completed,
            frozen: counters.frozen,
            failed: counters.failed,
            missed_ticks: counters.missed_ticks,
            silent_rounds: counters.silent_rounds,
            records_dropped: counters.records_dropped,
            last_duration_ms: milliseconds(wan.cycle_duration),
            p99_duration_ms: milliseconds(wan.cycle_p99),
        }
    }
}

impl ReflectorHealth {
    fn new(reflector: &ReflectorSnapshot) -> Self {
        Self {
            host: reflector.host.clone(),
            rtt_ms: reflector.rtt.map(two_decimals),
            sent: reflector.sent,
            lost: reflector.lost,
        }
    }
}

impl RouterHealth {
    fn new(router: &RouterSnapshot, wan: &WanSnapshot) -> Self {
        Self {
            reachable: router.state.is_reachable(),
            state: router.state.as_str().to_owned(),
            last_error: router.last_error.clone(),
            last_latency_ms: router.last_latency.map(milliseconds),
            updates: wan.counters.router_updates,
            errors: wan.counters.router_errors,
            drift: wan.counters.router_drift,
            writes_deferred: wan.counters.writes_deferred,
            counters: router.counters.as_str().to_owned(),
        }
    }
}

impl HistoryHealth {
    fn new(history: &HistorySnapshot) -> Self {
        Self {
            committed: history.committed,
            dropped: history.dropped,
            queued: history.queued,
            last_error: history.last_error.clone(),
        }
    }
}

fn two_decimals(delay: Millis) -> f64 {
    rounded::<2>(delay.get())
}

fn milliseconds(duration: Duration) -> f64 {
    two_decimals(Millis::from_duration(duration))
}

fn mbps(rate: Bps) -> f64 {
    rounded::<1>(rate.as_mbps())
}

/// Rounds the exact binary value to `DECIMALS` decimals, a tie to the even digit, as the reference
/// program does. Scaling by a power of ten would round twice. Zero has no sign.
fn rounded<const DECIMALS: usize>(number: f64) -> f64 {
    let text = format!("{number:.DECIMALS$}");
    let nearest: f64 = text.parse().unwrap_or(number);
    if nearest.is_finite() {
        nearest + 0.0
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rounding_sees_the_exact_value_and_breaks_ties_to_even() {
        let cases = [
            (2.675, 2.67),
            (1.005, 1.0),
            (0.125, 0.12),
            (0.375, 0.38),
            (25.3, 25.3),
        ];
        for (number, expected) in cases {
            assert_eq!(rounded::<2>(number).to_bits(), f64::to_bits(expected));
        }
    }

    #[test]
    fn zero_has_no_sign() {
        assert!(rounded::<2>(-0.001).is_sign_positive());
    }

    #[test]
    fn three_failures_degrade_and_two_do_not() {
        assert_eq!(HealthStatus::after(2).http_status(), 200);
        assert_eq!(HealthStatus::after(3).http_status(), 503);
    }

    proptest! {
        #[test]
        fn whatever_is_rounded_stays_finite_and_near(bits in any::<u64>()) {
            let number = f64::from_bits(bits);
            let near = rounded::<2>(number);
            prop_assert!(near.is_finite());
            if number.is_finite() {
                prop_assert!((near - number).abs() <= 0.005 + number.abs() * f64::EPSILON);
            }
        }
    }
}
