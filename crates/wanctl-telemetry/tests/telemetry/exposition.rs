//! A strict reader of the text format 0.0.4, and what it must find.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use wanctl_telemetry::{Exposition, Snapshot, render_metrics};
use wanctl_types::WanName;

use crate::fixture;

type Labels = BTreeMap<String, String>;

/// A page that has been read: types by family, values by series.
#[derive(Default)]
struct Page {
    types: BTreeMap<String, String>,
    helped: BTreeSet<String>,
    series: BTreeMap<(String, Labels), f64>,
}

impl Page {
    /// Panics at the first line the format does not allow.
    fn read(text: &str) -> Self {
        assert!(text.ends_with('\n'));
        let mut page = Self::default();
        let mut current = String::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap();
                assert!(!help.is_empty());
                assert!(page.helped.insert(name.to_owned()), "{name} twice");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert!(["counter", "gauge"].contains(&kind), "{line}");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                page.types.insert(name.to_owned(), kind.to_owned());
                name.clone_into(&mut current);
            } else {
                page.sample(line, &current);
            }
        }
        page
    }

    fn sample(&mut self, line: &str, family: &str) {
        let end = line.find(['{', ' ']).unwrap();
        let (name, rest) = line.split_at(end);
        assert_eq!(name, family, "a sample outside its family");
        assert!(self.helped.contains(name) && self.types.contains_key(name));
        assert!(legal_name(name), "{name}");
        let (labels, value) = match rest.strip_prefix('{') {
            Some(labels) => read_labels(labels),
            None => (Labels::new(), rest),
        };
        let value: f64 = value.strip_prefix(' ').unwrap().parse().unwrap();
        assert!(value.is_finite(), "{line}");
        let series = (name.to_owned(), labels);
        assert_eq!(self.series.insert(series, value), None, "twice: {line}");
    }

    fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let labels = labels.iter().map(own).collect();
        self.series.get(&(name.to_owned(), labels)).copied()
    }
}

fn legal_name(name: &str) -> bool {
    name.starts_with("wanctl_")
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit())
}

/// Reads up to the closing brace; gives the labels and the rest of the line.
fn read_labels(mut text: &str) -> (Labels, &str) {
    let mut labels = Labels::new();
    loop {
        let (key, rest) = text.split_once("=\"").unwrap();
        assert!(key.chars().all(|c| c.is_ascii_lowercase()), "{key}");
        let (value, rest) = read_value(rest);
        assert_eq!(labels.insert(key.to_owned(), value), None);
        match rest.strip_prefix(',') {
            Some(more) => text = more,
            None => return (labels, rest.strip_prefix('}').unwrap()),
        }
    }
}

/// Undoes the escaping up to the closing quote.
fn read_value(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.push(match characters.next().unwrap().1 {
                'n' => '\n',
                escaped @ ('\\' | '"') => escaped,
                other => panic!("escape of {other:?}"),
            }),
            plain => value.push(plain),
        }
    }
    panic!("no closing quote in {text:?}");
}

fn page(snapshot: Snapshot) -> Page {
    Page::read(&render_metrics(&Arc::new(snapshot), Exposition::Text).unwrap())
}

#[test]
fn the_names_types_and_labels_of_the_reference_program_are_there() {
    let page = page(fixture::snapshot());
    let wan = [("wan", "cable")];
    let down = [("direction", "download"), ("wan", "cable")];
    let gauges = [
        ("wanctl_bandwidth_mbps", &down[..], 782.449_999),
        ("wanctl_rtt_baseline_ms", &wan[..], 24.675),
        ("wanctl_rtt_load_ms", &wan[..], 31.205),
        ("wanctl_state", &down[..], 3.0),
        ("wanctl_cycle_duration_seconds", &wan[..], 0.000_183),
    ];
    let counters = [
        ("wanctl_cycles_total", &wan[..], 74_412.0),
        ("wanctl_rate_limit_events_total", &wan[..], 9.0),
        ("wanctl_router_updates_total", &wan[..], 310.0),
        ("wanctl_ping_failures_total", &wan[..], 7.0),
    ];
    for (kind, expected) in [("gauge", &gauges[..]), ("counter", &counters[..])] {
        for (name, labels, value) in expected {
            assert_eq!(page.types[*name], kind, "{name}");
            assert_eq!(page.value(name, labels), Some(*value), "{name}");
        }
    }
    let delta = page.value("wanctl_rtt_delta_ms", &wan).unwrap();
    assert!((delta - 6.53).abs() < 1e-9, "{delta}");
}

#[test]
fn a_delta_below_zero_is_shown_as_zero() {
    let page = page(fixture::snapshot());
    let delta = page.value("wanctl_rtt_delta_ms", &[("wan", "dsl")]);
    assert_eq!(delta.map(f64::to_bits), Some(0.0_f64.to_bits()));
}

#[test]
fn zones_are_coded_from_one_and_shown_one_hot() {
    let page = page(fixture::snapshot());
    let upload = [("direction", "upload"), ("wan", "cable")];
    assert_eq!(page.value("wanctl_state", &upload), Some(1.0));
    let flag = |zone| {
        let labels = [upload[0], upload[1], ("zone", zone)];
        page.value("wanctl_zone", &labels)
    };
    let flags = ["GREEN", "YELLOW", "SOFT_RED", "RED"].map(flag);
    assert_eq!(flags, [Some(1.0), Some(0.0), Some(0.0), Some(0.0)]);
}

#[test]
fn conditions_are_shown_one_hot() {
    let page = page(fixture::snapshot());
    let flag = |wan, condition| {
        let labels = [("condition", condition), ("wan", wan)];
        page.value("wanctl_condition", &labels)
    };
    assert_eq!(flag("cable", "router_lost"), Some(1.0));
    assert_eq!(flag("dsl", "router_lost"), Some(0.0));
    assert_eq!(flag("cable", "blind"), Some(0.0));
    assert_eq!(
        page.value("wanctl_router_drift_total", &[("wan", "cable")]),
        Some(3.0)
    );
}

#[test]
fn what_is_not_known_has_no_sample() {
    let mut snapshot = fixture::snapshot();
    snapshot.history = None;
    let page = page(snapshot);
    let down = [("direction", "download"), ("wan", "dsl")];
    assert_eq!(page.value("wanctl_applied_bandwidth_mbps", &down), None);
    let wan = [("wan", "dsl")];
    assert_eq!(page.value("wanctl_router_reachable", &wan), None);
    assert!(!page.types.contains_key("wanctl_history_dropped_total"));
}

#[test]
fn names_that_differ_by_case_alone_stay_apart() {
    let mut snapshot = fixture::snapshot();
    snapshot.wans[1].name = WanName::new("CABLE").unwrap();
    let page = page(snapshot);
    for wan in ["Cable", "CABLE"] {
        assert!(page.value("wanctl_cycles_total", &[("wan", wan)]).is_some());
    }
}

#[test]
fn a_reflector_named_twice_is_shown_once() {
    let mut snapshot = fixture::snapshot();
    snapshot.wans[0].reflectors = vec![
        fixture::reflector("192.0.2.1", None, 1, 0),
        fixture::reflector("192.0.2.1", None, 2, 0),
    ];
    let labels = [("host", "192.0.2.1"), ("wan", "cable")];
    let page = page(snapshot);
    assert_eq!(
        page.value("wanctl_reflector_sent_total", &labels),
        Some(1.0)
    );
}

/// Strips what the two spellings differ in.
#[test]
fn both_spellings_carry_the_same_samples() {
    let snapshot = Arc::new(fixture::snapshot());
    let samples = |exposition| -> Vec<String> {
        let page = render_metrics(&snapshot, exposition).unwrap();
        let lines = page.lines().filter(|line| !line.starts_with('#'));
        lines.map(str::to_owned).collect()
    };
    let text = samples(Exposition::Text);
    assert!(text.len() > 50, "{}", text.len());
    assert_eq!(text, samples(Exposition::OpenMetrics));
}

#[test]
fn only_openmetrics_ends_with_a_marker_and_announces_counters_without_suffix() {
    let snapshot = Arc::new(fixture::snapshot());
    let text = render_metrics(&snapshot, Exposition::Text).unwrap();
    let open = render_metrics(&snapshot, Exposition::OpenMetrics).unwrap();
    assert!(open.ends_with("# EOF\n") && !text.contains("# EOF"));
    assert!(open.contains("# TYPE wanctl_cycles counter\n"));
    assert!(text.contains("# TYPE wanctl_cycles_total counter\n"));
    assert!(text.contains("# HELP wanctl_cycles_total "));
    assert!(!text.contains("# UNIT") && !open.contains("_total_total"));
}

proptest! {
    #[test]
    fn any_label_value_comes_back_as_it_was(host in "([\\\\\"\n,{}= #a]|\\PC){0,24}", sent: u64) {
        let mut snapshot = fixture::snapshot();
        snapshot.wans[0].reflectors = vec![fixture::reflector(&host, None, sent, 0)];
        let page = page(snapshot);
        let labels = [("host", host.as_str()), ("wan", "cable")];
        let shown = page.value("wanctl_reflector_sent_total", &labels);
        prop_assert_eq!(shown, sent.to_string().parse().ok());
    }

    #[test]
    fn extreme_delays_stay_finite(baseline in -f64::MAX..f64::MAX, load in -f64::MAX..f64::MAX) {
        let mut snapshot = fixture::snapshot();
        snapshot.wans[0].baseline = fixture::ms(baseline);
        snapshot.wans[0].load = fixture::ms(load);
        let delta = page(snapshot).value("wanctl_rtt_delta_ms", &[("wan", "cable")]);
        prop_assert!(delta.is_some_and(|delta| delta >= 0.0));
    }
}
