//! Parse, build, run, exit code.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinSet, spawn_blocking};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use wanctl_config::{Diagnostic, WanConfig};
use wanctl_daemon::{Clock, Daemon, DaemonOptions, HostWorld, ServiceManager, VERSION};
use wanctl_telemetry::{LogGuard, LogOptions};

use crate::args::Args;

/// A configuration is invalid, a lock is held, or the last step was not completed.
const FAILURE: u8 = 1;

/// How long the end waits for log lines that are not written yet.
const LOG_GRACE: Duration = Duration::from_millis(200);

/// Runs the program.
pub(crate) fn run(args: Args) -> ExitCode {
    match load_all(&args.config) {
        Err(report) => fail(&report),
        Ok(configured) if args.validate_config => validated(&configured),
        Ok(configured) => control(args, configured),
    }
}

/// The configurations to run and what to warn of.
struct Configured {
    wans: Vec<WanConfig>,
    warnings: Vec<Diagnostic>,
}

/// Every file is read, so that one run shows the mistakes of all.
fn load_all(paths: &[PathBuf]) -> Result<Configured, String> {
    let environment = |name: &str| std::env::var(name).ok();
    let mut configured = Configured {
        wans: Vec::new(),
        warnings: Vec::new(),
    };
    let mut refused = String::new();
    for path in paths {
        match wanctl_config::load(path, &environment) {
            Ok(loaded) => {
                configured.wans.push(loaded.config);
                configured.warnings.extend(loaded.warnings);
            }
            Err(report) => refused.push_str(&report.to_string()),
        }
    }
    match wanctl_config::check_together(&configured.wans) {
        Ok(warnings) => configured.warnings.extend(warnings),
        Err(report) => refused.push_str(&report.to_string()),
    }
    if refused.is_empty() {
        Ok(configured)
    } else {
        Err(refused)
    }
}

fn fail(message: impl std::fmt::Display) -> ExitCode {
    // Nothing is left to do when even standard error is gone.
    drop(writeln!(std::io::stderr(), "{message}"));
    ExitCode::from(FAILURE)
}

fn validated(configured: &Configured) -> ExitCode {
    let mut out = std::io::stdout();
    let written = configured
        .warnings
        .iter()
        .try_for_each(|warning| writeln!(out, "{warning}"))
        .and_then(|()| {
            let mut wans = configured.wans.iter();
            wans.try_for_each(|wan| writeln!(out, "valid: {}", wan.summary()))
        });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(FAILURE),
    }
}

fn control(args: Args, configured: Configured) -> ExitCode {
    match start(args, configured) {
        Ok(code) => code,
        Err(error) => fail(format_args!("wanctld: {error:#}")),
    }
}

fn start(args: Args, configured: Configured) -> anyhow::Result<ExitCode> {
    let Configured { wans, warnings } = configured;
    let first = wans.first().context("no configuration file was given")?;
    let options = LogOptions::from_env(args.debug);
    let logs = Arc::new(wanctl_telemetry::init_logging(
        &first.telemetry.log,
        options,
    )?);
    log_panics();
    info!(version = VERSION, wans = wans.len(), "wanctld");
    for warning in &warnings {
        warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let code = runtime.block_on(drive(args, wans, Arc::clone(&logs)));
    // A look-up or a disk that hangs must not hold up the end.
    runtime.shutdown_background();
    // Nor must a log that nobody reads.
    let _ = logs.flush(LOG_GRACE);
    code
}

/// Standard error may stand still, and a WAN's tasks that fail must not then hold up the others.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let message = panic.payload_as_str().unwrap_or("no message");
        error!(place, message, "a task panicked");
    }));
}

async fn drive(
    args: Args,
    configs: Vec<WanConfig>,
    logs: Arc<LogGuard>,
) -> anyhow::Result<ExitCode> {
    let shutdown = CancellationToken::new();
    let service = service_manager();
    let mut signals = JoinSet::new();
    signals.spawn(stop_on_signal(shutdown.clone()).context("cannot catch signals")?);
    signals.spawn(reopen_on_signal(Arc::clone(&logs), service.clone()));
    let mut options = DaemonOptions::default();
    options.oneshot = args.oneshot;
    options.record = args.record;
    options.service = service;
    options.logs = Some(logs);
    let daemon = Daemon::new(configs, Clock::system(), Arc::new(HostWorld), options);
    let ended = daemon.run(shutdown.clone()).await?;
    signals.shutdown().await;
    // Nobody asked it to stop: whoever supervises it should start it again.
    let by_itself = !shutdown.is_cancelled();
    Ok(if by_itself && ended.incomplete > 0 {
        ExitCode::from(FAILURE)
    } else {
        ExitCode::SUCCESS
    })
}

/// Catches the signals from now on; the future ends when one has come.
fn stop_on_signal(
    shutdown: CancellationToken,
) -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        info!(signal = name, "stopping");
        shutdown.cancel();
    })
}

/// SIGHUP opens the log files again, as is due after they were rotated. Configuration files are
/// not read again.
async fn reopen_on_signal(logs: Arc<LogGuard>, service: ServiceManager) {
    let mut hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => hangup,
        Err(error) => {
            error!(%error, "SIGHUP cannot be caught; log files are not opened again");
            return;
        }
    };
    while hangup.recv().await.is_some() {
        let (logs, service) = (Arc::clone(&logs), service.clone());
        // On a thread of its own: the disk may stand still.
        let reopening = spawn_blocking(move || service.reloading(|| logs.reopen()));
        match reopening.await {
            Ok(Ok(())) => info!(
                signal = "SIGHUP",
                "log files opened again; a changed configuration needs a restart"
            ),
            Ok(Err(error)) => error!(%error, "a log file cannot be opened again"),
            Err(error) => error!(%error, "log files were not opened again"),
        }
    }
}

fn service_manager() -> ServiceManager {
    let environment = |name: &str| std::env::var(name).ok();
    ServiceManager::from_env(environment).unwrap_or_else(|error| {
        warn!(%error, "NOTIFY_SOCKET is of no use; the service manager is not told how it goes");
        ServiceManager::default()
    })
}
