//! The chart of all runs as an SVG file.

use std::path::Path;

use anyhow::anyhow;
use plotters::coord::Shift;
use plotters::prelude::*;
use wanctl_sim::DemoSample;

use super::report::Report;
use crate::chart::{CAPACITY, Drawn, LIMIT, OTHERS, OURS, REFERENCE, Series, panel};

const SIZE: (u32, u32) = (960, 900);

/// Draws the round-trip time of all runs, and the download rates under either law.
pub(crate) fn write_svg(report: &Report, path: &Path) -> anyhow::Result<()> {
    draw(report, path)
        .map_err(|error| anyhow!("cannot write the chart {}: {error}", path.display()))
}

fn draw(report: &Report, path: &Path) -> Drawn {
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
            series("limits fixed at the ceiling", OTHERS, without, delay),
            series("reference law", REFERENCE, reference, delay),
            series("adaptive law", OURS, adaptive, delay),
        ],
    )?;
    download(
        &middle,
        "Download, Mbit/s, reference law",
        REFERENCE,
        reference,
    )?;
    download(&lower, "Download, Mbit/s, adaptive law", OURS, adaptive)?;
    root.present()?;
    Ok(())
}

fn download<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    title: &str,
    color: RGBColor,
    samples: &[DemoSample],
) -> Drawn
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
    name: &str,
    color: RGBColor,
    samples: &[DemoSample],
    value: impl Fn(&DemoSample) -> f64,
) -> Series {
    let points = samples.iter().map(|s| (s.time_s, value(s))).collect();
    Series {
        name: name.to_owned(),
        color,
        points,
    }
}
