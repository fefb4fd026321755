//! The real run loop of one WAN on virtual time: hours in seconds, the same result every time.

mod backend;
mod transport;

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wanctl_controller::{Controller, ControllerConfig, ControllerState};
use wanctl_daemon::{
    Clock, History, StateImage, StateStore, Tape, WanPorts, WanTask, WanTaskConfig,
};
use wanctl_probe::{ProbeConfig, ReserveAnswer, ReserveChecks};
use wanctl_router::BudgetConfig;
use wanctl_storage::{CycleRecord, Recorded};
use wanctl_telemetry::WanSnapshot;
use wanctl_types::{PerDirection, Timestamp, WallTime, WanName};

use crate::{Error, Link, LinkCounters};
use backend::VirtualRouter;
use transport::VirtualTransport;

/// Civil time at which every virtual run begins: 2026-01-01 00:00 UTC.
pub const VIRTUAL_EPOCH: WallTime = WallTime::from_unix_millis(1_767_225_600_000);

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
    /// How often the state was stored.
    pub state_saves: u64,
    /// The state stored last.
    pub last_state: Option<StateImage>,
    /// What views would have shown at the end.
    pub snapshot: WanSnapshot,
    /// What the link carried.
    pub counters: PerDirection<LinkCounters>,
}

impl VirtualWan {
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
        runtime.block_on(self.drive(link, duration, tape))
    }

    async fn drive(
        &self,
        link: Link,
        duration: Duration,
        tape: impl FnOnce(&Controller) -> Option<Tape>,
    ) -> Result<VirtualReport, Error> {
        let clock = Clock::simulated(1.0, VIRTUAL_EPOCH);
        let link = Shared::new(link);
        let memory = Shared::new(Memory::default());
        let router = VirtualRouter::new(&clock, &link, self.router_latency);
        let controller = self.controller();
        let ports = WanPorts {
            transport: Box::new(VirtualTransport::new(&clock, &link)),
            reserve: Arc::new(FixedAnswer(self.reserve)),
            backend: Arc::new(router.clone()),
            history: Some(Box::new(MemoryHistory(memory.clone()))),
            state: Arc::new(MemoryStore(memory.clone())),
            tape: tape(&controller),
        };
        let snapshot = watch::Sender::new(wanctl_daemon::initial_snapshot(
            &self.name,
            &controller.state(),
        ));
        let task = WanTask::new(&self.task(), &clock, controller, ports, snapshot.clone())?;
        let shutdown = CancellationToken::new();
        let stop = async {
            clock.sleep_until(Timestamp::ZERO + duration).await;
            shutdown.cancel();
        };
        let ((), _) = tokio::join!(stop, task.run(shutdown.clone()));
        let memory = memory.with(std::mem::take);
        let snapshot = snapshot.borrow().clone();
        Ok(VirtualReport {
            records: memory.records,
            writes: router.writes(),
            state_saves: memory.saves,
            last_state: memory.last_state,
            snapshot,
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
        let targets = (1..=u8::MAX)
            .zip(&self.probe.reflectors)
            .map(|(host, name)| {
                name.parse()
                    .unwrap_or_else(|_| IpAddr::V4(Ipv4Addr::new(192, 0, 2, host)))
            })
            .collect();
        WanTaskConfig {
            name: self.name.clone(),
            probe: self.probe.clone(),
            targets,
            budget: self.budget,
            seed: self.seed,
        }
    }
}

/// A value that several ports of one thread share.
#[derive(Debug, Default)]
struct Shared<T>(Arc<Mutex<T>>);

impl<T> Shared<T> {
    fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(value)))
    }

    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[derive(Debug, Default)]
struct Memory {
    records: Vec<CycleRecord>,
    saves: u64,
    last_state: Option<StateImage>,
}

struct MemoryHistory(Shared<Memory>);

impl History for MemoryHistory {
    fn record(&mut self, record: CycleRecord) -> Recorded {
        self.0.with(|memory| memory.records.push(record));
        Recorded::Queued
    }
}

struct MemoryStore(Shared<Memory>);

#[async_trait]
impl StateStore for MemoryStore {
    async fn save(&self, image: &StateImage) -> io::Result<()> {
        self.0.with(|memory| {
            memory.saves += 1;
            memory.last_state = Some(*image);
        });
        Ok(())
    }
}

struct FixedAnswer(ReserveAnswer);

#[async_trait]
impl ReserveChecks for FixedAnswer {
    async fn check(&self) -> ReserveAnswer {
        self.0
    }
}
