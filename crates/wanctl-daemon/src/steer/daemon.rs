//! The whole daemon: lock, history, endpoints, the loop, and an orderly end.

mod edges;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use wanctl_config::SteerConfig;
use wanctl_router::SteeringRouter;
use wanctl_steering::{Observation, Steering, WanIndex};
use wanctl_storage::{CycleSink, Recorder};
use wanctl_telemetry::LogGuard;
use wanctl_types::Timestamp;

use edges::{close, end, explain_socket, heartbeat};

use super::actuator::{Actuator, Objects, Order};
use super::explain::Explanation;
use super::health;
use super::path::PathProbe;
use super::queue::{QueueReader, QueueView};
use super::run::{Progress, SteerLoop};
use super::state::{Loaded, SteerFile, SteerImage};
use super::tape::SteerTape;
use super::view::{SteerCounters, SteerView, state_name};
use super::world::SteerWorld;
use crate::chain::chain;
use crate::clock::Clock;
use crate::daemon::{ServiceManager, random_seed};
use crate::lock::{InstanceLock, LockError};
use crate::pulse::Pulse;
use crate::shaper::socket_path;
use crate::ticker::Ticker;
use crate::world::WorldError;

/// A stored state older than this is no match for what the router shows.
const STATE_FRESH: Duration = Duration::from_mins(10);
/// Orders that may wait for the router.
const ORDERS: usize = 32;

/// How to run.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SteerOptions {
    /// End after the first verdict.
    pub oneshot: bool,
    /// Take down every input of the decision in this file.
    pub record: Option<PathBuf>,
    /// Seed of the probes' nonces; drawn from the system when absent.
    pub seed: Option<u64>,
    /// Who started this process and wants to be told how it goes.
    pub service: ServiceManager,
    /// The process's logs, for health to show what they lost.
    pub logs: Option<Arc<LogGuard>>,
}

/// How the daemon ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SteerEnded {
    /// What was known at the end.
    pub view: Arc<SteerView>,
    /// The last decision in words.
    pub explanation: Explanation,
}

/// Why the daemon did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SteerError {
    /// The lock is held or out of reach.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The recording cannot be created.
    #[error("cannot create the recording {}: {source}", path.display())]
    Record {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The history's thread cannot be started.
    #[error("cannot start the history: {0}")]
    History(#[from] wanctl_storage::Error),
    /// The configuration makes no client of the router.
    #[error(transparent)]
    World(#[from] WorldError),
    /// A reset was not complete.
    #[error("the reset is not complete: {0}")]
    Reset(String),
}

/// Steers until it is told to stop.
pub struct SteerDaemon {
    config: Arc<SteerConfig>,
    clock: Clock,
    world: Arc<dyn SteerWorld>,
    options: SteerOptions,
    views: watch::Sender<Arc<SteerView>>,
}

impl SteerDaemon {
    /// Prepares to steer.
    #[must_use]
    pub fn new(
        config: SteerConfig,
        clock: Clock,
        world: Arc<dyn SteerWorld>,
        options: SteerOptions,
    ) -> Self {
        let config = Arc::new(config);
        let now = clock.now();
        let (views, _) = watch::channel(Arc::new(SteerView {
            config: Arc::clone(&config),
            started: now,
            decided: None,
            decision: None,
            observation: Observation::default(),
            active: WanIndex::PRIMARY,
            active_since: now,
            last_transition: None,
            last_reason: None,
            troubles: Vec::new(),
            router_reachable: None,
            queue_failures: 0,
            counters: SteerCounters::default(),
        }));
        Self {
            config,
            clock,
            world,
            options,
            views,
        }
    }

    /// What views render, renewed with every decision.
    #[must_use]
    pub fn views(&self) -> watch::Receiver<Arc<SteerView>> {
        self.views.subscribe()
    }

    /// Runs until `shutdown`. The end comes in this order: deciding stops, the state is stored, the
    /// history flushed, endpoints close, the lock is released. The rules stay as they are.
    ///
    /// # Errors
    ///
    /// [`SteerError`]: the daemon did not start. Once it has started, nothing that fails ends it.
    pub async fn run(self, shutdown: CancellationToken) -> Result<SteerEnded, SteerError> {
        let _lock = InstanceLock::acquire(&self.config.files.lock_file)?;
        let recorder = self.history()?;
        let sink = recorder.as_ref().zip(self.config.wans.first());
        let sink = sink.map(|(recorder, primary)| recorder.handle(primary.name.clone()));
        self.snapshot(sink.as_ref());
        let router = self.world.router(&self.config.router)?;
        let tape = self.tape()?;
        let pulse = Pulse::new();
        let mut tasks = JoinSet::new();
        let (orders, taken) = mpsc::channel(ORDERS);
        let (reported, reports) = mpsc::unbounded_channel();
        tasks.spawn(self.actuator(&router, taken, reported).run());
        let (queue_views, queue) = watch::channel(QueueView::default());
        if self.config.reads_queue {
            let reader = QueueReader {
                clock: self.clock.clone(),
                router: Arc::clone(&router),
                interval: self.config.interval,
                views: queue_views,
            };
            tasks.spawn(reader.run());
        }
        let endpoints = self.endpoints().await;
        tasks.spawn(explain_socket(
            socket_path(&self.config.files.state_file),
            self.views.subscribe(),
            self.clock.clone(),
        ));
        let heart = tokio::spawn(heartbeat(
            self.options.service.clone(),
            pulse.clone(),
            self.clock.clone(),
            self.views.subscribe(),
        ));
        let mut steering = self.steer(sink, tape, queue, orders, reports, pulse);
        steering.run(&shutdown).await;
        self.options.service.stopping();
        drop(steering);
        end(heart).await;
        tasks.shutdown().await;
        if let Some(recorder) = recorder {
            close(recorder).await;
        }
        if let Some((stop, server)) = endpoints {
            stop.cancel();
            end(server).await;
        }
        info!("stopped");
        let view = Arc::clone(&self.views.borrow());
        let explanation = Explanation::of(&view, self.clock.now());
        Ok(SteerEnded { view, explanation })
    }

    /// Puts everything back to normal use: rules off, routes at their own distance, the state
    /// forgotten. In shadow mode the router is left alone.
    ///
    /// # Errors
    ///
    /// [`SteerError`]: another instance runs, or the router did not do all of it.
    pub async fn reset(self) -> Result<(), SteerError> {
        let _lock = InstanceLock::acquire(&self.config.files.lock_file)?;
        let router = self.world.router(&self.config.router)?;
        let mut failed = Vec::new();
        if self.config.shadow {
            info!("shadow mode: the router is left alone");
        } else {
            for wan in &self.config.wans {
                if let Some(rule) = &wan.rule
                    && let Err(error) = router.set_rule_enabled(rule, false).await
                {
                    failed.push(chain(&error).to_string());
                }
                if let Some(route) = wan.route.as_ref().filter(|_| !self.config.routes_shadow)
                    && let Err(error) = self.restore(&router, route).await
                {
                    failed.push(error);
                }
            }
        }
        let name = state_name(&self.config, WanIndex::PRIMARY);
        let file = SteerFile::new(self.config.files.state_file.clone());
        if let Err(error) = file.save(&SteerImage::new(name)) {
            failed.push(format!("the state cannot be stored: {error}"));
        }
        if failed.is_empty() {
            Ok(())
        } else {
            Err(SteerError::Reset(failed.join("; ")))
        }
    }

    async fn restore(&self, router: &Arc<dyn SteeringRouter>, route: &str) -> Result<(), String> {
        let text = |error: wanctl_router::Error| chain(&error).to_string();
        let found = router.route(route).await.map_err(text)?;
        let own = found
            .distance
            .and_then(|distance| distance.checked_sub(self.config.demoted_by))
            .filter(|own| *own > 0);
        match own {
            Some(own) => router
                .set_route_distance(route, own)
                .await
                .map(|_| ())
                .map_err(text),
            None => Ok(()),
        }
    }

    fn history(&self) -> Result<Option<Recorder>, SteerError> {
        let storage = self.config.storage.clone();
        Ok(storage.map(Recorder::start).transpose()?)
    }

    fn snapshot(&self, sink: Option<&CycleSink>) {
        if let Some(sink) = sink {
            let mut snapshot = self.config.snapshot.clone();
            snapshot.clock_set = self.clock.wall_is_set();
            sink.snapshot(self.clock.wall(), snapshot);
        }
    }

    fn tape(&self) -> Result<Option<SteerTape>, SteerError> {
        let Some(path) = &self.options.record else {
            return Ok(None);
        };
        match SteerTape::create(path) {
            Ok(tape) => Ok(Some(tape)),
            Err(source) => Err(SteerError::Record {
                path: path.clone(),
                source,
            }),
        }
    }

    fn actuator(
        &self,
        router: &Arc<dyn SteeringRouter>,
        orders: mpsc::Receiver<Order>,
        reports: mpsc::UnboundedSender<super::actuator::Report>,
    ) -> Actuator {
        let objects = |wan: &wanctl_config::SteerWan| Objects {
            rule: wan.rule.clone(),
            route: wan.route.clone(),
        };
        Actuator {
            clock: self.clock.clone(),
            router: Arc::clone(router),
            objects: self.config.wans.iter().map(objects).collect(),
            shadow: self.config.shadow,
            routes_shadow: self.config.routes_shadow,
            demoted_by: self.config.demoted_by,
            orders,
            reports,
        }
    }

    fn steer(
        &self,
        sink: Option<CycleSink>,
        mut tape: Option<SteerTape>,
        queue: watch::Receiver<QueueView>,
        orders: mpsc::Sender<Order>,
        reports: mpsc::UnboundedReceiver<super::actuator::Report>,
        pulse: Pulse,
    ) -> SteerLoop {
        let now = self.clock.now();
        let file = SteerFile::new(self.config.files.state_file.clone());
        let (image, trusted) = self.load(&file);
        let mut steering = Steering::new(self.config.steering.clone());
        let restored = image.engine.clone().filter(|_| trusted);
        if let Some(state) = &restored {
            steering.restore(now, state);
        }
        if let Some(tape) = &mut tape {
            tape.header(now, &self.config.steering, restored.as_ref());
        }
        let active = steering.active();
        let last_transition = image.last_transition.clone();
        self.views.send_modify(|view| {
            let view = Arc::make_mut(view);
            view.active = active;
            view.last_transition = last_transition;
        });
        SteerLoop {
            clock: self.clock.clone(),
            config: Arc::clone(&self.config),
            steering,
            paths: self.paths(now),
            feeds: self
                .config
                .wans
                .iter()
                .map(|wan| self.world.shaper(&self.clock, wan))
                .collect(),
            queue,
            orders,
            reports,
            views: self.views.clone(),
            sink,
            tape,
            file,
            image,
            trusted,
            pulse,
            oneshot: self.options.oneshot,
            progress: Progress {
                ticker: Ticker::new(now + self.config.interval, self.config.interval),
                wake: None,
                reconcile_at: now,
                reading: false,
                save_at: now,
                saving: None,
                moved: None,
                started: now,
                first_reading: true,
                answered: false,
            },
        }
    }

    fn paths(&self, now: Timestamp) -> Vec<PathProbe> {
        let seed = self.options.seed.unwrap_or_else(random_seed);
        let policies = self.config.steering.wans.iter();
        (0_u64..)
            .zip(self.config.wans.iter().zip(policies))
            .map(|(place, (wan, policy))| {
                PathProbe::new(
                    wan.name.clone(),
                    wan.probe.clone(),
                    policy.targets,
                    Arc::clone(&self.world),
                    now,
                    seed.wrapping_add(place),
                )
            })
            .collect()
    }

    /// The stored state, and whether it is recent enough to be held against the router.
    fn load(&self, file: &SteerFile) -> (SteerImage, bool) {
        let fresh = SteerImage::new(state_name(&self.config, WanIndex::PRIMARY));
        match file.load(fresh.clone(), self.config.history_size) {
            Loaded::Nothing => (fresh, false),
            Loaded::Damaged(reason) => {
                warn!(file = %file.path().display(), reason, "the state file is damaged; going on from what the router shows");
                (fresh, false)
            }
            Loaded::Read(image, passed) => {
                for field in passed {
                    warn!(
                        field,
                        "a field of the state file makes no sense and is passed over"
                    );
                }
                let age = self
                    .clock
                    .wall()
                    .unix_millis()
                    .saturating_sub(image.saved.unix_millis());
                let age = Duration::from_millis(age.unsigned_abs());
                let trusted = image.engine.is_some() && age <= STATE_FRESH;
                if !trusted && image.engine.is_some() {
                    info!("the stored state is old; going on from what the router shows");
                }
                (*image, trusted)
            }
        }
    }

    async fn endpoints(&self) -> Option<(CancellationToken, JoinHandle<()>)> {
        let config = self.config.telemetry.health.as_ref()?;
        let listener = match wanctl_telemetry::bind(config).await {
            Ok(listener) => listener,
            Err(error) => {
                warn!(error = %chain(&error), "going on without this endpoint");
                return None;
            }
        };
        info!(host = %config.host, port = config.port, "health");
        let (views, clock) = (self.views.subscribe(), self.clock.clone());
        let logs = self.options.logs.clone();
        let render = move || {
            let view = Arc::clone(&views.borrow());
            let lost = logs.as_ref().map_or(0, |logs| logs.lost_lines());
            let (healthy, report) = health::report(&view, lost, clock.now());
            (healthy, report.to_string())
        };
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let server = tokio::spawn(async move {
            let served = wanctl_telemetry::serve_report(listener, Arc::new(render), stopped).await;
            if let Err(error) = served {
                error!(%error, "health failed");
            }
        });
        Some((stop, server))
    }
}
