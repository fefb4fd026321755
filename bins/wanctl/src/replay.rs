//! `wanctl replay`: the same inputs through the same code.

use std::fs::File;
use std::io::{BufReader, Write};
use std::process::ExitCode;

use anyhow::Context;
use wanctl_daemon::{WanReplay, replay};
use wanctl_types::WanName;

use crate::args::ReplayArgs;
use crate::exit::FAILURE;

/// Replays a recording; succeeds when every decision is the recorded one, bit for bit.
pub(crate) fn run(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let name = args.file.display();
    let file = File::open(&args.file).with_context(|| format!("cannot open {name}"))?;
    let replayed = replay(BufReader::new(file)).with_context(|| format!("cannot replay {name}"))?;
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
