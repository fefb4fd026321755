//! Delay, capacity and rates over time, of one seed.

use std::path::Path;
use std::time::Duration;

use plotters::prelude::*;
use wanctl_sim::bench::suite::{Subject, record};
use wanctl_sim::bench::targets::LAW;
use wanctl_sim::bench::{DirectionBin, RECORDING_BIN, Recording, Variant};
use wanctl_types::{Direction, Millis};

use super::super::report::Report;
use super::drawn;
use crate::chart::{CAPACITY, Drawn, LIMIT, OTHERS, OURS, Point, Series, panel};

/// Whose delays are shown, the first two that were compared.
const SHOWN: [&str; 4] = [LAW, "cake-autorate", "reference", "static"];
/// Longer scenes are not drawn.
const LONGEST: Duration = Duration::from_mins(5);
const WIDTH: u32 = 960;
const HEIGHT: u32 = 270;
/// Bins that one point of a line stands for.
const BINS: usize = 2;

/// One law's run.
struct Run<'a> {
    law: &'a str,
    color: RGBColor,
    recording: Recording,
}

pub(super) fn draw_all(report: &Report, directory: &Path) -> anyhow::Result<()> {
    let suite = &report.question.suite;
    let (Some(variant), Some(plan), Some(seed)) = (
        suite.variants.first(),
        suite.plans.first(),
        suite.seeds.first(),
    ) else {
        return Ok(());
    };
    let laws = SHOWN
        .iter()
        .filter(|law| suite.laws.iter().any(|asked| asked == *law));
    let laws: Vec<_> = laws.take(2).zip([OURS, OTHERS]).collect();
    for subject in &suite.subjects {
        if subject.case(*seed).duration > LONGEST || laws.is_empty() {
            continue;
        }
        let runs = runs(subject, variant, *plan, *seed, &laws)?;
        let path = directory.join(format!("series-{}.svg", subject.name));
        drawn(draw(subject, &runs, &path), &path)?;
    }
    Ok(())
}

fn runs<'a>(
    subject: &Subject,
    variant: &Variant,
    plan: f64,
    seed: u64,
    laws: &[(&&'a str, RGBColor)],
) -> anyhow::Result<Vec<Run<'a>>> {
    laws.iter()
        .map(|(law, color)| {
            let (_, recording) = record(subject, variant, plan, law, seed)?;
            Ok(Run {
                law,
                color: *color,
                recording,
            })
        })
        .collect()
}

fn draw(subject: &Subject, runs: &[Run<'_>], path: &Path) -> Drawn {
    let directions: Vec<Direction> = Direction::BOTH
        .into_iter()
        .filter(|direction| subject.judged.uses(*direction))
        .collect();
    let directions = if directions.is_empty() {
        Direction::BOTH.to_vec()
    } else {
        directions
    };
    let panels = 1 + directions.len();
    let height = HEIGHT * u32::try_from(panels)?;
    let root = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let areas = root.split_evenly((panels, 1));
    let mut areas = areas.iter();
    if let Some(area) = areas.next() {
        let lines: Vec<Series> = runs.iter().map(delay).collect();
        panel(area, &format!("{}: added delay, ms", subject.name), &lines)?;
    }
    let Some(run) = runs.first() else {
        return Ok(());
    };
    for (area, direction) in areas.zip(directions) {
        panel(
            area,
            &format!("{direction}, Mbit/s, {}", run.law),
            &rates(run, direction),
        )?;
    }
    root.present()?;
    Ok(())
}

/// The most delay of each while.
fn delay(run: &Run<'_>) -> Series {
    let length = RECORDING_BIN.as_secs_f64() * 2.0;
    let mut points: Vec<Point> = Vec::new();
    for sample in &run.recording.sparse {
        let Some(added) = sample.added.map(Millis::get) else {
            continue;
        };
        let at = (sample.sent_at.since_origin().as_secs_f64() / length).floor() * length;
        match points.last_mut() {
            Some((last, most)) if *last >= at => *most = most.max(added),
            Some(_) | None => points.push((at, added)),
        }
    }
    Series {
        name: run.law.to_owned(),
        color: run.color,
        points,
    }
}

fn rates(run: &Run<'_>, direction: Direction) -> [Series; 3] {
    let bins = &run.recording.bins[direction];
    let megabits = |bytes: u64| {
        #[expect(clippy::cast_precision_loss, reason = "a bin is far below 2^52 bytes")]
        let carried = bytes as f64 * 8.0;
        carried / RECORDING_BIN.as_secs_f64() / 1e6
    };
    let line = |name: &str, color, value: &dyn Fn(&DirectionBin) -> f64| Series {
        name: name.to_owned(),
        color,
        points: means(bins, value),
    };
    [
        line("capacity of the line", CAPACITY, &|bin| {
            megabits(bin.capacity.get())
        }),
        line("delivered", OURS, &|bin| megabits(bin.delivered.get())),
        line("rate of the shaper", LIMIT, &|bin| bin.rate.as_mbps()),
    ]
}

/// The means of every few bins.
fn means(bins: &[DirectionBin], value: &dyn Fn(&DirectionBin) -> f64) -> Vec<Point> {
    let mut time = 0.0;
    bins.chunks(BINS)
        .map(|bins| {
            let at = time;
            let mut count = 0.0;
            let sum: f64 = bins
                .iter()
                .map(|bin| {
                    count += 1.0;
                    value(bin)
                })
                .sum();
            time += RECORDING_BIN.as_secs_f64() * count;
            (at, sum / count)
        })
        .collect()
}
