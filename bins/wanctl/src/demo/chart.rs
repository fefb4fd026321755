//! The chart of all runs as an SVG file.

use std::path::Path;

use anyhow::anyhow;
use plotters::coord::Shift;
use plotters::prelude::*;
use wanctl_sim::DemoSample;

use super::report::Report;

const SIZE: (u32, u32) = (960, 900);
const WITHOUT: RGBColor = RGBColor(0xc4, 0x4e, 0x3c);
const REFERENCE: RGBColor = RGBColor(0xd0, 0x94, 0x2a);
const ADAPTIVE: RGBColor = RGBColor(0x2a, 0x7f, 0x62);
const CAPACITY: RGBColor = RGBColor(0x9a, 0x9a, 0x9a);
const LIMIT: RGBColor = RGBColor(0x2b, 0x5c, 0x9e);

/// A point of a line: simulated seconds and a value.
type Point = (f64, f64);

/// One line of a panel.
struct Series {
    name: &'static str,
    color: RGBColor,
    points: Vec<Point>,
}

/// Draws the round-trip time of all runs, and the download rates under either law.
pub(crate) fn write_svg(report: &Report, path: &Path) -> anyhow::Result<()> {
    draw(report, path)
        .map_err(|error| anyhow!("cannot write the chart {}: {error}", path.display()))
}

fn draw(report: &Report, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (upper, rest) = root.split_vertically(SIZE.1 / 3);
    let (middle, lower) = rest.split_vertically(SIZE.1 / 3);
    let (without, reference) = (&report.without.samples, &report.with.samples);
    let adaptive = &report.adaptive.samples;
    let delay = |sample: &DemoSample| sample.rtt_ms.get();
    panel(
        &upper,
        "Round-trip time, ms",
        &[
            series("limits fixed at the ceiling", WITHOUT, without, delay),
            series("reference law", REFERENCE, reference, delay),
            series("adaptive law", ADAPTIVE, adaptive, delay),
        ],
    )?;
    download(
        &middle,
        "Download, Mbit/s, reference law",
        REFERENCE,
        reference,
    )?;
    download(&lower, "Download, Mbit/s, adaptive law", ADAPTIVE, adaptive)?;
    root.present()?;
    Ok(())
}

fn download<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    title: &str,
    color: RGBColor,
    samples: &[DemoSample],
) -> Result<(), Box<dyn std::error::Error>>
where
    B::ErrorType: 'static,
{
    panel(
        area,
        title,
        &[
            series("capacity of the line", CAPACITY, samples, |s| {
                s.capacity_bps.download.as_mbps()
            }),
            series("limit on the router", LIMIT, samples, |s| {
                s.limit_bps.download.as_mbps()
            }),
            series("delivered", color, samples, |s| {
                s.delivered_bps.download.as_mbps()
            }),
        ],
    )
}

fn series(
    name: &'static str,
    color: RGBColor,
    samples: &[DemoSample],
    value: impl Fn(&DemoSample) -> f64,
) -> Series {
    let points = samples.iter().map(|s| (s.time_s, value(s))).collect();
    Series {
        name,
        color,
        points,
    }
}

fn panel<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    title: &str,
    lines: &[Series],
) -> Result<(), Box<dyn std::error::Error>>
where
    B::ErrorType: 'static,
{
    let (end, top) = extent(lines);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(28)
        .y_label_area_size(44)
        .build_cartesian_2d(0.0..end, 0.0..top)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.1))
        .x_desc("seconds")
        .draw()?;
    for line in lines {
        let color = line.color;
        chart
            .draw_series(LineSeries::new(
                line.points.iter().copied(),
                color.stroke_width(2),
            ))?
            .label(line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(3)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .draw()?;
    Ok(())
}

/// The largest time and a tenth more than the largest value.
fn extent(lines: &[Series]) -> Point {
    let points = || lines.iter().flat_map(|line| &line.points);
    let end = points().map(|(time, _)| *time).fold(1.0, f64::max);
    let top = points().map(|(_, value)| *value).fold(1.0, f64::max);
    (end, top * 1.1)
}
