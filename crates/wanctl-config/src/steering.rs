//! The configuration of the steering daemon.

mod assemble;
mod decide;
mod wans;

use std::path::{Path, PathBuf};
use std::time::Duration;

use wanctl_router::RouterOsConfig;
use wanctl_steering::SteeringConfig;
use wanctl_storage::{ConfigSnapshot, StorageConfig};
use wanctl_telemetry::TelemetryConfig;
use wanctl_types::WanName;

use crate::config::{Files, WanConfig};
use crate::diagnostic::{Code, Diagnostic};
use crate::effective::Effective;
use crate::load::{self, load as load_wan};
use crate::reader;
use crate::report::{Report, Sink};
use crate::resolve::resolve;
use crate::schema::STEERING;

/// Everything one file decides about steering. Every part is valid, and the parts fit together.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SteerConfig {
    /// The file it was read from.
    pub source: PathBuf,
    /// Name of this steering.
    pub name: WanName,
    /// How is decided; its WANs are those of `wans`, in this order.
    pub steering: SteeringConfig,
    /// The WANs, the one in normal use first.
    pub wans: Vec<SteerWan>,
    /// How the router is reached; its download queue is the one whose drops are evidence.
    pub router: RouterOsConfig,
    /// Whether drops and queue are looked at.
    pub reads_queue: bool,
    /// Time of one cycle.
    pub interval: Duration,
    /// Decide everything, write nothing to the router.
    pub shadow: bool,
    /// Decide on default routes, move none.
    pub routes_shadow: bool,
    /// What is added to a route's distance to put it behind the others.
    pub demoted_by: u8,
    /// Samples that the state file keeps.
    pub history_size: usize,
    /// Thresholds as health shows them.
    pub thresholds: ShownThresholds,
    /// Where history is kept; `None` when it is not.
    pub storage: Option<StorageConfig>,
    /// Endpoint and log files.
    pub telemetry: TelemetryConfig,
    /// Lock and state.
    pub files: Files,
    /// What the history records of this configuration.
    pub snapshot: ConfigSnapshot,
}

/// One WAN of the steering daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SteerWan {
    /// Its name.
    pub name: WanName,
    /// How it is probed; `None` when nothing says through what its pings should leave: then it is
    /// not measured, and traffic never moves to it.
    pub probe: Option<wanctl_probe::ProbeConfig>,
    /// Whole comment of the mangle rule that sends eligible traffic there.
    pub rule: Option<String>,
    /// Whole comment of its default route, when that may be moved.
    pub route: Option<String>,
    /// State file of its rate-control daemon.
    pub state_file: Option<PathBuf>,
}

/// Thresholds as health shows them, whatever the rules make of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShownThresholds {
    /// `green_rtt_ms`.
    pub green_rtt_ms: f64,
    /// `yellow_rtt_ms`.
    pub yellow_rtt_ms: f64,
    /// `red_rtt_ms`.
    pub red_rtt_ms: f64,
    /// `red_samples_required`.
    pub red_samples_required: u32,
    /// `green_samples_required`.
    pub green_samples_required: u32,
}

/// A steering configuration that can be used.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoadedSteering {
    /// The typed configuration.
    pub config: SteerConfig,
    /// What its author should know.
    pub warnings: Vec<Diagnostic>,
    /// Every setting in effect and where it comes from.
    pub effective: Effective,
}

/// Finds the rate-control configuration of a WAN in this file; `None` when it is of no use.
pub type Neighbours<'a> = &'a dyn Fn(&Path) -> Option<WanConfig>;

/// Reads the steering configuration from a file, and the rate-control files of its WANs for where
/// their pings leave from.
///
/// # Errors
///
/// Everything that is wrong with the file, in one [`Report`].
pub fn load_steering(
    path: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<LoadedSteering, Report> {
    let source = path.display().to_string();
    let neighbours = |path: &Path| load_wan(path, env).ok().map(|loaded| loaded.config);
    match load::read(path) {
        Ok(text) => parse_steering(&source, &text, env, &neighbours),
        Err(finding) => {
            let mut sink = Sink::new(&source);
            sink.push(*finding);
            Err(sink.fail())
        }
    }
}

/// Reads the steering configuration from a text; `source` is what messages call it.
///
/// # Errors
///
/// As [`load_steering`].
pub fn parse_steering(
    source: &str,
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
    neighbours: Neighbours<'_>,
) -> Result<LoadedSteering, Report> {
    let mut sink = Sink::new(source);
    let Some(root) = reader::read(text, &mut sink) else {
        if !sink.has_errors() {
            sink.push(load::empty());
        }
        return Err(sink.fail());
    };
    let Some(section) = root.section() else {
        let finding = Diagnostic::new(Code::Root, "the file must hold keys and values").at(root.at);
        sink.push(finding);
        return Err(sink.fail());
    };
    if section.entries.contains_key("continuous_monitoring")
        && !section.entries.contains_key("topology")
    {
        let message = "this file configures the control of one WAN, not steering";
        let finding = Diagnostic::new(Code::Root, message).at(root.at);
        sink.push(finding.help("a steering file has a section `topology`"));
        return Err(sink.fail());
    }
    let effective = resolve(STEERING, section, env, &mut sink);
    let config = assemble::assemble(source, section, &effective, env, neighbours, &mut sink);
    match config {
        Some(config) if !sink.has_errors() => Ok(LoadedSteering {
            config,
            warnings: sink.finish()?,
            effective,
        }),
        Some(_) | None => Err(sink.fail()),
    }
}
