//! A fixed line of 50/10 Mbit/s under other traffic than four transfers each way.

use std::time::Duration;

use wanctl_types::{Bps, Direction, PerDirection};

use super::super::generate::{self, Upstream};
use super::super::{Case, Demands, FlowKind};
use super::conditions::{FLOWS, START, bulk, call, idle_case, rates, s};
use super::{Judged, Scene};

const LENGTH: Duration = s(60);
const DOWN: Direction = Direction::Download;
const UP: Direction = Direction::Upload;

/// A page's larger parts, and the time it is looked at.
const WEB: FlowKind = FlowKind::Web {
    mean_bytes: 1_000_000,
    mean_pause: Duration::from_millis(1_500),
};
/// What is posted meanwhile.
const WEB_UPLOAD: FlowKind = FlowKind::Web {
    mean_bytes: 100_000,
    mean_pause: Duration::from_millis(1_500),
};
/// One of three streams that together ask for 60 % of the download.
const STREAM: FlowKind = FlowKind::AppLimited {
    rate: Bps::from_mbps(10),
};

fn with(demands: Demands, seed: u64) -> Case {
    let line = generate::fixed(rates(50, 10)).with(Upstream::TailDrop);
    Case {
        demands,
        ..idle_case(line, LENGTH, seed)
    }
}

fn flows(direction: Direction, count: usize, kind: FlowKind) -> Demands {
    bulk(direction, count, kind, START, LENGTH).collect()
}

fn both(counts: PerDirection<usize>, kind: FlowKind) -> Demands {
    let all = counts.iter();
    all.flat_map(|(direction, count)| flows(direction, *count, kind))
        .collect()
}

fn one_sided(direction: Direction) -> Demands {
    let mut demands = flows(direction, 8, FlowKind::Cubic);
    demands.extend(call(START, LENGTH));
    demands
}

/// Ten browsers and a call, with nobody who fills the line.
fn browsing() -> Demands {
    let mut demands = flows(DOWN, 10, WEB);
    demands.extend(flows(UP, 4, WEB_UPLOAD));
    demands.extend(call(START, LENGTH));
    demands
}

pub(super) const SCENES: &[Scene] = &[
    Scene {
        name: "one-sided-download",
        description: "50/10 Mbit/s; 8 downloads beside a call",
        judged: Judged::Download,
        events: &[],
        build: |seed| with(one_sided(DOWN), seed),
    },
    Scene {
        name: "one-sided-upload",
        description: "50/10 Mbit/s; 8 uploads beside a call",
        judged: Judged::Upload,
        events: &[],
        build: |seed| with(one_sided(UP), seed),
    },
    Scene {
        name: "many-flows",
        description: "50/10 Mbit/s; 12 downloads and 12 uploads",
        judged: Judged::Both,
        events: &[],
        build: |seed| with(both(PerDirection::new(12, 12), FlowKind::Cubic), seed),
    },
    Scene {
        name: "one-flow-each",
        description: "50/10 Mbit/s; one download and one upload",
        judged: Judged::Both,
        events: &[],
        build: |seed| with(both(PerDirection::new(1, 1), FlowKind::Cubic), seed),
    },
    Scene {
        name: "web-and-call",
        description: "50/10 Mbit/s; pages, posts and a call",
        judged: Judged::Calm,
        events: &[],
        build: |seed| with(browsing(), seed),
    },
    Scene {
        name: "web-and-backup",
        description: "50/10 Mbit/s; pages, posts and a call while 2 uploads run",
        judged: Judged::Upload,
        events: &[],
        build: |seed| {
            let mut demands = browsing();
            demands.extend(flows(UP, 2, FlowKind::Cubic));
            with(demands, seed)
        },
    },
    Scene {
        name: "bbr-download",
        description: "50/10 Mbit/s; 4 downloads that pace as BBR does",
        judged: Judged::Download,
        events: &[],
        build: |seed| with(flows(DOWN, FLOWS, FlowKind::Bbr), seed),
    },
    Scene {
        name: "bbr-both",
        description: "50/10 Mbit/s; 4 downloads and 4 uploads that pace as BBR does",
        judged: Judged::Both,
        events: &[],
        build: |seed| with(both(PerDirection::new(FLOWS, FLOWS), FlowKind::Bbr), seed),
    },
    Scene {
        name: "bbr-and-cubic",
        description: "50/10 Mbit/s; 2 CUBIC and 2 BBR transfers each way",
        judged: Judged::Both,
        events: &[],
        build: |seed| {
            let mut demands = both(PerDirection::new(2, 2), FlowKind::Cubic);
            demands.extend(both(PerDirection::new(2, 2), FlowKind::Bbr));
            with(demands, seed)
        },
    },
    Scene {
        name: "app-limited",
        description: "50/10 Mbit/s; streams that ask for 60 % of the download",
        judged: Judged::Calm,
        events: &[],
        build: |seed| with(flows(DOWN, 3, STREAM), seed),
    },
];
