//! Lines that stay as they are, under each of the provider's queues.

use std::time::Duration;

use super::super::generate::{self, Upstream};
use super::super::{Case, Line};
use super::conditions::{Load, case_on, rates, s};
use super::{Judged, Scene};

const LENGTH: Duration = s(60);

/// What `CoDel` aims at where the provider runs it well: RFC 8289 §4.4 suggests 5 ms, cable
/// modems 10.
const AQM_TARGET: Duration = Duration::from_millis(10);
/// What it aims at where the provider runs it badly.
const BLOATED_TARGET: Duration = Duration::from_millis(100);

fn line(upstream: Upstream) -> Line {
    generate::fixed(rates(50, 10)).with(upstream)
}

fn fixed(upstream: Upstream, load: Load, seed: u64) -> Case {
    case_on(line(upstream), load, LENGTH, seed)
}

const AQM: Upstream = Upstream::CoDel { target: AQM_TARGET };
const BLOATED: Upstream = Upstream::CoDel {
    target: BLOATED_TARGET,
};

pub(super) const SCENES: &[Scene] = &[
    Scene {
        name: "fixed-download",
        description: "50/10 Mbit/s with a buffer of 500 ms; 4 downloads",
        judged: Judged::Download,
        events: &[],
        build: |seed| fixed(Upstream::TailDrop, Load::Download, seed),
    },
    Scene {
        name: "fixed-upload",
        description: "50/10 Mbit/s with a buffer of 500 ms; 4 uploads",
        judged: Judged::Upload,
        events: &[],
        build: |seed| fixed(Upstream::TailDrop, Load::Upload, seed),
    },
    Scene {
        name: "fixed-both",
        description: "50/10 Mbit/s with a buffer of 500 ms; 4 downloads and 4 uploads",
        judged: Judged::Both,
        events: &[],
        build: |seed| fixed(Upstream::TailDrop, Load::Both, seed),
    },
    Scene {
        name: "fixed-both-timestamps",
        description: "as fixed-both, with reflectors that tell one-way delays",
        judged: Judged::Both,
        events: &[],
        build: |seed| Case {
            timestamps: true,
            ..fixed(Upstream::TailDrop, Load::Both, seed)
        },
    },
    Scene {
        name: "aqm-download",
        description: "as fixed-download, with CoDel at 10 ms on the provider's side",
        judged: Judged::Download,
        events: &[],
        build: |seed| fixed(AQM, Load::Download, seed),
    },
    Scene {
        name: "aqm-upload",
        description: "as fixed-upload, with CoDel at 10 ms on the provider's side",
        judged: Judged::Upload,
        events: &[],
        build: |seed| fixed(AQM, Load::Upload, seed),
    },
    Scene {
        name: "aqm-both",
        description: "as fixed-both, with CoDel at 10 ms on the provider's side",
        judged: Judged::Both,
        events: &[],
        build: |seed| fixed(AQM, Load::Both, seed),
    },
    Scene {
        name: "aqm-bloated",
        description: "as fixed-both, with CoDel at 100 ms on the provider's side",
        judged: Judged::Both,
        events: &[],
        build: |seed| fixed(BLOATED, Load::Both, seed),
    },
    Scene {
        name: "dropfront-download",
        description: "as fixed-download, with a provider's queue that drops its oldest packet",
        judged: Judged::Download,
        events: &[],
        build: |seed| fixed(Upstream::DropFront, Load::Download, seed),
    },
    Scene {
        name: "dropfront-upload",
        description: "as fixed-upload, with a provider's queue that drops its oldest packet",
        judged: Judged::Upload,
        events: &[],
        build: |seed| fixed(Upstream::DropFront, Load::Upload, seed),
    },
    Scene {
        name: "dropfront-both",
        description: "as fixed-both, with a provider's queue that drops its oldest packet",
        judged: Judged::Both,
        events: &[],
        build: |seed| fixed(Upstream::DropFront, Load::Both, seed),
    },
    Scene {
        name: "dsl-both",
        description: "DSL of 20/1 Mbit/s; 4 downloads and 4 uploads",
        judged: Judged::Both,
        events: &[],
        build: |seed| {
            case_on(
                generate::dsl().with(Upstream::TailDrop),
                Load::Both,
                LENGTH,
                seed,
            )
        },
    },
    Scene {
        name: "dsl-download",
        description: "DSL of 20/1 Mbit/s; 4 downloads",
        judged: Judged::Download,
        events: &[],
        build: |seed| {
            case_on(
                generate::dsl().with(Upstream::TailDrop),
                Load::Download,
                LENGTH,
                seed,
            )
        },
    },
];
