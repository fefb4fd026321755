//! The chart of both runs as an SVG file.

use std::path::Path;

use anyhow::anyhow;
use plotters::prelude::*;
use wanctl_sim::DemoSample;

use super::report::Report;
use crate::chart::{CAPACITY, Drawn, LIMIT, OTHERS, OURS, Series, panel};

const SIZE: (u32, u32) = (960, 620);

/// Draws round-trip time and download rate of both runs.
pub(crate) fn write_svg(report: &Report, path: &Path) -> anyhow::Result<()> {
    draw(report, path)
        .map_err(|error| anyhow!("cannot write the chart {}: {error}", path.display()))
}

fn draw(report: &Report, path: &Path) -> Drawn {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (upper, lower) = root.split_vertically(SIZE.1 / 2);
    let (without, with) = (&report.without.samples, &report.with.samples);
    let delay = |sample: &DemoSample| sample.rtt_ms.get();
    panel(
        &upper,
        "Round-trip time, ms",
        &[
            series("limits fixed at the ceiling", OTHERS, without, delay),
            series("controlled by wanctld", OURS, with, delay),
        ],
    )?;
    panel(
        &lower,
        "Download, Mbit/s, controlled",
        &[
            series("capacity of the line", CAPACITY, with, |s| {
                s.capacity_bps.download.as_mbps()
            }),
            series("limit on the router", LIMIT, with, |s| {
                s.limit_bps.download.as_mbps()
            }),
            series("delivered", OURS, with, |s| {
                s.delivered_bps.download.as_mbps()
            }),
        ],
    )?;
    root.present()?;
    Ok(())
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
