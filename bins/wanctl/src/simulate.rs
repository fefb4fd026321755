//! `wanctl sim`: simulators as programs.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use secrecy::SecretString;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use wanctl_sim::{RouterSetup, run_router};
use wanctl_types::QueueName;

use crate::args::RouterArgs;

/// Runs a simulated router until SIGTERM or SIGINT.
pub(crate) fn router(args: RouterArgs) -> anyhow::Result<ExitCode> {
    let setup = RouterSetup {
        listen: args.listen,
        queues: queues(args.queues)?,
        rules: Vec::new(),
        user: args.user,
        password: password(args.password_env.as_deref())?,
        tc: "tc".into(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        let shutdown = CancellationToken::new();
        let signals = tokio::spawn(stop_on_signal(shutdown.clone())?);
        run_router(setup, shutdown, |address| {
            // Whoever started it may not care to read.
            drop(writeln!(std::io::stdout(), "listening on {address}"));
        })
        .await?;
        signals.abort();
        Ok(ExitCode::SUCCESS)
    })
}

fn queues(named: Vec<(String, String)>) -> anyhow::Result<Vec<(QueueName, String)>> {
    named
        .into_iter()
        .map(|(queue, device)| {
            let name = QueueName::new(queue.as_str())
                .with_context(|| format!("--queue {}", queue.escape_debug()))?;
            Ok((name, device))
        })
        .collect()
}

fn password(variable: Option<&str>) -> anyhow::Result<SecretString> {
    let Some(name) = variable else {
        return Ok(SecretString::from(""));
    };
    let value = std::env::var(name).with_context(|| {
        format!("--password-env: the environment variable {name} is not usable")
    })?;
    Ok(SecretString::from(value))
}

fn stop_on_signal(
    shutdown: CancellationToken,
) -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot catch SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot catch SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        shutdown.cancel();
    })
}
