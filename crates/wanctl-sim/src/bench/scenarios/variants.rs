//! Conditions varied one by one.

use std::time::Duration;

use super::super::{Actuation, Case, CounterKind, PathNoise};

/// The scenes whose answer to each [`Variant`] says enough.
pub const SENSITIVITY_SCENES: &[&str] = &[
    "fixed-download",
    "fixed-both",
    "step-download",
    "step-upload",
    "docsis-both",
    "lte-stationary",
    "app-limited-noisy",
];

/// A change of conditions that any scene can be played under.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// Its name: lower case, words joined by hyphens.
    pub name: &'static str,
    /// What is different, one sentence.
    pub description: &'static str,
    /// Changes a case.
    pub apply: fn(Case) -> Case,
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn actuated(case: Case, least: u64, most: u64) -> Case {
    Case {
        actuation: Actuation {
            least: ms(least),
            most: ms(most),
        },
        ..case
    }
}

fn counted(case: Case, counters: CounterKind, interval: u64) -> Case {
    Case {
        counters,
        counter_interval: ms(interval),
        ..case
    }
}

fn lossy(case: Case, loss: f64) -> Case {
    let noise = PathNoise { loss, ..case.noise };
    Case { noise, ..case }
}

impl Variant {
    /// All of them, the unchanged conditions first.
    pub const ALL: &'static [Self] = &[
        Self {
            name: "default",
            description: "rates in force after 20 to 60 ms, RouterOS counters every 50 ms",
            apply: |case| case,
        },
        Self {
            name: "actuation-20",
            description: "rates in force after 20 ms",
            apply: |case| actuated(case, 20, 20),
        },
        Self {
            name: "actuation-120",
            description: "rates in force after 100 to 140 ms",
            apply: |case| actuated(case, 100, 140),
        },
        Self {
            name: "actuation-250",
            description: "rates in force after 200 to 250 ms",
            apply: |case| actuated(case, 200, 250),
        },
        Self {
            name: "counters-5hz",
            description: "counters every 200 ms",
            apply: |case| {
                let counters = case.counters;
                counted(case, counters, 200)
            },
        },
        Self {
            name: "bytes-only",
            description: "counters of bytes alone",
            apply: |case| counted(case, CounterKind::Bytes, 50),
        },
        Self {
            name: "bytes-only-5hz",
            description: "counters of bytes alone, every 200 ms",
            apply: |case| counted(case, CounterKind::Bytes, 200),
        },
        Self {
            name: "no-counters",
            description: "delay alone, no counters",
            apply: |case| counted(case, CounterKind::Nothing, 50),
        },
        Self {
            name: "cake-counters",
            description: "all that Linux CAKE tells",
            apply: |case| counted(case, CounterKind::Cake, 50),
        },
        Self {
            name: "loss-2",
            description: "2 % of the probes lost",
            apply: |case| lossy(case, 0.02),
        },
        Self {
            name: "loss-20",
            description: "20 % of the probes lost",
            apply: |case| lossy(case, 0.2),
        },
        Self {
            name: "timestamps",
            description: "reflectors tell one-way delays",
            apply: |case| Case {
                timestamps: true,
                ..case
            },
        },
        Self {
            name: "slow-router",
            description: "rates in force after 60 to 120 ms, bytes alone every 200 ms",
            apply: |case| counted(actuated(case, 60, 120), CounterKind::Bytes, 200),
        },
    ];

    /// The variant of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|variant| variant.name == name)
            .copied()
    }
}
