//! Line charts in SVG files: what all of them share.

use plotters::coord::Shift;
use plotters::prelude::*;

/// A point of a line: seconds and a value.
pub(crate) type Point = (f64, f64);

/// What drawing may end with.
pub(crate) type Drawn = Result<(), Box<dyn std::error::Error>>;

/// What the line can carry.
pub(crate) const CAPACITY: RGBColor = RGBColor(0x9a, 0x9a, 0x9a);
/// The limit on the router.
pub(crate) const LIMIT: RGBColor = RGBColor(0x2b, 0x5c, 0x9e);
/// Our own doing.
pub(crate) const OURS: RGBColor = RGBColor(0x2a, 0x7f, 0x62);
/// The reference law, beside ours.
pub(crate) const REFERENCE: RGBColor = RGBColor(0xd0, 0x94, 0x2a);
/// What both are compared with.
pub(crate) const OTHERS: RGBColor = RGBColor(0xc4, 0x4e, 0x3c);

/// Room for one line of a legend, as a part of the largest value.
const LEGEND_LINE: f64 = 0.12;

/// One line of a panel.
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) color: RGBColor,
    pub(crate) points: Vec<Point>,
}

/// Draws lines over time, with a legend.
pub(crate) fn panel<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    title: &str,
    lines: &[Series],
) -> Drawn
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
            .label(line.name.as_str())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(3)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .draw()?;
    Ok(())
}

/// The largest time, and the largest value with room for a legend above it.
fn extent(lines: &[Series]) -> Point {
    let points = || lines.iter().flat_map(|line| &line.points);
    let end = points().map(|(time, _)| *time).fold(1.0, f64::max);
    let top = points().map(|(_, value)| *value).fold(1.0, f64::max);
    let room = lines.iter().fold(1.05, |room, _| room + LEGEND_LINE);
    (end, top * room)
}
