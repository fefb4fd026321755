//! The table of metric families: name, help and what of a snapshot each one shows.

use std::collections::BTreeMap;

use prometheus_client::metrics::MetricType;
use wanctl_types::Zone;

use crate::condition::Condition;
use crate::snapshot::{
    CycleCounters, DirectionSnapshot, HistorySnapshot, ReflectorSnapshot, Snapshot, WanSnapshot,
};

/// A name, its help and its samples.
pub(super) struct Family {
    /// Without the `_total` of a counter.
    pub(super) name: &'static str,
    /// One line for the operator.
    pub(super) help: &'static str,
    pub(super) kind: Kind,
    pub(super) samples: Samples,
}

/// What may happen to a value from one scrape to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Anything.
    Gauge,
    /// It grows, or starts again with the process.
    Counter,
}

impl From<Kind> for MetricType {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Gauge => Self::Gauge,
            Kind::Counter => Self::Counter,
        }
    }
}

/// The number of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    /// Finite.
    Real(f64),
    /// Shown without a decimal point.
    Whole(u64),
}

/// Pairs of key and value in the order of the keys.
pub(super) type Labels = Vec<(&'static str, String)>;

/// At most one value for each set of labels: a scraper discards a series that comes twice.
pub(super) type Samples = BTreeMap<Labels, Value>;

/// Every family of a snapshot, gauges before counters, each by name. A family without samples is
/// there too.
pub(super) fn of(snapshot: &Snapshot) -> Vec<Family> {
    let view = View::of(snapshot);
    let mut families = gauges(&view);
    families.extend(counters(&view));
    families
}

fn gauges(view: &View<'_>) -> Vec<Family> {
    let mut all = link_gauges(view);
    all.extend(machinery_gauges(view));
    all.sort_by_key(|family| family.name);
    all
}

/// Rates, delays and zones of the links.
fn link_gauges(view: &View<'_>) -> Vec<Family> {
    vec![
        gauge(
            "wanctl_applied_bandwidth_mbps",
            "Rate the router last said it has, in Mbit/s",
            view.per_direction(|d| d.applied.map(|rate| Value::Real(rate.as_mbps()))),
        ),
        gauge(
            "wanctl_bandwidth_mbps",
            "Rate the controller wants, in Mbit/s",
            view.per_direction(|d| Some(Value::Real(d.intended.as_mbps()))),
        ),
        gauge(
            "wanctl_rtt_baseline_ms",
            "Idle round-trip time in milliseconds",
            view.per_wan(|wan| Some(Value::Real(wan.baseline.get()))),
        ),
        gauge(
            "wanctl_rtt_delta_ms",
            "Smoothed minus idle round-trip time in milliseconds, not below zero",
            view.per_wan(|wan| Some(Value::Real(bloat_ms(wan)))),
        ),
        gauge(
            "wanctl_rtt_load_ms",
            "Smoothed round-trip time in milliseconds",
            view.per_wan(|wan| Some(Value::Real(wan.load.get()))),
        ),
        gauge(
            "wanctl_reflector_rtt_ms",
            "Last round-trip time of the reflector in milliseconds",
            view.per_reflector(|r| r.rtt.map(|rtt| Value::Real(rtt.get()))),
        ),
        gauge(
            "wanctl_state",
            "Congestion zone: 1 GREEN, 2 YELLOW, 3 SOFT_RED, 4 RED",
            view.per_direction(|d| Some(Value::Whole(state_code(d.zone)))),
        ),
        gauge(
            "wanctl_zone",
            "1 for the congestion zone the direction is in, 0 for the others",
            view.zones(),
        ),
    ]
}

/// The process, the router and the history.
fn machinery_gauges(view: &View<'_>) -> Vec<Family> {
    vec![
        gauge(
            "wanctl_build_info",
            "Always 1; the label tells the version of the program",
            view.build(),
        ),
        gauge(
            "wanctl_condition",
            "1 for each named trouble that the WAN is in, 0 for the others",
            view.conditions(),
        ),
        gauge(
            "wanctl_consecutive_failures",
            "Failed cycles in a row",
            view.per_wan(|wan| Some(Value::Whole(wan.consecutive_failures.into()))),
        ),
        gauge(
            "wanctl_cycle_duration_seconds",
            "Time the last cycle's own work took, in seconds",
            view.per_wan(|wan| Some(Value::Real(wan.cycle_duration.as_secs_f64()))),
        ),
        gauge(
            "wanctl_history_queued",
            "Cycles waiting to be written to the history",
            view.history(|history| history.queued.try_into().unwrap_or(u64::MAX)),
        ),
        gauge(
            "wanctl_router_latency_seconds",
            "Time the last accepted router write took, in seconds",
            view.per_wan(|wan| {
                let latency = wan.router.last_latency?;
                Some(Value::Real(latency.as_secs_f64()))
            }),
        ),
        gauge(
            "wanctl_router_reachable",
            "Whether the router answered the last request",
            view.per_wan(|wan| {
                let reachable = wan.router.state.is_reachable()?;
                Some(Value::Whole(reachable.into()))
            }),
        ),
        gauge(
            "wanctl_uptime_seconds",
            "Time since the daemon started, in seconds",
            view.uptime(),
        ),
    ]
}

fn counters(view: &View<'_>) -> Vec<Family> {
    let mut all = cycle_counters(view);
    all.extend(other_counters(view));
    all.sort_by_key(|family| family.name);
    all
}

/// What became of the cycles of each WAN.
fn cycle_counters(view: &View<'_>) -> Vec<Family> {
    type Entry = (&'static str, &'static str, fn(&CycleCounters) -> u64);
    let table: [Entry; 10] = [
        ("wanctl_cycles", "Completed cycles", |c| c.completed),
        (
            "wanctl_cycles_frozen",
            "Cycles that froze the rates on purpose",
            |c| c.frozen,
        ),
        ("wanctl_cycles_failed", "Failed cycles", |c| c.failed),
        (
            "wanctl_missed_ticks",
            "Ticks that came too late to be used",
            |c| c.missed_ticks,
        ),
        (
            "wanctl_ping_failures",
            "Rounds in which no reflector answered",
            |c| c.silent_rounds,
        ),
        (
            "wanctl_rate_limit_events",
            "Increases that the write budget put off",
            |c| c.writes_deferred,
        ),
        (
            "wanctl_records_dropped",
            "Records the history queue had no room for",
            |c| c.records_dropped,
        ),
        (
            "wanctl_router_drift",
            "Times a queue had a rate that the daemon did not set",
            |c| c.router_drift,
        ),
        (
            "wanctl_router_errors",
            "Router requests refused or not answered",
            |c| c.router_errors,
        ),
        ("wanctl_router_updates", "Router writes accepted", |c| {
            c.router_updates
        }),
    ];
    let family = |(name, help, count): Entry| {
        let samples = view.per_wan(|wan| Some(Value::Whole(count(&wan.counters))));
        counter(name, help, samples)
    };
    table.map(family).into()
}

fn other_counters(view: &View<'_>) -> Vec<Family> {
    vec![
        counter(
            "wanctl_history_committed",
            "Cycles committed to the history",
            view.history(|history| history.committed),
        ),
        counter(
            "wanctl_history_dropped",
            "Cycles lost to the history for want of room in its queue",
            view.history(|history| history.dropped),
        ),
        counter(
            "wanctl_reflector_lost",
            "Probes given up as lost",
            view.per_reflector(|r| Some(Value::Whole(r.lost))),
        ),
        counter(
            "wanctl_reflector_sent",
            "Probes sent",
            view.per_reflector(|r| Some(Value::Whole(r.sent))),
        ),
    ]
}

fn gauge(name: &'static str, help: &'static str, samples: Samples) -> Family {
    let kind = Kind::Gauge;
    Family {
        name,
        help,
        kind,
        samples,
    }
}

fn counter(name: &'static str, help: &'static str, samples: Samples) -> Family {
    let kind = Kind::Counter;
    Family {
        name,
        help,
        kind,
        samples,
    }
}

/// How far the smoothed RTT stands above the idle one; zero has no sign.
fn bloat_ms(wan: &WanSnapshot) -> f64 {
    (wan.load - wan.baseline).get().max(0.0) + 0.0
}

/// The code of `wanctl_state`, one above the code in the history.
fn state_code(zone: Zone) -> u64 {
    u64::from(zone.code()) + 1
}

/// A snapshot and the label of each WAN.
struct View<'a> {
    snapshot: &'a Snapshot,
    wans: Vec<(String, &'a WanSnapshot)>,
}

impl<'a> View<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        let label = |wan: &'a WanSnapshot| (label_of(wan, &snapshot.wans), wan);
        let wans = snapshot.wans.iter().map(label).collect();
        Self { snapshot, wans }
    }

    fn uptime(&self) -> Samples {
        let seconds = self.snapshot.uptime.as_secs_f64();
        Samples::from([(Labels::new(), Value::Real(seconds))])
    }

    fn build(&self) -> Samples {
        let labels = vec![("version", self.snapshot.version.to_owned())];
        Samples::from([(labels, Value::Whole(1))])
    }

    fn history(&self, count: impl Fn(&HistorySnapshot) -> u64) -> Samples {
        let history = self.snapshot.history.iter();
        history
            .map(|h| (Labels::new(), Value::Whole(count(h))))
            .collect()
    }

    fn per_wan(&self, value: impl Fn(&WanSnapshot) -> Option<Value>) -> Samples {
        let samples = self.wans.iter().filter_map(|(label, wan)| {
            let labels = vec![("wan", label.clone())];
            Some((labels, value(wan)?))
        });
        first_of_each(samples)
    }

    fn per_direction(&self, value: impl Fn(&DirectionSnapshot) -> Option<Value>) -> Samples {
        let samples = self.wans.iter().flat_map(|(label, wan)| {
            wan.directions.iter().filter_map(|(direction, shown)| {
                let direction = direction.to_string();
                let labels = vec![("direction", direction), ("wan", label.clone())];
                Some((labels, value(shown)?))
            })
        });
        first_of_each(samples)
    }

    fn per_reflector(&self, value: impl Fn(&ReflectorSnapshot) -> Option<Value>) -> Samples {
        let value = &value;
        let samples = self.wans.iter().flat_map(|(label, wan)| {
            wan.reflectors.iter().filter_map(move |reflector| {
                let labels = vec![("host", reflector.host.clone()), ("wan", label.clone())];
                Some((labels, value(reflector)?))
            })
        });
        first_of_each(samples)
    }

    fn conditions(&self) -> Samples {
        let samples = self.wans.iter().flat_map(|(label, wan)| {
            Condition::ALL.into_iter().map(move |condition| {
                let labels = vec![("condition", condition.to_string()), ("wan", label.clone())];
                let holds = condition.holds(self.snapshot, wan);
                (labels, Value::Whole(holds.into()))
            })
        });
        first_of_each(samples)
    }

    fn zones(&self) -> Samples {
        Zone::ALL
            .into_iter()
            .flat_map(|zone| {
                let flags = self.per_direction(|d| Some(Value::Whole((d.zone == zone).into())));
                flags.into_iter().map(move |(mut labels, flag)| {
                    labels.push(("zone", zone.to_string()));
                    (labels, flag)
                })
            })
            .collect()
    }
}

/// The name in lower case, or as configured when another WAN's differs from it by case alone.
fn label_of(wan: &WanSnapshot, all: &[WanSnapshot]) -> String {
    let name = wan.name.as_str();
    let clash = all.iter().map(|other| other.name.as_str());
    if clash
        .filter(|other| *other != name)
        .any(|other| other.eq_ignore_ascii_case(name))
    {
        name.to_owned()
    } else {
        name.to_ascii_lowercase()
    }
}

fn first_of_each(samples: impl Iterator<Item = (Labels, Value)>) -> Samples {
    let mut kept = Samples::new();
    for (labels, value) in samples {
        kept.entry(labels).or_insert(value);
    }
    kept
}
