//! Everything of one WAN that runs: the loop, the router task and the state keeper.

use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wanctl_controller::{Aggregation, Controller, ControllerConfig};
use wanctl_probe::{ProbeConfig, Rounds, RoundsConfig, RoundsStats, Transport};
use wanctl_router::{BudgetConfig, WriteGuard};
use wanctl_telemetry::WanSnapshot;
use wanctl_types::WanName;

use super::probing::place_of;
use super::{Outputs, Probing, Silence, WanLoop};
use crate::clock::Clock;
use crate::ports::{Refresh, WanPorts};
use crate::pulse::Pulse;
use crate::router_task::{RouterStatus, RouterTask};
use crate::state::StateKeeper;
use crate::ticker::Ticker;

/// Reflectors that the median looks at.
const MEDIAN_REFLECTORS: usize = 3;

/// How long a run of a fixed number of steps waits for the router to take its first rates.
const FIRST_WRITE_TIME: Duration = Duration::from_secs(5);

/// What one WAN's tasks need besides their ports.
#[derive(Clone, Debug)]
pub struct WanTaskConfig {
    /// Name of the WAN.
    pub name: WanName,
    /// Probing.
    pub probe: ProbeConfig,
    /// Addresses of the reflectors, in the order of `probe.reflectors`; `None` for one that is not
    /// known yet.
    pub targets: Vec<Option<IpAddr>>,
    /// Budget for increases of the router's rates.
    pub budget: BudgetConfig,
    /// Seed of the probes' nonces.
    pub seed: u64,
}

impl WanTaskConfig {
    /// Only the reflectors that the controller's aggregation looks at are worth probing: their
    /// places. Where it looks at one alone, that is the first that is known.
    pub(crate) fn probed(&self, controller: &ControllerConfig) -> Range<usize> {
        let places = self.targets.len();
        match controller.aggregation {
            Aggregation::MedianOfThree if places >= MEDIAN_REFLECTORS => 0..MEDIAN_REFLECTORS,
            Aggregation::First | Aggregation::MedianOfThree => {
                let first = self.targets.iter().position(Option::is_some).unwrap_or(0);
                first..places.min(first + 1)
            }
        }
    }
}

/// What a run came to.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct WanEnd {
    /// Whether the last control step was completed.
    pub completed: bool,
    /// What became of every probe and every packet that claimed to answer one.
    pub probes: RoundsStats,
}

/// One WAN's tasks, ready to run.
pub struct WanTask {
    wan: WanLoop,
    router: RouterTask,
    keeper: StateKeeper,
}

impl WanTask {
    /// Joins a controller, whose state may have been restored, to the world. What views render
    /// goes to `snapshot`.
    ///
    /// # Errors
    ///
    /// The probing configuration makes no schedule.
    pub fn new(
        config: &WanTaskConfig,
        clock: &Clock,
        controller: Controller,
        ports: WanPorts,
        snapshot: watch::Sender<WanSnapshot>,
    ) -> Result<Self, wanctl_probe::Error> {
        let probing = probing(config, clock, controller.config(), ports.transport)?;
        let reserve = &config.probe.reserve;
        let silence = Silence::new(
            reserve.enabled.then_some(ports.reserve),
            config.probe.timeout,
        );
        let (limits, intended) = watch::channel(None);
        let (images, stored) = watch::channel(None);
        let (status, router_status) = watch::channel(RouterStatus::default());
        let mut outputs = Outputs::new(limits, images, router_status, snapshot);
        outputs.history = ports.history;
        outputs.tape = ports.tape;
        let wan = config.name.to_string();
        Ok(Self {
            wan: WanLoop::new(
                config.name.clone(),
                clock.clone(),
                controller,
                probing,
                silence,
                outputs,
            ),
            router: RouterTask::new(
                wan.clone(),
                clock.clone(),
                ports.backend,
                WriteGuard::new(config.budget),
                intended,
                status,
            ),
            keeper: StateKeeper {
                wan,
                clock: clock.clone(),
                store: ports.state,
                images: stored,
            },
        })
    }

    /// Shows elsewhere that the loop turns.
    #[must_use]
    pub(crate) fn with_pulse(mut self, pulse: Pulse) -> Self {
        self.wan = self.wan.with_pulse(pulse);
        self
    }

    /// Looks for the reflectors anew when nothing has answered for a while.
    #[must_use]
    pub fn with_refresh(mut self, port: Arc<dyn Refresh>) -> Self {
        self.wan = self.wan.with_refresh(port);
        self
    }

    /// Stops by itself after so many control steps.
    #[must_use]
    pub fn stop_after(mut self, steps: u64) -> Self {
        self.wan = self.wan.stop_after(steps);
        self
    }

    /// Runs until `shutdown`, or until the steps asked for are done. Then stops in this order:
    /// probing, the router's last write, the state file.
    pub async fn run(self, shutdown: CancellationToken) -> WanEnd {
        let Self {
            mut wan,
            router,
            keeper,
        } = self;
        let (router_stop, router_done, keeper_stop) = (
            CancellationToken::new(),
            CancellationToken::new(),
            CancellationToken::new(),
        );
        let drive = async {
            wan.run(&shutdown).await;
            wan.await_first_write(&shutdown, FIRST_WRITE_TIME).await;
            router_stop.cancel();
            router_done.cancelled().await;
            wan.send_last_image();
            keeper_stop.cancel();
            wan.end()
        };
        let write = async {
            router.run(router_stop.clone()).await;
            router_done.cancel();
        };
        let (end, (), ()) = tokio::join!(drive, write, keeper.run(keeper_stop.clone()));
        end
    }
}

fn probing(
    config: &WanTaskConfig,
    clock: &Clock,
    controller: &ControllerConfig,
    transport: Box<dyn Transport>,
) -> Result<Probing, wanctl_probe::Error> {
    let places = config.probed(controller);
    let targets = config.targets.get(places.clone()).unwrap_or_default();
    let schedule = RoundsConfig {
        interval: config.probe.interval,
        timeout: config.probe.timeout,
        quorum: targets.len() / 2 + 1,
    };
    let targets = targets.iter().copied().map(place_of).collect();
    let rounds = Rounds::new(schedule, targets, config.seed)?;
    let ticker = Ticker::new(clock.now(), config.probe.interval);
    let hosts = &config.probe.reflectors;
    Ok(Probing::new(transport, rounds, ticker, hosts, places))
}
