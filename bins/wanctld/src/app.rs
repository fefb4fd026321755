//! Parse, build, run, exit code.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use wanctl_config::{Loaded, Report, WanConfig};
use wanctl_daemon::{Clock, Daemon, DaemonOptions, HostWorld, VERSION};
use wanctl_telemetry::{LogFormat, LogOptions};

use crate::args::Args;

/// A configuration is invalid, a lock is held, or the last step was not completed.
const FAILURE: u8 = 1;

/// Runs the program.
pub(crate) fn run(args: Args) -> ExitCode {
    match load_all(&args.config) {
        Err(report) => fail(&report),
        Ok(loaded) if args.validate_config => validated(&loaded),
        Ok(loaded) => control(args, loaded),
    }
}

/// Every file is read, so that one run shows the mistakes of all.
fn load_all(paths: &[PathBuf]) -> Result<Vec<Loaded>, String> {
    let environment = |name: &str| std::env::var(name).ok();
    let (loaded, failed): (Vec<_>, Vec<_>) = paths
        .iter()
        .map(|path| wanctl_config::load(path, &environment))
        .partition(Result::is_ok);
    let mut reports: Vec<Report> = failed.into_iter().filter_map(Result::err).collect();
    let loaded: Vec<Loaded> = loaded.into_iter().filter_map(Result::ok).collect();
    let configs: Vec<WanConfig> = loaded.iter().map(|one| one.config.clone()).collect();
    reports.extend(wanctl_config::check_together(&configs).err());
    if reports.is_empty() {
        Ok(loaded)
    } else {
        Err(reports.iter().map(ToString::to_string).collect())
    }
}

fn fail(message: impl std::fmt::Display) -> ExitCode {
    // Nothing is left to do when even standard error is gone.
    drop(writeln!(std::io::stderr(), "{message}"));
    ExitCode::from(FAILURE)
}

fn validated(loaded: &[Loaded]) -> ExitCode {
    let mut out = std::io::stdout();
    for one in loaded {
        for warning in &one.warnings {
            drop(writeln!(out, "{warning}"));
        }
        drop(writeln!(out, "{}", one.config.summary()));
    }
    ExitCode::SUCCESS
}

fn control(args: Args, loaded: Vec<Loaded>) -> ExitCode {
    match start(args, loaded) {
        Ok(code) => code,
        Err(error) => fail(format_args!("wanctld: {error:#}")),
    }
}

fn start(args: Args, loaded: Vec<Loaded>) -> anyhow::Result<ExitCode> {
    let (configs, warnings): (Vec<_>, Vec<_>) =
        loaded.into_iter().map(|one| (one.config, one.warnings)).unzip();
    let first = configs.first().context("no configuration file was given")?;
    let options = LogOptions {
        debug: args.debug,
        format: LogFormat::from_environment()?,
    };
    let _logs = wanctl_telemetry::init_logging(&first.telemetry.log, options)?;
    info!(version = VERSION, wans = configs.len(), "wanctld");
    for warning in warnings.iter().flatten() {
        warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(drive(args, configs))
}

async fn drive(args: Args, configs: Vec<WanConfig>) -> anyhow::Result<ExitCode> {
    let shutdown = CancellationToken::new();
    let signals = tokio::spawn(stop_on_signal(shutdown.clone()));
    let mut options = DaemonOptions::default();
    options.oneshot = args.oneshot;
    options.record = args.record;
    let daemon = Daemon::new(configs, Clock::system(), Arc::new(HostWorld), options);
    let ended = daemon.run(shutdown).await?;
    signals.abort();
    Ok(if args.oneshot && ended.incomplete > 0 {
        ExitCode::from(FAILURE)
    } else {
        ExitCode::SUCCESS
    })
}

async fn stop_on_signal(shutdown: CancellationToken) {
    let (mut terminate, mut interrupt) = match (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) {
        (Ok(terminate), Ok(interrupt)) => (terminate, interrupt),
        (Err(error), _) | (_, Err(error)) => {
            error!(%error, "signals cannot be caught; the daemon stops only when killed");
            return;
        }
    };
    let name = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    info!(signal = name, "stopping");
    shutdown.cancel();
}
