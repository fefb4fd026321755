//! Tables for `docs/benchmarks.md`.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow};
use wanctl_sim::bench::metrics::Metric;
use wanctl_sim::bench::suite::{Cell, Subject, is_oracle};
use wanctl_sim::bench::targets::{self, LAW};
use wanctl_types::Direction;

use super::files;
use super::report::Report;

const BEGIN: &str = "control: begin";
const END: &str = "control: end";

/// Replaces what stands between the two marked lines of a file.
pub(crate) fn update(report: &Report, path: &Path) -> anyhow::Result<()> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = between_marks(&text, &render(report)).ok_or_else(|| {
        anyhow!(
            "{} has no line with {BEGIN:?} and one with {END:?} after it",
            path.display()
        )
    })?;
    files::write(path, &text)
}

fn between_marks(text: &str, tables: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let begin = lines.iter().position(|line| line.contains(BEGIN))?;
    let end = begin
        + lines
            .iter()
            .skip(begin)
            .position(|line| line.contains(END))?;
    let (before, after) = (lines.get(..=begin)?, lines.get(end..)?);
    Some(format!(
        "{}\n\n{}\n\n{}\n",
        before.join("\n"),
        tables.trim(),
        after.join("\n")
    ))
}

fn render(report: &Report) -> String {
    let suite = &report.question.suite;
    let mut text = format!(
        "Means over {}; every law in the same run, made by\n\n    {}\n",
        report.seeds(),
        command(report)
    );
    for plan in &suite.plans {
        let _ = write!(text, "\n#### Plan of {plan} × the mean capacity\n\n");
        text.push_str(&comparison(report, *plan));
    }
    for (title, table) in [
        ("Steps, routes, faults and outages", events(report)),
        (
            "What a one-sided load does to the other direction, and cuts without a reason",
            damage(report),
        ),
        (
            "Conditions varied one by one, `adaptive`",
            sensitivity(report),
        ),
        ("Targets", verdicts(report)),
    ] {
        if !table.is_empty() {
            let _ = write!(text, "\n#### {title}\n\n{table}");
        }
    }
    text
}

/// The command that makes the same run.
fn command(report: &Report) -> String {
    let suite = &report.question.suite;
    let half = if suite.seeds.first().is_some_and(|seed| seed % 2 == 0) {
        "reporting"
    } else {
        "tuning"
    };
    let plans: Vec<_> = suite.plans.iter().map(f64::to_string).collect();
    let mut command = format!(
        "wanctl bench control --{half} --seeds {} --plans {}",
        suite.seeds.len(),
        plans.join(",")
    );
    if suite.variants.len() > 1 {
        command.push_str(" --variants all");
    }
    command + " --markdown docs/benchmarks.md"
}

/// Delays and utilisation of each law in each scene.
fn comparison(report: &Report, plan: f64) -> String {
    let laws = &report.question.suite.laws;
    let subjects = &report.question.suite.subjects;
    let rows = subjects.iter().map(|subject| {
        let cell = |law: &String| {
            let cell = report.cell(&subject.name, "default", plan, law);
            let text = cell.map(summary).unwrap_or_default();
            emphasised(law, text)
        };
        (subject.name.clone(), laws.iter().map(cell).collect())
    });
    let heads = laws.iter().map(|law| format!("`{law}`"));
    let head: Vec<String> = heads.collect();
    format!(
        "Added delay p50/p95/p99 in ms, then utilisation in % (download, upload where both are judged).\n\n{}",
        table("scene", &head, rows)
    )
}

fn emphasised(law: &str, text: String) -> String {
    if law == LAW && !text.is_empty() {
        format!("**{text}**")
    } else {
        text
    }
}

/// `0/4/6 · 97, 95`.
fn summary(cell: &Cell) -> String {
    let delays = [Metric::DelayP50, Metric::DelayP95, Metric::DelayP99];
    let delays = delays.map(|metric| {
        cell.mean(metric)
            .map_or_else(String::new, |ms| format!("{ms:.0}"))
    });
    let used = per_direction(cell, Metric::Utilisation);
    let separator = if used.is_empty() { "" } else { " · " };
    format!("{}{separator}{used}", delays.join("/"))
}

fn per_direction(cell: &Cell, metric: fn(Direction) -> Metric) -> String {
    let means = Direction::BOTH
        .into_iter()
        .filter_map(|direction| cell.mean(metric(direction)));
    let means: Vec<_> = means.map(|mean| format!("{:.0}", mean * 100.0)).collect();
    means.join(", ")
}

/// What each law does when the line changes.
fn events(report: &Report) -> String {
    let mut text = String::new();
    let laws = &report.question.suite.laws;
    for (subject, number) in numbered_events(report) {
        let at = subject
            .events
            .get(usize::from(number) - 1)
            .map_or(0.0, Duration::as_secs_f64);
        let name = format!("{} at {at:.0} s", subject.name);
        let cells = laws.iter().map(|law| {
            let cell = first_cell(report, &subject.name, law);
            emphasised(
                law,
                cell.map(|cell| event(cell, number)).unwrap_or_default(),
            )
        });
        let cells: Vec<String> = cells.collect();
        let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
    }
    if text.is_empty() {
        return text;
    }
    let heads: Vec<_> = laws.iter().map(|law| format!("`{law}`")).collect();
    format!(
        "A fall: seconds until the delay stays below 30 ms. A rise: seconds until the rate is 90 % of the \
         capacity, and the most delay within 10 s. Else: seconds until rates stay at 90 % of before for 5 s, and the \
         longest time below 70 %. 20 s is the end of the look.\n\n{}{text}",
        head("event", &heads)
    )
}

fn numbered_events(report: &Report) -> impl Iterator<Item = (&Subject, u8)> {
    let subjects = report.question.suite.subjects.iter();
    subjects.flat_map(|subject| {
        (1..)
            .take(subject.events.len())
            .map(move |number| (subject, number))
    })
}

/// The cell of the first plan under unchanged conditions.
fn first_cell<'a>(report: &'a Report, scene: &str, law: &str) -> Option<&'a Cell> {
    let plan = report.question.suite.plans.first()?;
    report.cell(scene, "default", *plan, law)
}

fn event(cell: &Cell, number: u8) -> String {
    let show = |metric: Metric, name: &str| {
        let unit = metric.unit();
        cell.mean(metric)
            .map(|mean| format!("{name}{}", unit.show(mean)))
    };
    let parts = [
        show(Metric::Settle(number), "fall "),
        show(Metric::Reach(number), "rise "),
        show(Metric::Overshoot(number), "≤ "),
        show(Metric::Recovery(number), "back "),
        show(Metric::Dip(number), "low "),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Oracles are left out: they follow the capacity of a direction that nobody uses.
fn damage(report: &Report) -> String {
    let suite = &report.question.suite;
    let laws: Vec<&String> = suite.laws.iter().filter(|law| !is_oracle(law)).collect();
    let text = |cell: &Cell| {
        let mut parts = Vec::new();
        for direction in Direction::BOTH {
            if let Some(moved) = cell.mean(Metric::Moved(direction)) {
                parts.push(format!("moved {:.0} %", moved * 100.0));
            }
        }
        if let Some(cuts) = cell.mean(Metric::FalseCuts).filter(|cuts| *cuts > 0.0) {
            parts.push(format!("{cuts:.0} cuts/h"));
        }
        parts.join(", ")
    };
    let rows: Vec<(String, Vec<String>)> = suite
        .subjects
        .iter()
        .map(|subject| {
            let cell = |law: &&String| {
                let cell = first_cell(report, &subject.name, law);
                emphasised(law, cell.map(text).unwrap_or_default())
            };
            (subject.name.clone(), laws.iter().map(cell).collect())
        })
        .filter(|(_, cells): &(_, Vec<String>)| cells.iter().any(|cell| !cell.is_empty()))
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let head: Vec<_> = laws.iter().map(|law| format!("`{law}`")).collect();
    table("scene", &head, rows.into_iter())
}

fn sensitivity(report: &Report) -> String {
    let suite = &report.question.suite;
    let Some(plan) = suite.plans.first().filter(|_| suite.variants.len() > 1) else {
        return String::new();
    };
    let head: Vec<_> = suite
        .subjects
        .iter()
        .map(|subject| subject.name.clone())
        .collect();
    let rows = suite.variants.iter().map(|variant| {
        let cell = |subject: &Subject| {
            let cell = report.cell(&subject.name, variant.name, *plan, LAW);
            cell.map(summary).unwrap_or_default()
        };
        (
            variant.name.to_owned(),
            suite.subjects.iter().map(cell).collect(),
        )
    });
    table("conditions", &head, rows)
}

fn verdicts(report: &Report) -> String {
    let mut text = String::new();
    for verdict in targets::check(&report.outcome) {
        let word = if verdict.is_met() {
            "met"
        } else {
            "**missed**"
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {word} |",
            verdict.scene,
            verdict.plan,
            verdict.metric,
            verdict.wanted(),
            verdict.got()
        );
    }
    if text.is_empty() {
        return text;
    }
    let rivals = report
        .question
        .suite
        .laws
        .iter()
        .filter(|law| *law != LAW && !is_oracle(law));
    let beaten = targets::beaten(&report.outcome);
    let mut frontier = if beaten.is_empty() {
        format!(
            "\nNone of the other {} laws has both less delay and more use in any scene.\n",
            rivals.count()
        )
    } else {
        "\nBetter in both delay and use by more than noise:\n\n".to_owned()
    };
    for beaten in beaten {
        let ([ours, theirs], [our_use, their_use]) =
            (beaten.delay, beaten.utilisation.map(|part| part * 100.0));
        let _ = writeln!(
            frontier,
            "- {}, plan {}: `{}` with {theirs:.1} ms at {their_use:.1} %, `{LAW}` {ours:.1} ms at {our_use:.1} %",
            beaten.scene, beaten.plan, beaten.by
        );
    }
    let columns = ["plan", "figure", "target", "reached", ""].map(str::to_owned);
    format!("{}{text}{frontier}", head("scene", &columns))
}

fn table(
    corner: &str,
    columns: &[String],
    rows: impl Iterator<Item = (String, Vec<String>)>,
) -> String {
    let mut text = head(corner, columns);
    for (name, cells) in rows {
        let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
    }
    text
}

fn head(corner: &str, columns: &[String]) -> String {
    let rule = "---|".repeat(columns.len() + 1);
    format!("| {corner} | {} |\n|{rule}\n", columns.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let text = "a\n<!-- control: begin -->\nold\n<!-- control: end -->\nb\n";
        let new = between_marks(text, "new\n").unwrap();
        assert_eq!(
            new,
            "a\n<!-- control: begin -->\n\nnew\n\n<!-- control: end -->\nb\n"
        );
        assert_eq!(between_marks(&new, "new\n").unwrap(), new);
        assert!(between_marks("a\n", "new").is_none());
        assert!(between_marks("control: end\ncontrol: begin\n", "new").is_none());
    }
}
