//! The whole daemon against a simulated line and router over loopback sockets.
//!
//! The code that runs is the daemon's: its configuration loader, run loop, REST client, history
//! and state file. Only two things are put in its way: its clock runs faster, and its probes go to
//! [`UdpReflector`]s that hold each answer for the simulated line's delay.

mod sampler;
mod settings;
mod world;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use wanctl_config::WanConfig;
use wanctl_daemon::{Clock, Daemon, DaemonOptions};
use wanctl_storage::{Query, Reader};
use wanctl_types::{Bps, Millis, PerDirection, QueueName, Timestamp, WallTime, Zone};

use crate::{
    DelayStats, Demand, Error, Link, Plant, RouterOs, RouterOsServer, Scenario, UdpReflector,
};
use sampler::Sampler;
use settings::Settings;
use world::DemoWorld;

/// The reflectors' addresses; Linux answers on all of them.
const REFLECTORS: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)),
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3)),
];
/// From a write to the simulated router to its effect on the line.
const ACTUATION_DELAY: Duration = Duration::from_millis(5);

/// Whether the daemon may move the rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DemoMode {
    /// Floors equal ceilings: the daemon measures and records, and has nothing to decide.
    FixedAtCeiling,
    /// The daemon controls the line by the reference law.
    Controlled,
    /// The daemon controls the line by the adaptive law.
    Adaptive,
}

impl DemoMode {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::FixedAtCeiling, Self::Controlled, Self::Adaptive];
}

/// What to run.
#[derive(Clone, Debug)]
pub struct Demo {
    /// The line and what happens on it.
    pub scenario: Scenario,
    /// Seed of everything random.
    pub seed: u64,
    /// How many times faster than real time.
    pub speed: f64,
}

/// The line and its control at one moment of simulated time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct DemoSample {
    /// Since the start.
    pub time_s: f64,
    /// What a single packet's round trip takes now, jitter left out.
    pub rtt_ms: Millis,
    /// The part of it that is queueing at the provider.
    pub added_delay_ms: Millis,
    /// What the line can carry.
    pub capacity_bps: PerDirection<Bps>,
    /// What the router lets through at most.
    pub limit_bps: PerDirection<Bps>,
    /// What was carried since the previous sample.
    pub delivered_bps: PerDirection<Bps>,
    /// How the daemon judges the line.
    pub zone: PerDirection<Zone>,
}

/// What one run came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DemoRun {
    /// Whether the line was controlled.
    pub mode: DemoMode,
    /// Delay above the idle round trip while traffic was wanted.
    pub added_delay: DemoDelay,
    /// Share of the capacity that was used while traffic was wanted.
    pub utilisation: PerDirection<Option<f64>>,
    /// Control cycles found in the history database.
    pub recorded_cycles: u64,
    /// Zone changes found in the history database.
    pub recorded_transitions: u64,
    /// Writes that changed a limit on the router.
    pub router_writes: u64,
    /// Every sample, in order.
    pub samples: Vec<DemoSample>,
}

/// Percentiles of a delay, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct DemoDelay {
    /// Median.
    pub p50_ms: Millis,
    /// 95th percentile.
    pub p95_ms: Millis,
    /// 99th percentile.
    pub p99_ms: Millis,
}

impl Demo {
    /// Runs the scenario once. Samples also go to `watcher` as they are taken. Files are kept in
    /// `directory`, which should be fresh.
    ///
    /// # Errors
    ///
    /// A socket, thread or file that the demonstration needs is not to be had, or the daemon
    /// does not start.
    pub async fn run(
        &self,
        mode: DemoMode,
        directory: &Path,
        watcher: Option<mpsc::UnboundedSender<DemoSample>>,
    ) -> Result<DemoRun, Error> {
        // Dated like everything else on this machine, or retention would find the records old.
        let clock = Clock::simulated(self.speed, Clock::system().wall());
        let stage = self.stage(&clock).await?;
        let settings = Settings::new(mode, stage.server.address(), directory);
        let config = settings.load()?;
        let database = settings.database.clone();
        let world = DemoWorld::new(stage.reflector);
        let mut options = DaemonOptions::default();
        options.seed = Some(self.seed);
        let daemon = Daemon::new(vec![config], clock.clone(), Arc::new(world), options);
        let snapshots = daemon.snapshots();

        let shutdown = CancellationToken::new();
        let sampling = async {
            let mut sampler = Sampler::new(stage.plant, snapshots, self.base_rtt());
            let taken = sampler.run(&clock, self.end(), watcher).await;
            shutdown.cancel();
            (taken, sampler.utilisation())
        };
        let ((samples, utilisation), ended) = tokio::join!(sampling, daemon.run(shutdown.clone()));
        ended.map_err(|source| Error::Daemon {
            source: Box::new(source),
        })?;
        let (recorded_cycles, recorded_transitions) = count_records(&database)?;
        Ok(DemoRun {
            mode,
            added_delay: busy_delay(&samples, &self.scenario),
            utilisation,
            recorded_cycles,
            recorded_transitions,
            router_writes: limit_changes(&samples),
            samples,
        })
    }

    async fn stage(&self, clock: &Clock) -> Result<Stage, Error> {
        let router = RouterOs::new();
        router.set_credentials(settings::USER, &settings::password());
        let link = Link::new(self.scenario.link.clone(), self.seed);
        let now = {
            let clock = clock.clone();
            move || clock.now()
        };
        let plant = Plant::new(link, &router, queues()?, ACTUATION_DELAY, now);
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = RouterOsServer::start(loopback, router).await?;
        let fate = {
            let plant = plant.clone();
            move || plant.probe()
        };
        let reflector = UdpReflector::start(&REFLECTORS, 0, self.speed, fate)?;
        Ok(Stage {
            plant,
            server,
            reflector,
        })
    }

    fn base_rtt(&self) -> Millis {
        let lanes = &self.scenario.link.directions;
        lanes.download.base_delay + lanes.upload.base_delay
    }

    fn end(&self) -> Timestamp {
        Timestamp::ZERO + self.scenario.duration
    }
}

/// The configuration of a run, with nobody at the router's address.
pub(crate) fn config(mode: DemoMode) -> Result<WanConfig, Error> {
    let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    Settings::new(mode, nowhere, Path::new(".")).load()
}

/// The simulated world of one run.
struct Stage {
    plant: Plant,
    server: RouterOsServer,
    reflector: UdpReflector,
}

fn queues() -> Result<PerDirection<QueueName>, Error> {
    let name = |text: &str| {
        QueueName::new(text).map_err(|_| Error::NoSuchQueue {
            name: text.to_owned(),
        })
    };
    Ok(PerDirection::new(
        name(settings::DOWNLOAD_QUEUE)?,
        name(settings::UPLOAD_QUEUE)?,
    ))
}

/// Delay while anybody wants to transfer anything: an idle line has none to speak of.
fn busy_delay(samples: &[DemoSample], scenario: &Scenario) -> DemoDelay {
    let lanes = &scenario.link.directions;
    let busy = samples.iter().filter(|sample| {
        let at = Duration::try_from_secs_f64(sample.time_s).unwrap_or_default();
        lanes
            .iter()
            .any(|(_, lane)| *lane.demand.at(at) != Demand::Idle)
    });
    DelayStats::of(busy.map(|sample| sample.added_delay_ms)).map_or_else(
        DemoDelay::default,
        |stats| DemoDelay {
            p50_ms: stats.p50,
            p95_ms: stats.p95,
            p99_ms: stats.p99,
        },
    )
}

fn limit_changes(samples: &[DemoSample]) -> u64 {
    let changed = samples
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if a.limit_bps != b.limit_bps));
    changed.count() as u64
}

/// Cycles and zone changes in the history database.
fn count_records(database: &Path) -> Result<(u64, u64), Error> {
    let history = |source| Error::History {
        source: Box::new(source),
    };
    let reader = Reader::open(database).map_err(history)?;
    let mut query = Query::between(i64::MIN, i64::MAX);
    query.metrics = vec!["wanctl_rtt_ms".to_owned()];
    let cycles = reader.query(&query).map_err(history)?.len() as u64;
    let transitions = reader
        .transitions(
            WallTime::from_unix_millis(i64::MIN),
            WallTime::from_unix_millis(i64::MAX),
        )
        .map_err(history)?;
    Ok((cycles, transitions.len() as u64))
}
