//! Pictures: where each law stands between delay and use, and what happened over time.

mod frontier;
mod series;

use std::path::Path;

use anyhow::{Context, anyhow};
use wanctl_sim::bench::Judged;
use wanctl_sim::bench::suite::Subject;

use super::report::Report;
use crate::chart::Drawn;

/// Scenes that one picture has room for, and that say most together.
const CHIEF: [&str; 9] = [
    "fixed-both",
    "aqm-both",
    "many-flows",
    "step-download",
    "docsis-both",
    "starlink-download",
    "lte-stationary",
    "lte-driving",
    "5g-driving",
];

/// Draws `frontier.svg` with the chief scenes, `frontier-all.svg` with all of them, and
/// `series-SCENE.svg` for each scene that is not longer than five minutes.
pub(crate) fn write(report: &Report, directory: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    let used: Vec<&Subject> = report
        .question
        .suite
        .subjects
        .iter()
        .filter(|subject| subject.judged != Judged::Calm)
        .collect();
    let chief: Vec<&Subject> = used
        .iter()
        .filter(|subject| CHIEF.contains(&subject.name.as_str()))
        .copied()
        .collect();
    for (name, subjects) in [("frontier.svg", chief), ("frontier-all.svg", used)] {
        if !subjects.is_empty() {
            let path = directory.join(name);
            drawn(frontier::draw(report, &subjects, &path), &path)?;
        }
    }
    series::draw_all(report, directory)
}

fn drawn(result: Drawn, path: &Path) -> anyhow::Result<()> {
    result.map_err(|error| anyhow!("cannot write the chart {}: {error}", path.display()))
}
