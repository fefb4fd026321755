//! Delay against use: one panel for each scene, one mark for each law.

use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use wanctl_sim::bench::metrics::Metric;
use wanctl_sim::bench::suite::{Cell, Estimate, Subject, is_oracle};
use wanctl_sim::bench::targets::LAW;

use super::super::report::Report;
use crate::chart::{Drawn, OURS};

const COLUMNS: usize = 3;
const PANEL: (u32, u32) = (320, 250);
const LEGEND: u32 = 26;
/// Marks in one line of the legend.
const LEGEND_COLUMNS: usize = 5;
/// Delays below this are drawn at it, ms: the axis is logarithmic.
const LEAST_DELAY: f64 = 0.5;
/// Colours of the other laws, in the order of the question.
const COLORS: [RGBColor; 9] = [
    RGBColor(0xc4, 0x4e, 0x3c),
    RGBColor(0x2b, 0x5c, 0x9e),
    RGBColor(0xd9, 0x8c, 0x1f),
    RGBColor(0x7d, 0x4f, 0x9e),
    RGBColor(0x8a, 0x5a, 0x3c),
    RGBColor(0xd1, 0x6b, 0xa5),
    RGBColor(0x4a, 0x9f, 0xb5),
    RGBColor(0x6b, 0x6b, 0x6b),
    RGBColor(0xa3, 0xa3, 0x2a),
];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// How one law is drawn.
struct Style<'a> {
    law: &'a str,
    color: RGBColor,
}

pub(super) fn draw(report: &Report, subjects: &[&Subject], path: &Path) -> Drawn {
    let styles = styles(report);
    let rows = subjects.len().div_ceil(COLUMNS);
    let columns = subjects.len().min(COLUMNS);
    let (legend_lines, rows_u32) = (count(styles.len().div_ceil(LEGEND_COLUMNS)), count(rows));
    // The legend needs its width even above a single panel.
    let width = PANEL.0 * count(columns.max(COLUMNS));
    let legend_height = LEGEND * legend_lines + 8;
    let root =
        SVGBackend::new(path, (width, legend_height + PANEL.1 * rows_u32)).into_drawing_area();
    root.fill(&WHITE)?;
    let (top, rest) = root.split_vertically(legend_height);
    legend(&top, &styles)?;
    let panels = rest.split_evenly((rows, columns.max(COLUMNS)));
    for (area, subject) in panels.iter().zip(subjects) {
        panel(area, report, subject, &styles)?;
    }
    root.present()?;
    Ok(())
}

fn styles(report: &Report) -> Vec<Style<'_>> {
    let mut colors = COLORS.iter().cycle();
    let laws = report.question.suite.laws.iter();
    laws.map(|law| Style {
        law,
        color: if law == LAW {
            OURS
        } else {
            colors.next().copied().unwrap_or(BLACK)
        },
    })
    .collect()
}

fn legend(area: &Area<'_>, styles: &[Style<'_>]) -> Drawn {
    let step = i32::try_from(area.dim_in_pixel().0)? / i32::try_from(LEGEND_COLUMNS)?;
    for (place, style) in styles.iter().enumerate() {
        let (row, column) = (place / LEGEND_COLUMNS, place % LEGEND_COLUMNS);
        let x = 16 + step * i32::try_from(column)?;
        let y = 16 + i32::try_from(LEGEND)? * i32::try_from(row)?;
        area.draw(&mark((x, y), style))?;
        let text = TextStyle::from(("sans-serif", 14).into_font());
        area.draw_text(style.law, &text, (x + 10, y - 7))?;
    }
    Ok(())
}

/// Ours is large, an oracle's hollow.
fn mark<C>(at: C, style: &Style<'_>) -> Circle<C, i32> {
    let size = if style.law == LAW { 7 } else { 5 };
    let shape = if is_oracle(style.law) {
        style.color.stroke_width(2)
    } else {
        style.color.filled()
    };
    Circle::new(at, size, shape)
}

fn panel(area: &Area<'_>, report: &Report, subject: &Subject, styles: &[Style<'_>]) -> Drawn {
    let plan = report.question.suite.plans.first().copied().unwrap_or(1.0);
    let cell = |law: &str| report.cell(&subject.name, "default", plan, law);
    let marks: Vec<_> = styles
        .iter()
        .filter_map(|style| Some((style, place(cell(style.law)?)?)))
        .collect();
    let delays = || marks.iter().map(|(_, (delay, _))| delay.mean + delay.error);
    let uses = || marks.iter().map(|(_, (_, used))| used.mean - used.error);
    let most = delays().fold(10.0, f64::max) * 1.5;
    let least = (uses().fold(0.9, f64::min) * 100.0 - 3.0).max(0.0);
    let mut chart = ChartBuilder::on(area)
        .caption(&subject.name, ("sans-serif", 15))
        .margin(8)
        .x_label_area_size(30)
        .y_label_area_size(38)
        .build_cartesian_2d((LEAST_DELAY..most).log_scale(), least..101.0)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.1))
        .x_desc("p95 of the added delay, ms")
        .y_desc("utilisation, %")
        .x_labels(6)
        .y_labels(6)
        .x_label_formatter(&|delay| format!("{delay}"))
        .y_label_formatter(&|used| format!("{used:.0}"))
        .label_style(("sans-serif", 11))
        .axis_desc_style(("sans-serif", 11))
        .draw()?;
    // Ours last, on top.
    let (ours, others): (Vec<_>, Vec<_>) = marks.iter().partition(|(style, _)| style.law == LAW);
    for (style, (delay, used)) in others.into_iter().chain(ours) {
        let (x, y) = (delay.mean.max(LEAST_DELAY), used.mean * 100.0);
        let from = (delay.mean - 2.0 * delay.error).max(LEAST_DELAY);
        let to = (delay.mean + 2.0 * delay.error).max(LEAST_DELAY);
        let [low, high] =
            [-2.0, 2.0].map(|errors: f64| errors.mul_add(used.error, used.mean) * 100.0);
        chart.draw_series([
            PathElement::new([(from, y), (to, y)], style.color.stroke_width(1)),
            PathElement::new([(x, low), (x, high)], style.color.stroke_width(1)),
        ])?;
        chart.draw_series([mark((x, y), style)])?;
    }
    Ok(())
}

/// Where a law stands.
fn place(cell: &Cell) -> Option<(Estimate, Estimate)> {
    Some((*cell.figures.get(&Metric::DelayP95)?, cell.utilisation()?))
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
