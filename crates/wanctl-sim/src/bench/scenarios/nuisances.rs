//! What must not be taken for congestion: noise, and reflectors that misbehave.

use std::time::Duration;

use wanctl_types::{Bps, Direction, Millis, Timestamp};

use super::super::generate::{self, Upstream};
use super::super::{Case, FlowKind, Line, PathNoise, ReflectorFault};
use super::conditions::{Load, START, bulk, case_on, idle_case, rates, s};
use super::{Judged, Scene};

const HOUR: Duration = s(3_600);
const LENGTH: Duration = s(60);
/// When a reflector begins to misbehave.
const FAULT: Duration = s(20);
const FAULT_AT: Timestamp = Timestamp::from_micros(20_000_000);

fn line() -> Line {
    generate::fixed(rates(50, 10)).with(Upstream::TailDrop)
}

/// A path whose delay wanders by 5 ms and that keeps one probe in a hundred for long.
fn noisy(case: Case) -> Case {
    Case {
        noise: PathNoise {
            common: Millis::saturating(5.0),
            spikes: 0.01,
            ..case.noise
        },
        ..case
    }
}

fn streams(length: Duration, seed: u64) -> Case {
    let kind = FlowKind::AppLimited {
        rate: Bps::from_mbps(10),
    };
    Case {
        demands: bulk(Direction::Download, 3, kind, START, length).collect(),
        ..idle_case(line(), length, seed)
    }
}

fn faulty(faults: Vec<ReflectorFault>, seed: u64) -> Case {
    Case {
        faults,
        ..case_on(line(), Load::Both, LENGTH, seed)
    }
}

pub(super) const SCENES: &[Scene] = &[
    Scene {
        name: "idle-noisy",
        description: "an idle hour on a path that wanders by 5 ms, with 1 % of the probes late",
        judged: Judged::Calm,
        events: &[],
        build: |seed| noisy(idle_case(line(), HOUR, seed)),
    },
    Scene {
        name: "app-limited-noisy",
        description: "streams that ask for 60 % of 50 Mbit/s for five minutes on a noisy path",
        judged: Judged::Calm,
        events: &[],
        build: |seed| noisy(streams(s(300), seed)),
    },
    Scene {
        name: "loaded-noisy",
        description: "as fixed-both, on a path that wanders by 5 ms, with 1 % of the probes late",
        judged: Judged::Both,
        events: &[],
        build: |seed| noisy(case_on(line(), Load::Both, LENGTH, seed)),
    },
    Scene {
        name: "probes-prioritised",
        description: "as fixed-both, with a provider that lets probes pass its queue",
        judged: Judged::Both,
        events: &[],
        build: |seed| {
            let case = case_on(line(), Load::Both, LENGTH, seed);
            let noise = PathNoise {
                probes_prioritised: true,
                ..case.noise
            };
            Case { noise, ..case }
        },
    },
    Scene {
        name: "reflector-silent",
        description: "as fixed-both; the first reflector stops answering",
        judged: Judged::Both,
        events: &[FAULT],
        build: |seed| {
            let (reflector, from) = (0, FAULT_AT);
            faulty(vec![ReflectorFault::Silent { reflector, from }], seed)
        },
    },
    Scene {
        name: "reflector-drifting",
        description: "as fixed-both; the first reflector's answers come 2 ms later each second",
        judged: Judged::Both,
        events: &[FAULT],
        build: |seed| {
            let fault = ReflectorFault::Drifting {
                reflector: 0,
                from: FAULT_AT,
                ms_per_second: 2.0,
            };
            faulty(vec![fault], seed)
        },
    },
    Scene {
        name: "reflector-rate-limited",
        description: "as fixed-both; the first reflector answers two probes a second",
        judged: Judged::Both,
        events: &[],
        build: |seed| {
            let (reflector, per_second) = (0, 2);
            faulty(
                vec![ReflectorFault::RateLimited {
                    reflector,
                    per_second,
                }],
                seed,
            )
        },
    },
    Scene {
        name: "reflectors-all-silent",
        description: "as fixed-both; every reflector stops answering and the line goes on",
        judged: Judged::Both,
        events: &[FAULT],
        build: |seed| {
            let all = (0..8).map(|reflector| ReflectorFault::Silent {
                reflector,
                from: FAULT_AT,
            });
            faulty(all.collect(), seed)
        },
    },
];
