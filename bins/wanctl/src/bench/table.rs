//! Tables for a terminal.

use std::fmt::Write;

use super::columns::{Column, columns};
use super::report::Report;

/// One table for each scene.
pub(crate) fn render(report: &Report) -> String {
    let mut text = String::new();
    for (subject, variant, cells) in report.groups() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{}: {}", subject.name, subject.description);
        if variant != "default" {
            let _ = write!(text, " [{variant}]");
        }
        let _ = writeln!(text, " ({})", report.seeds());
        text.push_str(&aligned(&columns(report, &cells)));
        text.push('\n');
    }
    text
}

/// Columns side by side: the first to the left, numbers to the right.
fn aligned(columns: &[Column]) -> String {
    let width = |column: &Column| {
        let values = column.values.iter().chain([&column.head]);
        values.map(|value| value.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = columns.iter().map(width).collect();
    let rows = columns.first().map_or(0, |column| column.values.len());
    let mut text = String::new();
    for row in 0..=rows {
        for (place, (column, width)) in columns.iter().zip(&widths).enumerate() {
            let value = row
                .checked_sub(1)
                .map_or(Some(&column.head), |row| column.values.get(row));
            let value = value.map_or("", String::as_str);
            if place == 0 {
                let _ = write!(text, "  {value:width$}");
            } else {
                let _ = write!(text, "  {value:>width$}");
            }
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let column = |head: &str, values: [&str; 2]| Column {
            head: head.to_owned(),
            values: values.map(str::to_owned).to_vec(),
        };
        let table = aligned(&[
            column("law", ["a", "longer"]),
            column("p95 ms", ["5.0 ±0.1", "12.0 ±0.3"]),
        ]);
        assert_eq!(
            table,
            "  law        p95 ms\n  a        5.0 ±0.1\n  longer  12.0 ±0.3\n"
        );
    }
}
