//! Lines that change on purpose: steps of capacity and of delay, and an outage.

use std::time::Duration;

use wanctl_types::{Bps, Direction, Millis, PerDirection};

use super::super::generate::{self, Series, Upstream};
use super::super::{Case, FlowKind};
use super::conditions::{FLOWS, Load, bins_between, bulk, case_on, idle_case, rates, s};
use super::{Judged, Scene};

const LENGTH: Duration = s(90);
const MBPS: fn(u64) -> Bps = Bps::from_mbps;

fn step_30_10_30() -> Vec<Bps> {
    generate::steps(&[(MBPS(30), s(30)), (MBPS(10), s(30)), (MBPS(30), s(30))])
}

fn steps_100_to_10() -> Vec<Bps> {
    let plateau = |rate| (MBPS(rate), s(30));
    generate::steps(&[plateau(100), plateau(30), plateau(100), plateau(10)])
}

fn stepping(download: Vec<Bps>, upload: Vec<Bps>) -> Series {
    Series {
        capacity: PerDirection::new(download, upload),
        ..generate::fixed(rates(1, 1))
    }
}

/// 50/10 Mbit/s whose base delay goes from 25 ms to `then` at `at`.
fn rerouted(from: f64, then: f64, at: Duration) -> Series {
    let mut series = generate::fixed(rates(50, 10));
    series.base_rtt = vec![Millis::saturating(from); bins_between(s(0), LENGTH).len()];
    for rtt in series
        .base_rtt
        .get_mut(bins_between(at, LENGTH))
        .into_iter()
        .flatten()
    {
        *rtt = Millis::saturating(then);
    }
    series
}

/// When the base delay of an idle line changes.
const IDLE_CHANGE: Duration = s(20);
/// When load comes after it.
const LOAD_AFTER: Duration = s(40);
/// When the base delay of a loaded line changes, and when a loaded line goes away.
const LOADED_CHANGE: Duration = s(40);
const OUTAGE: Duration = s(5);

fn idle_reroute(from: f64, then: f64, seed: u64) -> Case {
    let line = rerouted(from, then, IDLE_CHANGE).with(Upstream::TailDrop);
    let mut case = idle_case(line, LENGTH, seed);
    for direction in [Direction::Download, Direction::Upload] {
        let flows = bulk(direction, FLOWS, FlowKind::Cubic, LOAD_AFTER, LENGTH);
        case.demands.extend(flows);
    }
    case
}

fn loaded_reroute(from: f64, then: f64, load: Load, seed: u64) -> Case {
    let line = rerouted(from, then, LOADED_CHANGE).with(Upstream::TailDrop);
    case_on(line, load, LENGTH, seed)
}

/// 50/10 Mbit/s that carry nothing for [`OUTAGE`].
fn interrupted() -> Series {
    let mut series = generate::fixed(rates(50, 10));
    let gone = bins_between(LOADED_CHANGE, LOADED_CHANGE + OUTAGE);
    series.capacity = series.capacity.map(|bins| {
        let rate = bins.first().copied().unwrap_or_default();
        let mut bins = vec![rate; bins_between(s(0), LENGTH).len()];
        bins.get_mut(gone.clone())
            .into_iter()
            .flatten()
            .for_each(|bin| *bin = Bps::ZERO);
        bins
    });
    series
}

pub(super) const SCENES: &[Scene] = &[
    Scene {
        name: "step-download",
        description: "download 30, 10, 30 Mbit/s for 30 s each; 4 downloads",
        judged: Judged::Download,
        events: &[s(30), s(60)],
        build: |seed| {
            let series = stepping(step_30_10_30(), vec![MBPS(10)]);
            case_on(
                series.with(Upstream::TailDrop),
                Load::Download,
                LENGTH,
                seed,
            )
        },
    },
    Scene {
        name: "step-upload",
        description: "upload 30, 10, 30 Mbit/s for 30 s each; 4 uploads",
        judged: Judged::Upload,
        events: &[s(30), s(60)],
        build: |seed| {
            let series = stepping(vec![MBPS(50)], step_30_10_30());
            case_on(series.with(Upstream::TailDrop), Load::Upload, LENGTH, seed)
        },
    },
    Scene {
        name: "steps-download",
        description: "download 100, 30, 100, 10 Mbit/s for 30 s each; 4 downloads",
        judged: Judged::Download,
        events: &[s(30), s(60), s(90)],
        build: |seed| {
            let series = stepping(steps_100_to_10(), vec![MBPS(10)]);
            case_on(
                series.with(Upstream::TailDrop),
                Load::Download,
                s(120),
                seed,
            )
        },
    },
    Scene {
        name: "steps-upload",
        description: "upload 100, 30, 100, 10 Mbit/s for 30 s each; 4 uploads",
        judged: Judged::Upload,
        events: &[s(30), s(60), s(90)],
        build: |seed| {
            let series = stepping(vec![MBPS(100)], steps_100_to_10());
            case_on(series.with(Upstream::TailDrop), Load::Upload, s(120), seed)
        },
    },
    Scene {
        name: "route-longer-idle",
        description: "base delay 25 to 40 ms while idle, then 4 downloads and 4 uploads",
        judged: Judged::Both,
        events: &[IDLE_CHANGE],
        build: |seed| idle_reroute(25.0, 40.0, seed),
    },
    Scene {
        name: "route-shorter-idle",
        description: "base delay 40 to 25 ms while idle, then 4 downloads and 4 uploads",
        judged: Judged::Both,
        events: &[IDLE_CHANGE],
        build: |seed| idle_reroute(40.0, 25.0, seed),
    },
    Scene {
        name: "route-longer-download",
        description: "base delay 25 to 40 ms during 4 downloads",
        judged: Judged::Download,
        events: &[LOADED_CHANGE],
        build: |seed| loaded_reroute(25.0, 40.0, Load::Download, seed),
    },
    Scene {
        name: "route-longer-both",
        description: "base delay 25 to 40 ms during 4 downloads and 4 uploads",
        judged: Judged::Both,
        events: &[LOADED_CHANGE],
        build: |seed| loaded_reroute(25.0, 40.0, Load::Both, seed),
    },
    Scene {
        name: "route-shorter-both",
        description: "base delay 40 to 25 ms during 4 downloads and 4 uploads",
        judged: Judged::Both,
        events: &[LOADED_CHANGE],
        build: |seed| loaded_reroute(40.0, 25.0, Load::Both, seed),
    },
    Scene {
        name: "outage",
        description: "50/10 Mbit/s that carry nothing for 5 s; 4 downloads and 4 uploads",
        judged: Judged::Both,
        events: &[LOADED_CHANGE],
        build: |seed| {
            case_on(
                interrupted().with(Upstream::TailDrop),
                Load::Both,
                LENGTH,
                seed,
            )
        },
    },
];
