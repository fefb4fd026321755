//! What the runs came to, for people and for programs.

use std::fmt;

use serde::Serialize;
use wanctl_sim::{Demo, DemoRun};
use wanctl_types::Direction;

use super::Runs;

/// All runs and how they came about.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) schema_version: u32,
    pub(crate) scenario: &'static str,
    pub(crate) description: &'static str,
    pub(crate) seed: u64,
    pub(crate) speed: f64,
    /// Limits fixed at the ceiling.
    pub(crate) without: DemoRun,
    /// Controlled by the reference law.
    pub(crate) with: DemoRun,
    /// Controlled by the adaptive law.
    pub(crate) adaptive: DemoRun,
}

impl Report {
    pub(crate) fn new(demo: &Demo, [without, with, adaptive]: Runs) -> Self {
        Self {
            schema_version: 1,
            scenario: demo.scenario.name,
            description: demo.scenario.description,
            seed: demo.seed,
            speed: demo.speed,
            without,
            with,
            adaptive,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = [&self.without, &self.with, &self.adaptive];
        writeln!(
            f,
            "{}: {} (seed {})",
            self.scenario, self.description, self.seed
        )?;
        let heads = ["without", "reference", "adaptive"];
        row(f, "", heads.map(str::to_owned))?;
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
        let [without, reference, adaptive] = columns.map(|run| run.added_delay.p95_ms.get());
        writeln!(
            f,
            "\nWhile the line is busy, 19 of 20 packets wait at most {reference:.0} ms (reference law) \
             or {adaptive:.0} ms\n(adaptive law) instead of {without:.0} ms."
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

fn row(f: &mut fmt::Formatter<'_>, label: &str, cells: [String; 3]) -> fmt::Result {
    let [without, reference, adaptive] = cells;
    writeln!(f, "{label:34}{without:>12}{reference:>12}{adaptive:>12}")
}

fn share(utilisation: Option<f64>) -> String {
    utilisation.map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", share * 100.0))
}
