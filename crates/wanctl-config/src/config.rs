//! The typed configuration of one WAN.

use core::fmt;
use std::path::PathBuf;
use std::time::Duration;

use wanctl_controller::ControllerConfig;
use wanctl_probe::ProbeConfig;
use wanctl_router::{BudgetConfig, RouterOsConfig, Scheme};
use wanctl_storage::{ConfigSnapshot, StorageConfig};
use wanctl_telemetry::TelemetryConfig;
use wanctl_types::{Direction, WanName};

/// Everything one file decides about one WAN. Every part is valid, and the parts fit together.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WanConfig {
    /// The file it was read from.
    pub source: PathBuf,
    /// The WAN.
    pub name: WanName,
    /// Whether this WAN is controlled at all. A daemon leaves one that is not alone.
    pub enabled: bool,
    /// How rates are decided.
    pub controller: ControllerConfig,
    /// How the line is measured.
    pub probe: ProbeConfig,
    /// How the router is reached.
    pub router: RouterOsConfig,
    /// How often limits may be raised.
    pub budget: BudgetConfig,
    /// From one reading of the queues' counters to the next, for a law that looks at them.
    pub counter_interval: Duration,
    /// Where history is kept; `None` when it is not.
    pub storage: Option<StorageConfig>,
    /// Endpoints and log files.
    pub telemetry: TelemetryConfig,
    /// Lock and state.
    pub files: Files,
    /// What the history records of this configuration at start, numbers as they were written.
    pub snapshot: ConfigSnapshot,
}

/// Files that a daemon keeps for one WAN.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Files {
    /// Rates and baseline, kept over a restart.
    pub state_file: PathBuf,
    /// Keeps a second instance from controlling the same WAN.
    pub lock_file: PathBuf,
    /// Age after which a lock file without a process number is stale.
    pub lock_timeout: Duration,
}

impl WanConfig {
    /// A few lines for a person who wants to see that the right file was read.
    #[must_use]
    pub fn summary(&self) -> impl fmt::Display {
        Summary(self)
    }
}

struct Summary<'a>(&'a WanConfig);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = self.0;
        writeln!(f, "{} ({})", config.name, config.source.display())?;
        if !config.enabled {
            writeln!(f, "  control: switched off")?;
        }
        for direction in Direction::BOTH {
            let queue = &config.controller.queues[direction];
            writeln!(
                f,
                "  {direction}: {} to {}, queue {}",
                queue.floors.red, queue.ceiling, config.router.queues[direction]
            )?;
        }
        let scheme = match config.router.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        writeln!(
            f,
            "  router: {scheme}://{}:{}",
            config.router.host, config.router.port
        )?;
        writeln!(f, "  hosts: {}", config.probe.reflectors.join(", "))?;
        let history = config.storage.as_ref().map(|storage| &storage.db_path);
        match history {
            Some(path) => write!(f, "  history: {}", path.display()),
            None => write!(f, "  history: off"),
        }
    }
}
