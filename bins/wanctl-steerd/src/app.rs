//! Parse, build, run, exit code.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinSet, spawn_blocking};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use wanctl_config::LoadedSteering;
use wanctl_daemon::{Clock, HostWorld, ServiceManager, SteerDaemon, SteerOptions, VERSION};
use wanctl_telemetry::{LogGuard, LogOptions};

use crate::args::Args;

/// The configuration is invalid, the lock is held, or a reset was not complete.
const FAILURE: u8 = 1;

/// How long the end waits for log lines that are not written yet.
const LOG_GRACE: Duration = Duration::from_millis(200);

/// Runs the program.
pub(crate) fn run(args: Args) -> ExitCode {
    let environment = |name: &str| std::env::var(name).ok();
    match wanctl_config::load_steering(&args.config, &environment) {
        Err(report) => fail(&report),
        Ok(loaded) if args.validate_config => validated(&loaded),
        Ok(loaded) => match start(args, loaded) {
            Ok(code) => code,
            Err(error) => fail(format_args!("wanctl-steerd: {error:#}")),
        },
    }
}

fn fail(message: impl std::fmt::Display) -> ExitCode {
    // Nothing is left to do when even standard error is gone.
    drop(writeln!(std::io::stderr(), "{message}"));
    ExitCode::from(FAILURE)
}

fn validated(loaded: &LoadedSteering) -> ExitCode {
    let mut out = std::io::stdout();
    let config = &loaded.config;
    let wans: Vec<&str> = config.wans.iter().map(|wan| wan.name.as_str()).collect();
    let written = loaded
        .warnings
        .iter()
        .try_for_each(|warning| writeln!(out, "{warning}"))
        .and_then(|()| {
            let source = config.source.display();
            writeln!(
                out,
                "valid: {} ({source}): {}",
                config.name,
                wans.join(", ")
            )
        });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(FAILURE),
    }
}

fn start(args: Args, loaded: LoadedSteering) -> anyhow::Result<ExitCode> {
    let options = LogOptions::from_env(args.debug);
    let logs = Arc::new(wanctl_telemetry::init_logging(
        &loaded.config.telemetry.log,
        options,
    )?);
    log_panics();
    info!(
        version = VERSION,
        wans = loaded.config.wans.len(),
        "wanctl-steerd"
    );
    for warning in &loaded.warnings {
        warn!("{warning}");
    }
    if loaded.config.shadow {
        info!("shadow mode: everything is decided, nothing is written to the router");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let code = runtime.block_on(drive(args, loaded, Arc::clone(&logs)));
    // A look-up or a disk that hangs must not hold up the end.
    runtime.shutdown_background();
    // Nor must a log that nobody reads.
    let _ = logs.flush(LOG_GRACE);
    code
}

/// Standard error may stand still, and a task that fails must not then hold up the others.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let message = panic.payload_as_str().unwrap_or("no message");
        error!(place, message, "a task panicked");
    }));
}

async fn drive(
    args: Args,
    loaded: LoadedSteering,
    logs: Arc<LogGuard>,
) -> anyhow::Result<ExitCode> {
    let shutdown = CancellationToken::new();
    let service = service_manager();
    let mut signals = JoinSet::new();
    signals.spawn(stop_on_signal(shutdown.clone()).context("cannot catch signals")?);
    signals.spawn(reopen_on_signal(Arc::clone(&logs), service.clone()));
    let mut options = SteerOptions::default();
    options.oneshot = args.oneshot;
    options.record = args.record;
    options.service = service;
    options.logs = Some(logs);
    let world = Arc::new(HostWorld);
    let daemon = SteerDaemon::new(loaded.config, Clock::system(), world, options);
    if args.reset {
        daemon.reset().await?;
        info!("everything is as in normal use");
        return Ok(ExitCode::SUCCESS);
    }
    let ended = daemon.run(shutdown).await?;
    signals.shutdown().await;
    if args.oneshot {
        write!(std::io::stdout(), "{}", ended.explanation)?;
    }
    Ok(ExitCode::SUCCESS)
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

/// SIGHUP opens the log files again, as is due after they were rotated.
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
