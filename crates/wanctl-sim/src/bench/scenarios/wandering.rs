//! Lines whose capacity never rests.

use std::time::Duration;

use super::super::Case;
use super::super::generate::{self, Dice, Series, Upstream, stream};
use super::conditions::{Load, case_on, s};
use super::{Judged, Scene};

const LENGTH: Duration = s(120);
/// How long the evening of [`generate::docsis_evening`] lasts.
const EVENING: f64 = 600.0;

fn on(series: Series, load: Load, seed: u64) -> Case {
    case_on(series.with(Upstream::TailDrop), load, LENGTH, seed)
}

/// Two minutes of the evening, from a moment drawn from the seed.
fn evening(seed: u64) -> Series {
    let latest = EVENING - LENGTH.as_secs_f64();
    let from = Dice::new(seed, stream::SCENE).between(0.0, latest);
    generate::docsis_evening(seed, Duration::from_secs_f64(from), LENGTH)
}

fn both(make: fn(u64, Duration) -> Series, seed: u64) -> Case {
    on(make(seed, LENGTH), Load::Both, seed)
}

fn download(make: fn(u64, Duration) -> Series, seed: u64) -> Case {
    on(make(seed, LENGTH), Load::Download, seed)
}

pub(super) const SCENES: &[Scene] = &[
    Scene {
        name: "docsis-both",
        description: "two minutes of an evening on DOCSIS, 940/40 Mbit/s; 4 downloads, 4 uploads",
        judged: Judged::Both,
        events: &[],
        build: |seed| on(evening(seed), Load::Both, seed),
    },
    Scene {
        name: "docsis-download",
        description: "two minutes of an evening on DOCSIS, 940/40 Mbit/s; 4 downloads",
        judged: Judged::Download,
        events: &[],
        build: |seed| on(evening(seed), Load::Download, seed),
    },
    Scene {
        name: "docsis-upload",
        description: "two minutes of an evening on DOCSIS, 940/40 Mbit/s; 4 uploads",
        judged: Judged::Upload,
        events: &[],
        build: |seed| on(evening(seed), Load::Upload, seed),
    },
    Scene {
        name: "starlink-download",
        description: "Starlink, about 49 Mbit/s, reallocated every 15 s; 4 downloads",
        judged: Judged::Download,
        events: &[],
        build: |seed| download(generate::starlink, seed),
    },
    Scene {
        name: "starlink-both",
        description: "Starlink, about 49/7 Mbit/s, reallocated every 15 s; 4 downloads, 4 uploads",
        judged: Judged::Both,
        events: &[],
        build: |seed| both(generate::starlink, seed),
    },
    Scene {
        name: "lte-stationary",
        description: "LTE at home; 4 downloads",
        judged: Judged::Download,
        events: &[],
        build: |seed| download(generate::lte_stationary, seed),
    },
    Scene {
        name: "lte-stationary-both",
        description: "LTE at home; 4 downloads and 4 uploads",
        judged: Judged::Both,
        events: &[],
        build: |seed| both(generate::lte_stationary, seed),
    },
    Scene {
        name: "lte-walking",
        description: "LTE on foot; 4 downloads",
        judged: Judged::Download,
        events: &[],
        build: |seed| download(generate::lte_walking, seed),
    },
    Scene {
        name: "lte-driving",
        description: "LTE in a car, fading to nothing many times a minute; 4 downloads",
        judged: Judged::Download,
        events: &[],
        build: |seed| download(generate::lte_driving, seed),
    },
    Scene {
        name: "lte-driving-outages",
        description: "LTE in a car, gone for seconds now and then; 4 downloads",
        judged: Judged::Download,
        events: &[],
        build: |seed| download(generate::lte_driving_with_outages, seed),
    },
    Scene {
        name: "lte-driving-both",
        description: "LTE in a car, fading to nothing many times a minute; 4 downloads, 4 uploads",
        judged: Judged::Both,
        events: &[],
        build: |seed| both(generate::lte_driving, seed),
    },
    Scene {
        name: "5g-stationary",
        description: "5G at home; 4 downloads",
        judged: Judged::Download,
        events: &[],
        build: |seed| download(generate::five_g_stationary, seed),
    },
    Scene {
        name: "5g-driving",
        description: "5G in a car; 4 downloads",
        judged: Judged::Download,
        events: &[],
        build: |seed| download(generate::five_g_driving, seed),
    },
];
