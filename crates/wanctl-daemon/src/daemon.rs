//! A whole rate-control daemon: all WANs of a process, history, endpoints, and an orderly end.

mod endpoints;
mod heartbeat;
mod histories;
mod notify;
mod publisher;
mod supervisor;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use wanctl_config::WanConfig;
use wanctl_telemetry::{LogGuard, Snapshot};

use crate::clock::Clock;
use crate::lock::{InstanceLock, LockError};
use crate::pulse::Pulse;
use crate::shaper::{ShaperSocket, socket_path};
use crate::tape::TapeRecorder;
use crate::world::World;
use endpoints::Endpoints;
use heartbeat::Heartbeat;
use histories::Histories;
pub use notify::ServiceManager;
use publisher::Publisher;
use supervisor::Supervisor;
pub(crate) use supervisor::random_seed;

/// How long a WAN's tasks may take to end once told to.
const WAN_GRACE: Duration = Duration::from_secs(1);
/// How long the recording may take to reach the disk.
const RECORDING_GRACE: Duration = Duration::from_millis(200);
/// How long the histories, all together, may take to write what is waiting.
const HISTORY_GRACE: Duration = Duration::from_millis(600);

/// How to run.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DaemonOptions {
    /// End after one control step of each WAN.
    pub oneshot: bool,
    /// Take down every input of the control step in this file.
    pub record: Option<PathBuf>,
    /// Seed of the probes' nonces; drawn from the system when absent.
    pub seed: Option<u64>,
    /// Who started this process and wants to be told how it goes.
    pub service: ServiceManager,
    /// The process's logs, for health to show what they lost.
    pub logs: Option<Arc<LogGuard>>,
}

/// How a daemon ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// WANs whose last step was not completed.
    pub incomplete: usize,
}

/// Why a daemon did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DaemonError {
    /// No WAN to control.
    #[error(
        "there is nothing to control: no configuration was given, or every WAN in it is switched off (continuous_monitoring.enabled)"
    )]
    NoWan,
    /// A lock is held or out of reach.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The recording cannot be created.
    #[error("cannot create the recording {}: {source}", path.display())]
    Record {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The history's thread cannot be started.
    #[error("cannot start the history: {0}")]
    History(#[from] wanctl_storage::Error),
}

/// Controls every configured WAN until it is told to stop.
pub struct Daemon {
    wans: Vec<WanConfig>,
    clock: Clock,
    world: Arc<dyn World>,
    options: DaemonOptions,
    snapshots: watch::Sender<Arc<Snapshot>>,
}

impl Daemon {
    /// Prepares to control those of these WANs that are not switched off. Health and metrics are
    /// those of the first.
    #[must_use]
    pub fn new(
        wans: Vec<WanConfig>,
        clock: Clock,
        world: Arc<dyn World>,
        options: DaemonOptions,
    ) -> Self {
        let (snapshots, _) = watch::channel(Arc::new(publisher::empty()));
        let (wans, off): (Vec<_>, Vec<_>) = wans.into_iter().partition(|wan| wan.enabled);
        for wan in off {
            warn!(wan = %wan.name, "switched off by continuous_monitoring.enabled; left alone");
        }
        Self {
            wans,
            clock,
            world,
            options,
            snapshots,
        }
    }

    /// What views render, renewed a few times a second.
    #[must_use]
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.subscribe()
    }

    /// Runs until `shutdown`. The end comes in this order: probing stops and the router's last
    /// write settles, states are stored, history is flushed, endpoints close, locks are released.
    ///
    /// # Errors
    ///
    /// [`DaemonError`]: the daemon did not start. Once it has started, nothing that fails ends it.
    pub async fn run(self, shutdown: CancellationToken) -> Result<Ended, DaemonError> {
        let first = self.wans.first().ok_or(DaemonError::NoWan)?;
        let _locks = self.lock()?;
        let recording = self.recording()?;
        let histories = Histories::start(&self.wans, &self.clock)?;
        let endpoints = Endpoints::start(&first.telemetry, &self.snapshots).await;
        let publisher = Publisher::new(
            self.clock.clone(),
            &self.wans,
            histories.watcher(),
            self.options.logs.clone(),
            self.snapshots.clone(),
        );
        let supervisors = self.supervisors(&histories, recording.as_ref(), &publisher);
        let mut shapers = self.shapers(&publisher);
        let publishing = tokio::spawn(publisher.run());
        let heart = tokio::spawn(self.heartbeat(&supervisors).run());

        let incomplete = run_all(supervisors, &shutdown, &self.options.service).await;
        if !shutdown.is_cancelled() {
            self.options.service.stopping();
        }
        end(heart).await;
        shapers.shutdown().await;
        // It watches the history, whose writers must be nobody else's when they are stopped.
        end(publishing).await;
        histories.stop(HISTORY_GRACE).await;
        if let Some(recording) = recording {
            finish_recording(recording).await;
        }
        endpoints.stop().await;
        info!("stopped");
        Ok(Ended { incomplete })
    }

    fn lock(&self) -> Result<Vec<InstanceLock>, LockError> {
        self.wans
            .iter()
            .map(|wan| InstanceLock::acquire(&wan.files.lock_file))
            .collect()
    }

    /// What each WAN's shaper does, for whoever steers.
    fn shapers(&self, publisher: &Publisher) -> JoinSet<()> {
        let sockets = self.wans.iter().zip(publisher.senders());
        sockets
            .map(|(wan, snapshot)| {
                let socket = ShaperSocket {
                    path: socket_path(&wan.files.state_file),
                    clock: self.clock.clone(),
                    config: wan.controller.clone(),
                    snapshots: snapshot.subscribe(),
                };
                socket.run()
            })
            .collect()
    }

    fn recording(&self) -> Result<Option<Arc<TapeRecorder>>, DaemonError> {
        let Some(path) = &self.options.record else {
            return Ok(None);
        };
        match TapeRecorder::create(path) {
            Ok(recorder) => Ok(Some(Arc::new(recorder))),
            Err(source) => Err(DaemonError::Record {
                path: path.clone(),
                source,
            }),
        }
    }

    fn supervisors(
        &self,
        histories: &Histories,
        recording: Option<&Arc<TapeRecorder>>,
        publisher: &Publisher,
    ) -> Vec<Supervisor> {
        self.wans
            .iter()
            .zip(publisher.senders())
            .map(|(wan, snapshot)| Supervisor {
                clock: self.clock.clone(),
                world: Arc::clone(&self.world),
                pulse: Pulse::new(),
                history: histories.sink(wan),
                recording: recording.cloned(),
                snapshot,
                steps: self.options.oneshot.then_some(1),
                seed: self.options.seed,
                config: wan.clone(),
            })
            .collect()
    }

    fn heartbeat(&self, supervisors: &[Supervisor]) -> Heartbeat {
        let pulse = |supervisor: &Supervisor| {
            let name = supervisor.config.name.clone();
            (name, supervisor.pulse.clone())
        };
        Heartbeat {
            clock: self.clock.clone(),
            service: self.options.service.clone(),
            pulses: supervisors.iter().map(pulse).collect(),
            snapshots: self.snapshots.subscribe(),
        }
    }
}

/// Runs every WAN's supervisor to its end; returns how many ended on an incomplete step.
async fn run_all(
    supervisors: Vec<Supervisor>,
    shutdown: &CancellationToken,
    service: &ServiceManager,
) -> usize {
    let mut running: JoinSet<bool> = supervisors
        .into_iter()
        .map(|supervisor| supervisor.run(shutdown.clone()))
        .collect();
    let mut incomplete = 0;
    let grace = expired(shutdown, service);
    tokio::pin!(grace);
    loop {
        let ended = tokio::select! {
            biased;
            ended = running.join_next() => ended,
            () = &mut grace => {
                error!("a WAN did not stop in time and is abandoned");
                return incomplete + running.len();
            }
        };
        match ended {
            None => return incomplete,
            Some(Ok(true)) => {}
            Some(Ok(false)) => incomplete += 1,
            Some(Err(error)) => {
                error!(%error, "a WAN cannot even be started; it is not controlled any more");
                incomplete += 1;
            }
        }
    }
}

async fn expired(shutdown: &CancellationToken, service: &ServiceManager) {
    shutdown.cancelled().await;
    service.stopping();
    tokio::time::sleep(WAN_GRACE).await;
}

/// Aborts a task and waits until all it held is dropped.
async fn end(task: JoinHandle<()>) {
    task.abort();
    if let Err(error) = task.await
        && error.is_panic()
    {
        error!(%error, "a task of the daemon failed");
    }
}

/// A recording whose disk hangs does not hold up the end.
async fn finish_recording(recording: Arc<TapeRecorder>) {
    let Some(recording) = Arc::into_inner(recording) else {
        error!("a WAN that did not stop still records; the end of the recording may be missing");
        return;
    };
    let finish = tokio::task::spawn_blocking(move || recording.finish());
    let finished = tokio::time::timeout(RECORDING_GRACE, finish).await;
    if !matches!(finished, Ok(Ok(()))) {
        error!("the recording could not be finished; its end is missing");
    }
}
