//! The real run loop of one WAN on virtual time: hours in seconds, the same result every time.

mod backend;
mod clock_steps;
mod fault;
mod ports;
mod script;
mod transport;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wanctl_controller::{Controller, ControllerConfig, ControllerState};
use wanctl_daemon::{Clock, FileStore, StateImage, Tape, WanEnd, WanPorts, WanTask, WanTaskConfig};
use wanctl_probe::{ProbeConfig, ReserveAnswer, RoundsStats};
use wanctl_router::BudgetConfig;
use wanctl_storage::{CycleRecord, CycleSink};
use wanctl_telemetry::WanSnapshot;
use wanctl_types::{PerDirection, Timestamp, WallTime, WanName};

use crate::{DemoMode, Error, Link, LinkCounters};
pub(crate) use backend::VirtualRouter;
pub use fault::{ProbeFault, ProbeTrouble};
pub(crate) use ports::FixedAnswer;
use ports::{Memory, MemoryHistory, MemoryStore};
pub use script::{RouterFault, RouterScript, RouterTrouble};
pub(crate) use transport::VirtualTransport;

/// Civil time at which every virtual run begins: 2026-01-01 00:00 UTC.
pub const VIRTUAL_EPOCH: WallTime = WallTime::from_unix_millis(1_767_225_600_000);

/// Time from one noted view to the next.
const VIEW_INTERVAL: Duration = Duration::from_secs(1);

/// One WAN to run on virtual time.
#[derive(Clone, Debug)]
pub struct VirtualWan {
    /// Its name.
    pub name: WanName,
    /// Its control law.
    pub controller: ControllerConfig,
    /// Where the law continues from; at its beginning when absent.
    pub state: Option<ControllerState>,
    /// How it is probed. Hosts that are no addresses get one each from 192.0.2.0/24.
    pub probe: ProbeConfig,
    /// Budget for increases.
    pub budget: BudgetConfig,
    /// From a write to the router to its effect and answer.
    pub router_latency: Duration,
    /// What the reserve checks find while ICMP is silent.
    pub reserve: ReserveAnswer,
    /// What goes wrong with its probes, and when. Several at once add up.
    pub faults: Vec<ProbeFault>,
    /// What happens to its router, and when.
    pub router: RouterScript,
    /// Where records go besides the report.
    pub history: Option<CycleSink>,
    /// Where the state is stored besides the report.
    pub state_file: Option<FileStore>,
    /// Seed of the probes' nonces.
    pub seed: u64,
}

/// What a virtual run left behind.
#[derive(Debug)]
#[non_exhaustive]
pub struct VirtualReport {
    /// Every record handed to history.
    pub records: Vec<CycleRecord>,
    /// Every write to the router, and when.
    pub writes: Vec<(Timestamp, wanctl_router::Limits)>,
    /// When the router was asked for its rates.
    pub readings: Vec<Timestamp>,
    /// When it was asked for its counters.
    pub counter_readings: Vec<Timestamp>,
    /// The rates the router really had, and since when; zero is unlimited.
    pub limits: Vec<(Timestamp, PerDirection<wanctl_types::Bps>)>,
    /// How often the state was stored.
    pub state_saves: u64,
    /// The state stored last.
    pub last_state: Option<StateImage>,
    /// What views would have shown at the end.
    pub snapshot: WanSnapshot,
    /// What they would have shown once a second.
    pub views: Vec<(Timestamp, WanSnapshot)>,
    /// What became of every probe and reply.
    pub probes: RoundsStats,
    /// What the link carried.
    pub counters: PerDirection<LinkCounters>,
}

impl VirtualWan {
    /// The WAN of a [`Demo`](crate::Demo): a line sold as 50/10 Mbit/s whose owner believes it to
    /// carry 60/12, three reflectors, no reserve checks, no faults.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`], which would be a mistake in this crate.
    pub fn household(seed: u64) -> Result<Self, Error> {
        Self::of_demo(DemoMode::Controlled, seed)
    }

    /// The same WAN under the adaptive law, with nothing configured but rates.
    ///
    /// # Errors
    ///
    /// As of [`household`](Self::household).
    pub fn adaptive_household(seed: u64) -> Result<Self, Error> {
        Self::of_demo(DemoMode::Adaptive, seed)
    }

    fn of_demo(mode: DemoMode, seed: u64) -> Result<Self, Error> {
        let config = crate::demo::config(mode)?;
        Ok(Self {
            name: config.name,
            controller: config.controller,
            state: None,
            probe: config.probe,
            budget: config.budget,
            router_latency: Duration::from_millis(5),
            reserve: ReserveAnswer::Nothing,
            faults: Vec::new(),
            router: RouterScript::default(),
            history: None,
            state_file: None,
            seed,
        })
    }

    /// Runs for `duration` of virtual time over `link`. `tape` is asked for one if the run is to
    /// be recorded.
    ///
    /// # Errors
    ///
    /// No runtime, or a probing configuration that makes no schedule.
    pub fn run(
        &self,
        link: Link,
        duration: Duration,
        tape: impl FnOnce(&Controller) -> Option<Tape>,
    ) -> Result<VirtualReport, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .map_err(|source| Error::Runtime { source })?;
        let views = self.views();
        runtime.block_on(async {
            let clock = Clock::simulated(1.0, VIRTUAL_EPOCH);
            self.drive(link, &clock, duration, tape, &views).await
        })
    }

    /// As [`run`](Self::run), but on real time and `speed` times as fast, without a tape. What
    /// views show goes to `views` while it runs.
    ///
    /// # Errors
    ///
    /// As of [`run`](Self::run).
    pub fn run_at_speed(
        &self,
        link: Link,
        speed: f64,
        duration: Duration,
        views: &watch::Sender<WanSnapshot>,
    ) -> Result<VirtualReport, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|source| Error::Runtime { source })?;
        runtime.block_on(async {
            let clock = Clock::simulated(speed, VIRTUAL_EPOCH);
            self.drive(link, &clock, duration, |_| None, views).await
        })
    }

    /// What views show before the first step.
    #[must_use]
    pub fn views(&self) -> watch::Sender<WanSnapshot> {
        let state = self.controller().state();
        watch::Sender::new(wanctl_daemon::initial_snapshot(&self.name, &state))
    }

    async fn drive(
        &self,
        link: Link,
        clock: &Clock,
        duration: Duration,
        tape: impl FnOnce(&Controller) -> Option<Tape>,
        views: &watch::Sender<WanSnapshot>,
    ) -> Result<VirtualReport, Error> {
        let end = Timestamp::ZERO + duration;
        let link = Shared::new(link);
        let memory = Shared::new(Memory::default());
        let router = VirtualRouter::new(clock, &link, self.router_latency, &self.router);
        let controller = self.controller();
        let ports = WanPorts {
            transport: Box::new(VirtualTransport::new(
                clock,
                &link,
                self.targets(),
                self.faults.clone(),
            )),
            reserve: Arc::new(FixedAnswer(self.reserve)),
            backend: Arc::new(router.clone()),
            counters: Some(Arc::new(router.clone())),
            history: Some(Box::new(MemoryHistory {
                memory: memory.clone(),
                sink: self.history.clone(),
            })),
            state: Arc::new(MemoryStore {
                memory: memory.clone(),
                file: self.state_file.clone(),
            }),
            tape: tape(&controller),
        };
        let task = WanTask::new(&self.task(), clock, controller, ports, views.clone())?;
        let shutdown = CancellationToken::new();
        let watching = async {
            let seen = watch_views(clock, end, views).await;
            shutdown.cancel();
            seen
        };
        let (seen, end) = tokio::join!(watching, task.run(shutdown.clone()));
        let WanEnd { probes, .. } = end;
        let memory = memory.with(std::mem::take);
        let device = router.finish();
        Ok(VirtualReport {
            records: memory.records,
            writes: device.writes,
            readings: device.readings,
            counter_readings: device.counter_readings,
            limits: device.history,
            state_saves: memory.saves,
            last_state: memory.last_state,
            snapshot: views.borrow().clone(),
            views: seen,
            probes,
            counters: link.with(|link| PerDirection::from_fn(|d| link.counters(d))),
        })
    }

    fn controller(&self) -> Controller {
        let mut controller = Controller::new(self.controller.clone());
        if let Some(state) = self.state {
            controller.restore(state);
        }
        controller
    }

    fn task(&self) -> WanTaskConfig {
        WanTaskConfig {
            name: self.name.clone(),
            probe: self.probe.clone(),
            targets: self.targets().into_iter().map(Some).collect(),
            budget: self.budget,
            counter_interval: WanTaskConfig::COUNTER_INTERVAL,
            seed: self.seed,
        }
    }

    fn targets(&self) -> Vec<IpAddr> {
        (1..=u8::MAX)
            .zip(&self.probe.reflectors)
            .map(|(host, name)| {
                name.parse()
                    .unwrap_or_else(|_| IpAddr::V4(Ipv4Addr::new(192, 0, 2, host)))
            })
            .collect()
    }
}

/// Notes once a second what views show, until `end`.
async fn watch_views(
    clock: &Clock,
    end: Timestamp,
    views: &watch::Sender<WanSnapshot>,
) -> Vec<(Timestamp, WanSnapshot)> {
    let mut seen = Vec::new();
    let mut next = Timestamp::ZERO + VIEW_INTERVAL;
    while next < end {
        clock.sleep_until(next).await;
        seen.push((next, views.borrow().clone()));
        next = next + VIEW_INTERVAL;
    }
    clock.sleep_until(end).await;
    seen
}

/// A value that several ports of one thread share.
#[derive(Debug, Default)]
pub(crate) struct Shared<T>(Arc<Mutex<T>>);

impl<T> Shared<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(value)))
    }

    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
