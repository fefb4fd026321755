//! `wanctl bench`: benchmarks that need nothing but this program.

pub(crate) mod args;
mod charts;
mod columns;
mod files;
mod markdown;
mod question;
mod report;
mod table;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use wanctl_sim::bench::{gate, targets};

use crate::exit::FAILURE;
use args::ControlArgs;
use question::Question;
use report::Report;

/// Compares control laws on simulated lines.
pub(crate) fn control(args: &ControlArgs) -> anyhow::Result<ExitCode> {
    if args.list {
        write!(std::io::stdout(), "{}", question::catalogue())?;
        return Ok(ExitCode::SUCCESS);
    }
    let baseline = args.gate.as_deref().map(files::read_gate).transpose()?;
    let question = match &baseline {
        Some(baseline) => Question::of_gate(baseline, args)?,
        None => Question::new(args)?,
    };
    let outcome = question.suite.run(question::progress)?;
    question::progress_ends();
    let report = Report::new(question, outcome);
    write!(std::io::stdout(), "{}", table::render(&report))?;
    save(&report, args)?;
    let mut passed = true;
    if args.check {
        passed &= tell_targets(&report)?;
    }
    if let Some(baseline) = &baseline {
        passed &= tell_gate(&gate::worse(baseline, &report.outcome))?;
    }
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILURE)
    })
}

fn save(report: &Report, args: &ControlArgs) -> anyhow::Result<()> {
    if let Some(path) = &args.json {
        files::write_json(report, path)?;
    }
    if let Some(path) = &args.csv {
        files::write_csv(report, path)?;
    }
    if let Some(path) = &args.write_gate {
        files::write_gate(report, path)?;
    }
    if let Some(path) = &args.markdown {
        markdown::update(report, path)?;
    }
    if let Some(directory) = &args.svg {
        charts::write(report, directory)
            .with_context(|| format!("cannot draw into {}", directory.display()))?;
    }
    Ok(())
}

/// Says what became of each target; whether all were met.
fn tell_targets(report: &Report) -> anyhow::Result<bool> {
    let verdicts = targets::check(&report.outcome);
    let beaten = targets::beaten(&report.outcome);
    anyhow::ensure!(
        !verdicts.is_empty(),
        "--check: none of the targets is for what was played"
    );
    let mut out = std::io::stdout().lock();
    for verdict in &verdicts {
        writeln!(out, "{verdict}")?;
    }
    for beaten in &beaten {
        writeln!(out, "{beaten}")?;
    }
    let met = verdicts.iter().filter(|verdict| verdict.is_met()).count();
    writeln!(
        out,
        "{met} of {} targets met; beaten {} times",
        verdicts.len(),
        beaten.len()
    )?;
    Ok(met == verdicts.len() && beaten.is_empty())
}

/// Says which figures are worse than the baseline's; whether none is.
fn tell_gate(worse: &[gate::Worse]) -> anyhow::Result<bool> {
    let mut out = std::io::stdout().lock();
    for worse in worse {
        writeln!(out, "{worse}")?;
    }
    if worse.is_empty() {
        writeln!(
            out,
            "no figure is worse than the baseline's by more than noise"
        )?;
    }
    Ok(worse.is_empty())
}
