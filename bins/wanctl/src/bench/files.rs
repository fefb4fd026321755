//! Figures in files for programs.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;
use wanctl_sim::bench::gate::Gate;
use wanctl_sim::bench::suite::{Cell, Estimate};

use super::report::Report;

/// Everything, as one JSON object.
#[derive(Debug, Serialize)]
struct Document<'a> {
    schema_version: u32,
    seeds: &'a [u64],
    cells: Vec<CellDocument<'a>>,
}

#[derive(Debug, Serialize)]
struct CellDocument<'a> {
    scene: &'a str,
    variant: &'a str,
    plan: f64,
    law: &'a str,
    p95_of_oracle: Option<f64>,
    utilisation_of_oracle: Option<f64>,
    figures: serde_json::Map<String, serde_json::Value>,
}

pub(crate) fn write_json(report: &Report, path: &Path) -> anyhow::Result<()> {
    let document = Document {
        schema_version: 1,
        seeds: &report.question.suite.seeds,
        cells: report
            .outcome
            .cells
            .iter()
            .map(|cell| document(report, cell))
            .collect(),
    };
    write(path, &serde_json::to_string_pretty(&document)?)
}

fn document<'a>(report: &Report, cell: &'a Cell) -> CellDocument<'a> {
    let ratio = report.outcome.of_oracle(cell);
    let figures = cell.figures.iter();
    CellDocument {
        scene: &cell.scene,
        variant: cell.variant,
        plan: cell.plan,
        law: &cell.law,
        p95_of_oracle: ratio.and_then(|ratio| ratio.delay),
        utilisation_of_oracle: ratio.and_then(|ratio| ratio.utilisation),
        figures: figures
            .map(|(metric, estimate)| (metric.to_string(), value(estimate)))
            .collect(),
    }
}

fn value(estimate: &Estimate) -> serde_json::Value {
    serde_json::json!({
        "mean": estimate.mean,
        "error": estimate.error,
        "least": estimate.least,
        "greatest": estimate.greatest,
        "count": estimate.count,
    })
}

/// One line for each figure.
pub(crate) fn write_csv(report: &Report, path: &Path) -> anyhow::Result<()> {
    let mut text = String::from("scene,variant,plan,law,figure,mean,error,least,greatest,count\n");
    for cell in &report.outcome.cells {
        for (metric, estimate) in &cell.figures {
            let Estimate {
                mean,
                error,
                least,
                greatest,
                count,
            } = estimate;
            let (scene, law) = (quoted(&cell.scene), quoted(&cell.law));
            writeln!(
                text,
                "{scene},{},{},{law},{metric},{mean},{error},{least},{greatest},{count}",
                cell.variant, cell.plan
            )?;
        }
    }
    write(path, &text)
}

/// A field as RFC 4180 wants it.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// One line for each cell, so that differences are readable.
pub(crate) fn write_gate(report: &Report, path: &Path) -> anyhow::Result<()> {
    let mut gate = Gate::new(&report.question.suite, &report.outcome);
    let cells = std::mem::take(&mut gate.cells);
    let lines: Result<Vec<String>, _> = cells.iter().map(serde_json::to_string).collect();
    let head = serde_json::to_string(&gate)?;
    let head = head.strip_suffix("]}").unwrap_or(&head);
    write(path, &format!("{head}\n{}\n]}}\n", lines?.join(",\n")))
}

pub(crate) fn read_gate(path: &Path) -> anyhow::Result<Gate> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text)
        .with_context(|| format!("{} is not what --write-gate writes", path.display()))
}

pub(crate) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_with_commas_are_quoted() {
        assert_eq!(quoted("static"), "static");
        assert_eq!(quoted("oracle(0.15,0.95)"), "\"oracle(0.15,0.95)\"");
    }
}
