//! What the two runs came to, for people and for programs.

use std::fmt;

use serde::Serialize;
use wanctl_sim::{Demo, DemoRun};
use wanctl_types::Direction;

/// Both runs and how they came about.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) schema_version: u32,
    pub(crate) scenario: &'static str,
    pub(crate) description: &'static str,
    pub(crate) seed: u64,
    pub(crate) speed: f64,
    pub(crate) without: DemoRun,
    pub(crate) with: DemoRun,
}

impl Report {
    pub(crate) fn new(demo: &Demo, without: DemoRun, with: DemoRun) -> Self {
        Self {
            schema_version: 1,
            scenario: demo.scenario.name,
            description: demo.scenario.description,
            seed: demo.seed,
            speed: demo.speed,
            without,
            with,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = [&self.without, &self.with];
        writeln!(
            f,
            "{}: {} (seed {})",
            self.scenario, self.description, self.seed
        )?;
        writeln!(f, "{:34}{:>12}{:>12}", "", "without", "with")?;
        for (label, pick) in DELAYS {
            row(f, label, columns.map(|run| format!("{:.1} ms", pick(run))))?;
        }
        for direction in Direction::BOTH {
            let label = format!("capacity used, {direction}");
            row(
                f,
                &label,
                columns.map(|run| share(run.utilisation[direction])),
            )?;
        }
        row(
            f,
            "limit changes on the router",
            columns.map(|run| run.router_writes.to_string()),
        )?;
        row(
            f,
            "zone changes recorded",
            columns.map(|run| run.recorded_transitions.to_string()),
        )?;
        row(
            f,
            "cycles recorded",
            columns.map(|run| run.recorded_cycles.to_string()),
        )?;
        let [without, with] = columns.map(|run| run.added_delay.p95_ms.get());
        writeln!(
            f,
            "\nWhile the line is busy, 19 of 20 packets wait at most {with:.0} ms instead of {without:.0} ms."
        )
    }
}

type Pick = fn(&DemoRun) -> f64;

const DELAYS: [(&str, Pick); 3] = [
    ("delay added while busy, p50", |run| {
        run.added_delay.p50_ms.get()
    }),
    ("                        p95", |run| {
        run.added_delay.p95_ms.get()
    }),
    ("                        p99", |run| {
        run.added_delay.p99_ms.get()
    }),
];

fn row(f: &mut fmt::Formatter<'_>, label: &str, cells: [String; 2]) -> fmt::Result {
    let [without, with] = cells;
    writeln!(f, "{label:34}{without:>12}{with:>12}")
}

fn share(utilisation: Option<f64>) -> String {
    utilisation.map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", share * 100.0))
}
