//! `wanctl demo`: the same minute on the same line, without control and under either law.

mod chart;
mod report;
mod two;
mod view;

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use tokio::sync::mpsc;
use wanctl_sim::{Demo, DemoMode, DemoRun, DemoSample, Scenario};

use crate::args::DemoArgs;
use report::Report;

/// Runs the scenario three times from one seed, all at once, and says what control was worth.
pub(crate) fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    if args.wans == 2 {
        return two::run(args);
    }
    let demo = Demo {
        scenario: Scenario::bufferbloat(),
        seed: args.seed,
        speed: args.speed,
    };
    let directory = tempfile::tempdir().context("cannot make a directory for the demonstration")?;
    let draw = !args.headless && !args.json && std::io::stdout().is_terminal();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let runs = if draw {
        runtime.block_on(view::watch(&demo, directory.path()))?
    } else {
        Some(runtime.block_on(run_unseen(&demo, directory.path(), !args.json))?)
    };
    let Some(runs) = runs else {
        return Ok(ExitCode::SUCCESS);
    };
    let report = Report::new(&demo, runs);
    if let Some(path) = &args.svg {
        chart::write_svg(&report, path)?;
    }
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut out, &report)?;
        writeln!(out)?;
    } else {
        write!(out, "{report}")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// All runs, in the order of [`DemoMode::ALL`].
type Runs = [DemoRun; DemoMode::ALL.len()];

async fn run_unseen(demo: &Demo, directory: &Path, chatty: bool) -> anyhow::Result<Runs> {
    if chatty {
        let what = "without control, by the reference law and by the adaptive law ...";
        writeln!(std::io::stdout(), "{what}")?;
    }
    run_all(demo, directory, |_| None).await
}

/// Runs everything at once: each run has a line, a router and a daemon of its own.
async fn run_all(
    demo: &Demo,
    directory: &Path,
    watcher: impl Fn(DemoMode) -> Option<mpsc::UnboundedSender<DemoSample>>,
) -> anyhow::Result<Runs> {
    let [fixed, reference, adaptive] =
        DemoMode::ALL.map(|mode| run_one(demo, mode, directory, watcher(mode)));
    let (fixed, reference, adaptive) = tokio::try_join!(fixed, reference, adaptive)?;
    Ok([fixed, reference, adaptive])
}

async fn run_one(
    demo: &Demo,
    mode: DemoMode,
    directory: &Path,
    watcher: Option<mpsc::UnboundedSender<DemoSample>>,
) -> anyhow::Result<DemoRun> {
    let directory = directory.join(match mode {
        DemoMode::FixedAtCeiling => "fixed",
        DemoMode::Controlled => "reference",
        DemoMode::Adaptive => "adaptive",
    });
    std::fs::create_dir(&directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    Ok(demo.run(mode, &directory, watcher).await?)
}
