//! `wanctl demo --wans 2`: both daemons, two lines, five minutes.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;
use wanctl_sim::{Demand, ProbeFault, ProbeTrouble, Schedule, TwoWans, TwoWansReport};

use crate::args::DemoArgs;

/// A download that the shaper keeps in check.
const DOWNLOAD: [u64; 2] = [30, 110];
/// Congestion at the provider that it cannot cure.
const BLOAT: [u64; 2] = [60, 110];
/// The line is cut.
const CUT: [u64; 2] = [240, 270];
/// All of it.
const END: Duration = Duration::from_mins(7);
/// From one line of the table to the next.
const ROW: u64 = 10;

/// Runs it and shows when traffic moved, and when it came back.
pub(crate) fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let directory = tempfile::tempdir().context("cannot make a directory for the demonstration")?;
    let report = household(args.seed).run(END, directory.path())?;
    if let Some(path) = &args.svg {
        anyhow::bail!(
            "there is no chart of two WANs to write to {}",
            path.display()
        );
    }
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut out, &Told::of(&report))?;
        writeln!(out)?;
    } else {
        print(&mut out, &report)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn household(seed: u64) -> TwoWans {
    let span = |[from, to]: [u64; 2]| Duration::from_secs(from)..Duration::from_secs(to);
    let fault = |during, trouble| ProbeFault {
        during,
        reflector: None,
        trouble,
    };
    let mut plan = TwoWans::household(seed);
    "route_management: {enabled: true, mode: active}\n".clone_into(&mut plan.settings);
    let [cable, _] = &mut plan.lines;
    let download = span(DOWNLOAD);
    cable.link.directions.download.demand = Schedule::constant(Demand::Idle)
        .then(download.start, Demand::Greedy { flows: 6 })
        .then(download.end, Demand::Idle);
    let bloat = ProbeTrouble::Slower(Duration::from_millis(80));
    cable.faults = vec![
        fault(span(BLOAT), bloat),
        fault(span(CUT), ProbeTrouble::Silent),
    ];
    plan
}

fn print(out: &mut impl Write, report: &TwoWansReport) -> std::io::Result<()> {
    writeln!(
        out,
        "Two WANs on virtual time. cable: a download from {} s, congestion at the provider from {} s\n\
         to {} s, cut from {} s to {} s. Its shaper works all the time.\n",
        DOWNLOAD[0], BLOAT[0], BLOAT[1], CUT[0], CUT[1]
    )?;
    writeln!(
        out,
        "{:>6}  {:<8} {:<44} {:<44} held because",
        "time", "traffic", "cable", "dsl"
    )?;
    for (at, view) in &report.views {
        let seconds = at.since_origin().as_secs();
        let Some(decision) = view.decision.as_ref().filter(|_| seconds % ROW == 0) else {
            continue;
        };
        let wan = |place: usize| {
            decision.wans.get(place).map_or_else(String::new, |wan| {
                let text = wan.assessment.to_string();
                text.chars().take(43).collect()
            })
        };
        let held = decision
            .held
            .map_or_else(|| "moving".to_owned(), |held| held.to_string());
        writeln!(
            out,
            "{seconds:>5}s  {:<8} {:<44} {:<44} {held}",
            view.wan_name(view.active),
            wan(0),
            wan(1)
        )?;
    }
    writeln!(out)?;
    for told in &Told::of(report).moves {
        writeln!(out, "{:>7.1} s  {}", told.time_s, told.what)?;
    }
    Ok(())
}

/// What happened, for programs.
#[derive(Debug, Serialize)]
struct Told {
    moves: Vec<Move>,
    router_writes: u64,
    last_reason: Option<String>,
}

#[derive(Debug, Serialize)]
struct Move {
    time_s: f64,
    what: String,
}

impl Told {
    fn of(report: &TwoWansReport) -> Self {
        let steered = report.steered.iter().map(|(at, steered)| Move {
            time_s: at.since_origin().as_secs_f64(),
            what: if *steered {
                "eligible traffic moved to dsl".to_owned()
            } else {
                "eligible traffic came back to cable".to_owned()
            },
        });
        let routes = report.routes.iter().map(|(at, route, distance)| Move {
            time_s: at.since_origin().as_secs_f64(),
            what: format!("default route {route:?} now has distance {distance}"),
        });
        let mut moves: Vec<Move> = steered.chain(routes).collect();
        moves.sort_by(|a, b| a.time_s.total_cmp(&b.time_s));
        Self {
            moves,
            router_writes: report.writes,
            last_reason: report.last.last_reason.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demonstration_shows_two_moves_and_two_returns() {
        let directory = tempfile::tempdir().unwrap();
        let report = household(1).run(END, directory.path()).unwrap();
        let steered: Vec<bool> = report.steered.iter().map(|(_, steered)| *steered).collect();
        assert_eq!(steered, [true, false, true, false]);
        let cut = Duration::from_secs(CUT[0]);
        assert!(report.steered_after(cut).unwrap() < Duration::from_secs(3));
        assert_eq!(report.routes.len(), 2);
        let mut text = Vec::new();
        print(&mut text, &report).unwrap();
        assert!(String::from_utf8(text).unwrap().contains("moved to dsl"));
    }
}
