//! Keeps one WAN going.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, info, warn};
use wanctl_config::WanConfig;
use wanctl_controller::Controller;
use wanctl_probe::ProbeConfig;
use wanctl_storage::CycleSink;
use wanctl_telemetry::WanSnapshot;

use crate::chain::chain;
use crate::clock::Clock;
use crate::ports::{History, Refresh, Refreshed, WanPorts};
use crate::pulse::Pulse;
use crate::state::{FileStore, restore};
use crate::tape::TapeRecorder;
use crate::wan::{WanTask, WanTaskConfig};
use crate::world::{World, WorldError, addresses, known};

/// The first pause before a WAN is started again; doubles up to [`MAX_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause before a WAN is started again.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// After a run this long the pauses begin anew.
const HEALTHY_RUN: Duration = Duration::from_mins(1);

/// Starts a WAN's tasks, and starts them again when they fail, without touching other WANs.
pub(super) struct Supervisor {
    pub(super) config: WanConfig,
    pub(super) clock: Clock,
    pub(super) world: Arc<dyn World>,
    pub(super) pulse: Pulse,
    pub(super) history: Option<CycleSink>,
    pub(super) recording: Option<Arc<TapeRecorder>>,
    pub(super) snapshot: watch::Sender<WanSnapshot>,
    pub(super) steps: Option<u64>,
    pub(super) seed: Option<u64>,
}

/// Why a WAN is not running.
enum Trouble {
    Start(WorldError),
    Panic(JoinError),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => chain(error).fmt(f),
            Self::Panic(error) => error.fmt(f),
        }
    }
}

impl Supervisor {
    /// Runs until `shutdown`, or until the steps asked for are done; returns whether the last
    /// step was completed.
    pub(super) async fn run(self, shutdown: CancellationToken) -> bool {
        let mut pause = FIRST_PAUSE;
        loop {
            let started = self.clock.now();
            let trouble = match self.run_once(&shutdown).await {
                Ok(completed) => return completed,
                Err(trouble) => trouble,
            };
            self.pulse.rest();
            if self.clock.now().saturating_since(started) >= HEALTHY_RUN {
                pause = FIRST_PAUSE;
            }
            error!(wan = %self.config.name, error = %trouble, ?pause, "this WAN is not controlled; it is started again after a pause");
            if self.steps.is_some() {
                return false;
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return false,
                () = tokio::time::sleep(pause) => {}
            }
            pause = pause.saturating_mul(2).min(MAX_PAUSE);
        }
    }

    async fn run_once(&self, shutdown: &CancellationToken) -> Result<bool, Trouble> {
        let task = tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(false),
            task = self.prepare() => task.map_err(Trouble::Start)?,
        };
        let task = task.with_pulse(self.pulse.clone());
        let task = match self.steps {
            Some(steps) => task.stop_after(steps),
            None => task,
        };
        // Whoever abandons this WAN ends its tasks too.
        let running = AbortOnDropHandle::new(tokio::spawn(task.run(shutdown.clone())));
        let ended = running.await;
        ended.map(|end| end.completed).map_err(Trouble::Panic)
    }

    async fn prepare(&self) -> Result<WanTask, WorldError> {
        let config = &self.config;
        let found = self.world.resolve(&config.probe).await;
        let targets = addresses(&config.probe.reflectors, found, |host, error| {
            warn!(wan = %config.name, host, error = %chain(error), "this reflector has no address now; it is looked up again while the others are probed");
        })?;
        let store = FileStore::new(config.files.state_file.clone());
        let controller = self.restored(&store).await?;
        let ports = WanPorts {
            transport: self.world.transport(&config.probe, &known(&targets))?,
            reserve: self.world.reserve(&config.probe),
            backend: self.world.backend(&config.router)?,
            counters: if config.controller.law.looks_at_load() {
                Some(self.world.backend(&config.router)?)
            } else {
                None
            },
            history: self
                .history
                .clone()
                .map(|sink| Box::new(sink) as Box<dyn History>),
            tape: self
                .recording
                .as_ref()
                .map(|recording| recording.tape(&config.name, &controller)),
            state: Arc::new(store),
        };
        let task = WanTaskConfig {
            name: config.name.clone(),
            probe: config.probe.clone(),
            targets,
            budget: config.budget,
            counter_interval: config.counter_interval,
            seed: self.seed.unwrap_or_else(random_seed),
        };
        info!(wan = %config.name, reflectors = ?known(&task.targets), "starting");
        let refresh = WorldRefresh {
            world: Arc::clone(&self.world),
            config: config.probe.clone(),
        };
        let snapshot = self.snapshot.clone();
        let task = WanTask::new(&task, &self.clock, controller, ports, snapshot)?;
        Ok(task.with_refresh(Arc::new(refresh)))
    }

    /// A controller with the stored state, as far as it can be believed.
    ///
    /// The file is read on a thread of its own: a disk that hangs stops no other WAN.
    async fn restored(&self, store: &FileStore) -> Result<Controller, WorldError> {
        let (wan, file) = (&self.config.name, store.path().display());
        let (config, source) = (self.config.controller.clone(), store.clone());
        let reading = tokio::task::spawn_blocking(move || restore(&config, &source));
        let restored = reading
            .await
            .map_err(|error| WorldError::Other(Box::new(error)))?;
        for note in &restored.notes {
            warn!(%wan, %file, "{note}");
        }
        let state = restored.controller.state();
        if restored.continued {
            info!(
                %wan,
                download = %state.queues.download.rate,
                upload = %state.queues.upload.rate,
                baseline = %state.baseline,
                "continuing from the stored state"
            );
        } else {
            info!(
                %wan,
                %file,
                download = %state.queues.download.rate,
                upload = %state.queues.upload.rate,
                "no stored state; starting without one"
            );
        }
        Ok(restored.controller)
    }
}

/// Looks up and opens again what [`Supervisor::prepare`] looked up and opened.
struct WorldRefresh {
    world: Arc<dyn World>,
    config: ProbeConfig,
}

#[async_trait]
impl Refresh for WorldRefresh {
    async fn refresh(&self) -> Result<Refreshed, WorldError> {
        let found = self.world.resolve(&self.config).await;
        let targets = addresses(&self.config.reflectors, found, |_, _| {})?;
        let transport = self.world.transport(&self.config, &known(&targets))?;
        Ok(Refreshed { targets, transport })
    }
}

/// Unpredictable from outside, so that answers cannot be forged blindly.
pub(crate) fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}
