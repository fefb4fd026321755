//! The columns of tables.

use wanctl_sim::bench::metrics::Metric;
use wanctl_sim::bench::suite::{Cell, Estimate};
use wanctl_types::Direction;

use super::report::Report;

/// One column: its head, and what it says of each law.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) head: String,
    pub(crate) values: Vec<String>,
}

/// The columns of a table of `cells`; those without any value are left out.
pub(crate) fn columns(report: &Report, cells: &[&Cell]) -> Vec<Column> {
    let column = |head: &str, value: &dyn Fn(&Cell) -> Option<String>| Column {
        head: head.to_owned(),
        values: cells
            .iter()
            .map(|cell| value(cell).unwrap_or_default())
            .collect(),
    };
    let plain = |metric: Metric, digits: usize| {
        move |cell: &Cell| Some(format!("{:.digits$}", cell.mean(metric)?))
    };
    let mut columns = vec![column("law", &|cell| Some(cell.law.clone()))];
    if report.question.suite.plans.len() > 1 {
        columns.push(column("plan", &|cell| Some(cell.plan.to_string())));
    }
    columns.extend([
        column("p50", &plain(Metric::DelayP50, 1)),
        column("p95 ms", &|cell| {
            with_error(cell.figures.get(&Metric::DelayP95), 1.0)
        }),
        column("p99", &plain(Metric::DelayP99, 1)),
        column("max", &plain(Metric::DelayMax, 0)),
        column(">30 %", &|cell| {
            Some(percent(cell.mean(Metric::DelayAbove30)?))
        }),
        column("use %", &|cell| {
            per_direction(cell, Metric::Utilisation, true)
        }),
        column("bound %", &|cell| {
            per_direction(cell, Metric::Binding, false)
        }),
        column("CoV %", &|cell| {
            per_direction(cell, Metric::Oscillation, false)
        }),
        column("moved %", &|cell| per_direction(cell, Metric::Moved, false)),
        column("<97 %", &|cell| per_direction(cell, Metric::Below97, false)),
        column("<70 %", &|cell| per_direction(cell, Metric::Below70, false)),
        column("false cuts/h", &plain(Metric::FalseCuts, 1)),
        column("writes/min", &plain(Metric::Writes, 0)),
    ]);
    for event in 1..=events(cells) {
        columns.extend([
            column(
                &format!("settle {event} s"),
                &plain(Metric::Settle(event), 2),
            ),
            column(&format!("reach {event} s"), &plain(Metric::Reach(event), 2)),
            column(
                &format!("over {event} ms"),
                &plain(Metric::Overshoot(event), 0),
            ),
            column(&format!("dip {event} s"), &plain(Metric::Dip(event), 1)),
            column(
                &format!("recover {event} s"),
                &plain(Metric::Recovery(event), 1),
            ),
        ]);
    }
    let ratio = |cell: &Cell| report.outcome.of_oracle(cell);
    columns.extend([
        column("p95/oracle", &|cell| {
            Some(format!("{:.2}", ratio(cell)?.delay?))
        }),
        column("use/oracle", &|cell| {
            Some(format!("{:.3}", ratio(cell)?.utilisation?))
        }),
    ]);
    columns.retain(|column| column.values.iter().any(|value| !value.is_empty()));
    columns
}

/// The greatest number of an event.
fn events(cells: &[&Cell]) -> u8 {
    let numbers = cells.iter().flat_map(|cell| cell.figures.keys());
    numbers
        .filter_map(|metric| metric.event())
        .max()
        .unwrap_or(0)
}

/// A mean and its standard error.
fn with_error(estimate: Option<&Estimate>, scale: f64) -> Option<String> {
    let estimate = estimate?;
    let (mean, error) = (estimate.mean * scale, estimate.error * scale);
    Some(format!("{mean:.1} ±{error:.1}"))
}

fn percent(share: f64) -> String {
    format!("{:.1}", share * 100.0)
}

/// Download and upload, or the only one of them that there is.
fn per_direction(cell: &Cell, metric: fn(Direction) -> Metric, error: bool) -> Option<String> {
    let estimates = Direction::BOTH.map(|direction| cell.figures.get(&metric(direction)));
    let values = estimates.into_iter().flatten().map(|estimate| {
        if error {
            with_error(Some(estimate), 100.0)
        } else {
            Some(percent(estimate.mean))
        }
    });
    let values: Option<Vec<_>> = values.collect();
    values
        .filter(|values| !values.is_empty())
        .map(|values| values.join(" / "))
}
