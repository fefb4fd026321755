//! Everything of one WAN that runs: the loop, the router task and the state keeper.

use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wanctl_controller::{Aggregation, Cadence, Controller, ControllerConfig};
use wanctl_probe::{ProbeConfig, Rounds, RoundsConfig, RoundsStats, Transport};
use wanctl_router::{Backend, BudgetConfig, WriteGuard};
use wanctl_telemetry::WanSnapshot;
use wanctl_types::{Bps, WanName};

use super::probing::place_of;
use super::{Outputs, Probing, Silence, WanLoop};
use crate::clock::Clock;
use crate::load::{LoadStatus, LoadTask, LoadView};
use crate::ports::{Refresh, WanPorts};
use crate::pulse::Pulse;
use crate::router_task::{RouterStatus, RouterTask};
use crate::state::StateKeeper;
use crate::ticker::Ticker;

/// Reflectors that the median looks at, and that a law which looks at each for itself is given.
const MEDIAN_REFLECTORS: usize = 3;

/// What a queue cannot have passed, of its ceiling. It may have had no limit before the first
/// write, but the owner of the line would not have set a tenth of what it carries.
const IMPLAUSIBLE: f64 = 10.0;

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
    /// From one reading of the router's counters to the next, for a law that looks at them.
    pub counter_interval: Duration,
    /// Seed of the probes' nonces.
    pub seed: u64,
}

impl WanTaskConfig {
    /// From one reading of the router's counters to the next when nothing else is configured.
    pub const COUNTER_INTERVAL: Duration = Duration::from_millis(200);

    /// Only the reflectors that the controller looks at are worth probing: their places. Where its
    /// aggregation looks at one alone, that is the first that is known; a law that is stepped by
    /// ticks looks at each for itself.
    pub(crate) fn probed(&self, controller: &ControllerConfig) -> Range<usize> {
        let places = self.targets.len();
        let median = match controller.aggregation {
            Aggregation::First => false,
            Aggregation::MedianOfThree => places >= MEDIAN_REFLECTORS,
        };
        match controller.law.cadence() {
            Cadence::Ticks => 0..places.min(MEDIAN_REFLECTORS),
            Cadence::Rounds if median => 0..MEDIAN_REFLECTORS,
            Cadence::Rounds => {
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
    load: Option<LoadTask>,
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
        let counters = ports
            .counters
            .filter(|_| controller.config().law.looks_at_load());
        let load = counters.map(|backend| load(config, clock, controller.config(), backend));
        let name = config.name.clone();
        let mut wan = WanLoop::new(name, clock.clone(), controller, probing, silence, outputs);
        let load = load.map(|(task, view)| {
            wan.show_load(view);
            task
        });
        let name = config.name.to_string();
        Ok(Self {
            wan,
            load,
            router: RouterTask::new(
                name.clone(),
                clock.clone(),
                ports.backend,
                WriteGuard::new(config.budget),
                intended,
                status,
            ),
            keeper: StateKeeper {
                wan: name,
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
            load,
            router,
            keeper,
        } = self;
        let (load_stop, router_stop, router_done, keeper_stop) = (
            CancellationToken::new(),
            CancellationToken::new(),
            CancellationToken::new(),
            CancellationToken::new(),
        );
        let drive = async {
            wan.run(&shutdown).await;
            load_stop.cancel();
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
        let keep = keeper.run(keeper_stop.clone());
        // Tasks of one instant take turns by their number: a WAN without counters has one less.
        match load {
            None => tokio::join!(drive, write, keep).0,
            Some(load) => tokio::join!(drive, write, keep, load.run(load_stop.clone())).0,
        }
    }
}

/// What reads the counters, and what shows them to the loop.
fn load(
    config: &WanTaskConfig,
    clock: &Clock,
    controller: &ControllerConfig,
    backend: Arc<dyn Backend>,
) -> (LoadTask, LoadView) {
    let plausible = controller
        .queues
        .map(|queue| Bps::truncating(IMPLAUSIBLE * queue.ceiling.get()));
    let (status, seen) = watch::channel(LoadStatus::default());
    let interval = config.counter_interval;
    let task = LoadTask::new(clock.clone(), backend, interval, plausible, status);
    (task, LoadView::new(seen))
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
