//! Stretches of link life worth repeating.

use std::time::Duration;

use wanctl_types::{Bps, PerDirection};

use crate::{Capacity, Demand, LinkConfig, Schedule};

/// A link, its traffic and how long to watch it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Scenario {
    /// A short name, one word.
    pub name: &'static str,
    /// What happens, one sentence.
    pub description: &'static str,
    /// How long it takes.
    pub duration: Duration,
    /// The link and the traffic.
    pub link: LinkConfig,
    /// What happens when, in order, without gaps.
    pub phases: Vec<Phase>,
}

/// A named part of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phase {
    /// What happens.
    pub name: &'static str,
    /// When it starts.
    pub from: Duration,
    /// When it is over.
    pub to: Duration,
}

/// Flows of a greedy transfer: a browser's or an updater's few connections.
const FLOWS: u32 = 4;
/// Round trip without any queue.
const BASE_RTT: Duration = Duration::from_millis(20);

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl Scenario {
    /// A minute on a 50/10 Mbit/s line with 20 ms of base delay and buffers of 500 ms: idle, a
    /// download, the line at half its rate for a while, an upload, both, idle again.
    #[must_use]
    pub fn bufferbloat() -> Self {
        let mut link = household();
        let download = Schedule::constant(Demand::Idle)
            .then(s(5), greedy())
            .then(s(42), Demand::Idle)
            .then(s(50), greedy())
            .then(s(55), Demand::Idle);
        let upload = Schedule::constant(Demand::Idle)
            .then(s(43), greedy())
            .then(s(55), Demand::Idle);
        link.directions.download.demand = download;
        link.directions.upload.demand = upload;
        link.directions.download.capacity = Capacity::scheduled(
            Schedule::constant(Bps::from_mbps(50))
                .then(s(18), Bps::from_mbps(25))
                .then(s(32), Bps::from_mbps(50)),
        );
        Self {
            name: "bufferbloat",
            description: "idle, download, line at half its rate, back, upload, both, idle",
            duration: s(60),
            link,
            phases: phases(&[
                ("idle", 5),
                ("download", 18),
                ("half the line", 32),
                ("whole line", 42),
                ("upload", 50),
                ("both", 55),
                ("idle again", 60),
            ]),
        }
    }

    /// Ten seconds without any traffic.
    #[must_use]
    pub fn idle() -> Self {
        Self {
            name: "idle",
            description: "nothing but probes",
            duration: s(10),
            link: household(),
            phases: phases(&[("idle", 10)]),
        }
    }

    /// Twenty seconds with a download from the second second on.
    #[must_use]
    pub fn download() -> Self {
        let mut link = household();
        link.directions.download.demand = Schedule::constant(Demand::Idle).then(s(2), greedy());
        Self {
            name: "download",
            description: "a download on a steady line",
            duration: s(20),
            link,
            phases: phases(&[("idle", 2), ("download", 20)]),
        }
    }

    /// Twenty seconds of downloading during which the line is dead for two.
    #[must_use]
    pub fn outage() -> Self {
        let mut scenario = Self::download();
        scenario.name = "outage";
        scenario.description = "a download with two seconds of dead line";
        let lanes = &mut scenario.link.directions;
        for lane in [&mut lanes.download, &mut lanes.upload] {
            let rate = lane.capacity.at_start();
            let rates = Schedule::constant(rate)
                .then(s(8), Bps::ZERO)
                .then(s(10), rate);
            lane.capacity = Capacity::scheduled(rates);
        }
        scenario.phases = phases(&[("idle", 2), ("download", 8), ("dead", 10), ("download", 20)]);
        scenario
    }

    /// All of them.
    #[must_use]
    pub fn all() -> Vec<Self> {
        vec![
            Self::bufferbloat(),
            Self::idle(),
            Self::download(),
            Self::outage(),
        ]
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all()
            .into_iter()
            .find(|scenario| scenario.name == name)
    }
}

const fn greedy() -> Demand {
    Demand::Greedy { flows: FLOWS }
}

fn household() -> LinkConfig {
    let rates = PerDirection::new(Bps::from_mbps(50), Bps::from_mbps(10));
    LinkConfig::new(rates, BASE_RTT)
}

/// Consecutive phases from their names and the seconds they end at.
fn phases(ends: &[(&'static str, u64)]) -> Vec<Phase> {
    let mut from = Duration::ZERO;
    ends.iter()
        .map(|(name, end)| {
            let phase = Phase {
                name,
                from,
                to: s(*end),
            };
            from = phase.to;
            phase
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use wanctl_types::{Direction, Timestamp};

    use super::*;
    use crate::{DelayStats, Link, ProbeFate};

    #[test]
    fn phases_cover_each_scenario_without_gaps() {
        for scenario in Scenario::all() {
            let mut end = Duration::ZERO;
            for phase in &scenario.phases {
                assert_eq!(phase.from, end, "{}", scenario.name);
                end = phase.to;
            }
            assert_eq!(end, scenario.duration, "{}", scenario.name);
            assert_eq!(Scenario::named(scenario.name), Some(scenario));
        }
    }

    #[test]
    fn the_bufferbloat_scenario_bloats_both_directions_without_limits() {
        let scenario = Scenario::bufferbloat();
        let mut link = Link::new(scenario.link.clone(), 42);
        for phase in &scenario.phases {
            let delays = probe_through(&mut link, phase);
            let stats = DelayStats::of(delays).unwrap();
            match phase.name {
                "idle" => assert!(stats.p99.get() < 23.0, "{phase:?} {stats:?}"),
                "idle again" => assert!(stats.p50.get() < 23.0, "{phase:?} {stats:?}"),
                _ => assert!(stats.p50.get() > 200.0, "{phase:?} {stats:?}"),
            }
        }
    }

    #[test]
    fn static_limits_help_until_the_line_halves() {
        let scenario = Scenario::bufferbloat();
        let mut config = scenario.link.clone();
        config.directions.download.limit = Bps::from_mbps(47);
        config.directions.upload.limit = Bps::new(9_400_000);
        let mut link = Link::new(config, 42);
        for phase in &scenario.phases {
            let stats = DelayStats::of(probe_through(&mut link, phase)).unwrap();
            match phase.name {
                "download" | "upload" | "both" => {
                    assert!(stats.p95.get() < 25.0, "{phase:?} {stats:?}");
                }
                "half the line" => assert!(stats.p95.get() > 200.0, "{phase:?} {stats:?}"),
                _ => {}
            }
        }
        let used = link.counters(Direction::Download).utilisation().unwrap();
        assert!((0.85..0.98).contains(&used), "{used}");
    }

    fn probe_through(link: &mut Link, phase: &Phase) -> Vec<wanctl_types::Millis> {
        let mut at = Timestamp::ZERO + phase.from;
        let mut delays = Vec::new();
        while at < Timestamp::ZERO + phase.to {
            if let ProbeFate::Answered { rtt } = link.probe(at) {
                delays.push(rtt);
            }
            at = at + Duration::from_millis(50);
        }
        delays
    }
}
