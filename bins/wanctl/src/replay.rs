//! `wanctl replay`: the same inputs through the same code.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::process::ExitCode;

use anyhow::Context;
use wanctl_daemon::{WanReplay, replay, replay_steering};
use wanctl_types::WanName;

use crate::args::ReplayArgs;
use crate::exit::FAILURE;

/// Replays a recording; succeeds when every decision is the recorded one, bit for bit.
pub(crate) fn run(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let name = args.file.display();
    let file = File::open(&args.file).with_context(|| format!("cannot open {name}"))?;
    let mut file = BufReader::new(file);
    if is_steering(&mut file)? {
        return steering(file, &name.to_string());
    }
    let replayed = replay(file).with_context(|| format!("cannot replay {name}"))?;
    let mut out = std::io::stdout().lock();
    for (wan, result) in &replayed.wans {
        print(&mut out, wan, result)?;
    }
    Ok(if replayed.agrees() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILURE)
    })
}

/// Whether the first line is that of a recording of steering.
fn is_steering(file: &mut BufReader<File>) -> std::io::Result<bool> {
    const START: &[u8] = br#"{"steering_header""#;
    Ok(file.fill_buf()?.starts_with(START))
}

fn steering(file: BufReader<File>, name: &str) -> anyhow::Result<ExitCode> {
    let replayed = replay_steering(file).with_context(|| format!("cannot replay {name}"))?;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "steering: {} decisions, {} moves, recorded by version {}, {} decided differently",
        replayed.steps, replayed.moves, replayed.version, replayed.diverged
    )?;
    if let Some(line) = replayed.first_divergence {
        writeln!(out, "  first difference at line {line}")?;
    }
    Ok(if replayed.diverged == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILURE)
    })
}

fn print(out: &mut impl Write, wan: &WanName, result: &WanReplay) -> std::io::Result<()> {
    let WanReplay {
        steps,
        diverged,
        version,
        ..
    } = result;
    writeln!(
        out,
        "{wan}: {steps} steps, recorded by version {version}, {diverged} decided differently"
    )?;
    if let Some(last) = &result.last {
        let rates = last.rates();
        writeln!(
            out,
            "  ends at {} down, {} up",
            rates.download, rates.upload
        )?;
    }
    if let Some(first) = &result.first_divergence {
        writeln!(
            out,
            "  first difference at line {}, {}",
            first.line, first.now
        )?;
        writeln!(out, "    recorded {:?}", first.recorded)?;
        writeln!(out, "    replayed {:?}", first.replayed)?;
    }
    Ok(())
}
