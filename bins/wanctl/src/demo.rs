//! `wanctl demo`: the same minute on the same line, without control and with it.

mod chart;
mod report;
mod two;
mod view;

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use tokio::sync::mpsc;
use wanctl_sim::{Demo, DemoMode, DemoRun, Scenario};

use crate::args::DemoArgs;
use report::Report;

/// Runs the scenario twice from one seed and says what control was worth.
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
    let Some([fixed, controlled]) = runs else {
        return Ok(ExitCode::SUCCESS);
    };
    let report = Report::new(&demo, fixed, controlled);
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

async fn run_unseen(demo: &Demo, directory: &Path, chatty: bool) -> anyhow::Result<[DemoRun; 2]> {
    tell(chatty, "without control: limits fixed at the ceiling ...")?;
    let fixed = run_one(demo, DemoMode::FixedAtCeiling, directory, None).await?;
    tell(chatty, "with control ...")?;
    let controlled = run_one(demo, DemoMode::Controlled, directory, None).await?;
    Ok([fixed, controlled])
}

async fn run_one(
    demo: &Demo,
    mode: DemoMode,
    directory: &Path,
    watcher: Option<mpsc::UnboundedSender<wanctl_sim::DemoSample>>,
) -> anyhow::Result<DemoRun> {
    let directory = directory.join(match mode {
        DemoMode::FixedAtCeiling => "fixed",
        DemoMode::Controlled => "controlled",
    });
    std::fs::create_dir(&directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    Ok(demo.run(mode, &directory, watcher).await?)
}

fn tell(chatty: bool, what: &str) -> anyhow::Result<()> {
    if chatty {
        writeln!(std::io::stdout(), "{what}")?;
    }
    Ok(())
}
