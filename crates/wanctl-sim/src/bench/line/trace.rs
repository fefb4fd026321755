//! Traces of a line, as text.
//!
//! A trace is CSV with two columns and at most one line of headings:
//!
//! ```text
//! time_s,capacity_mbps
//! 0.0,24.360
//! 0.1,42.480
//! ```
//!
//! - The first column is the time in seconds at which a value begins to hold. Times grow from
//!   line to line, by any step; the first one is the start of the line, whatever it is. They are
//!   taken to the microsecond.
//! - The second column is the value: Mbit/s that the line offers, 0 to [`MOST_MBPS`], or
//!   milliseconds of one-way delay without a queue, above 0 and up to [`MOST_DELAY_MS`]. It holds
//!   until the next line; the last value holds as long as the one before it, a single one for one
//!   bin.
//! - Empty lines, lines that begin with `#`, spaces around fields, a byte order mark and any kind
//!   of line end are let pass. Nothing else is: a trace with a mistake is no trace.
//!
//! Values become bins of [`LINE_BIN`], each the mean over its time, so a line carries as much as
//! its trace whatever the trace's own steps are.

use std::time::Duration;

use super::super::LINE_BIN;

/// Highest capacity that is believed, Mbit/s.
const MOST_MBPS: f64 = 1e6;
/// Highest one-way delay that is believed, ms.
const MOST_DELAY_MS: f64 = 10_000.0;
/// The longest trace.
const LONGEST: Duration = Duration::from_hours(24);
/// How much of a refused field is repeated.
const SHOWN: usize = 24;

const BIN: u64 = micros(LINE_BIN);

/// Which of a line's traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LineTrace {
    /// The capacity of the download, Mbit/s.
    Download,
    /// The capacity of the upload, Mbit/s.
    Upload,
    /// The one-way delay without a queue, ms.
    Delay,
}

/// Why a text is no trace of a line.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// There is no value at all.
    #[error("the {trace} trace has no values; a line is `seconds,{unit}`", unit = trace.unit())]
    Empty {
        /// In which trace.
        trace: LineTrace,
    },
    /// A line does not have two columns.
    #[error("line {line} of the {trace} trace has {found} column(s) instead of 2")]
    Columns {
        /// In which trace.
        trace: LineTrace,
        /// The line's number, from 1.
        line: usize,
        /// How many it has.
        found: usize,
    },
    /// A field is not a finite number.
    #[error("line {line} of the {trace} trace: {column} is not a finite number: {text:?}")]
    Number {
        /// In which trace.
        trace: LineTrace,
        /// The line's number, from 1.
        line: usize,
        /// Which column.
        column: &'static str,
        /// What stands there, shortened.
        text: String,
    },
    /// A value lies outside of what a line can have.
    #[error(
        "line {line} of the {trace} trace: {value} {unit} is not {range}",
        unit = trace.unit(), range = trace.range()
    )]
    Value {
        /// In which trace.
        trace: LineTrace,
        /// The line's number, from 1.
        line: usize,
        /// The value, in the trace's unit.
        value: f64,
    },
    /// A time is not after the one before it, by at least a microsecond.
    #[error("line {line} of the {trace} trace: time {time} s does not come after {before} s")]
    Time {
        /// In which trace.
        trace: LineTrace,
        /// The line's number, from 1.
        line: usize,
        /// Its time, seconds.
        time: f64,
        /// The time before it, seconds.
        before: f64,
    },
    /// The trace is longer than a day.
    #[error("line {line} of the {trace} trace: at {time} s it is longer than 24 hours")]
    TooLong {
        /// In which trace.
        trace: LineTrace,
        /// The number of the first line that is too late, from 1.
        line: usize,
        /// Its time, seconds.
        time: f64,
    },
    /// Every value is zero: the line never carries anything.
    #[error("the {trace} trace is zero from beginning to end")]
    Nothing {
        /// In which trace.
        trace: LineTrace,
    },
}

impl LineTrace {
    const fn unit(self) -> &'static str {
        match self {
            Self::Download | Self::Upload => "Mbit/s",
            Self::Delay => "ms",
        }
    }

    const fn range(self) -> &'static str {
        match self {
            Self::Download | Self::Upload => "from 0 to 1000000",
            Self::Delay => "above 0 and up to 10000",
        }
    }

    fn allows(self, value: f64) -> bool {
        match self {
            Self::Download | Self::Upload => (0.0..=MOST_MBPS).contains(&value),
            Self::Delay => value > 0.0 && value <= MOST_DELAY_MS,
        }
    }
}

impl std::fmt::Display for LineTrace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Download => "download",
            Self::Upload => "upload",
            Self::Delay => "delay",
        })
    }
}

/// A value that holds for some time.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Piece {
    /// Microseconds.
    length: u64,
    value: f64,
}

/// The trace in `text` as bins of [`LINE_BIN`], in the trace's unit. Never empty.
pub(super) fn bins(trace: LineTrace, text: &str) -> Result<Vec<f64>, LineError> {
    let pieces = pieces(trace, text)?;
    if pieces.iter().all(|piece| piece.value <= 0.0) {
        return Err(LineError::Nothing { trace });
    }
    Ok(resample(&pieces))
}

fn pieces(trace: LineTrace, text: &str) -> Result<Vec<Piece>, LineError> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    let mut has_headings = false;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, content) in lines(text) {
        let fields: Vec<&str> = content.split(',').map(str::trim).collect();
        let [time, value] = fields.as_slice() else {
            return Err(LineError::Columns {
                trace,
                line: number,
                found: fields.len(),
            });
        };
        if points.is_empty() && !has_headings && is_heading(time) && is_heading(value) {
            has_headings = true;
            continue;
        }
        let (time, value) = (
            parse(trace, number, "the time", time)?,
            parse(trace, number, "the value", value)?,
        );
        check(trace, number, time, value, &points)?;
        points.push((time, value));
    }
    if points.is_empty() {
        return Err(LineError::Empty { trace });
    }
    Ok(lasting(&points))
}

/// Lines with something on them, numbered from 1. A lone carriage return ends a line as well.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let all = text.lines().flat_map(|line| line.split('\r').enumerate());
    let numbered = all.scan(0, |number, (part, content)| {
        // The empty rest after a final carriage return is no line of its own.
        *number += usize::from(part == 0 || !content.is_empty());
        Some((*number, content.trim()))
    });
    numbered.filter(|(_, content)| !content.is_empty() && !content.starts_with('#'))
}

/// A heading is a word: it begins with a letter and is no number such as `nan` or `inf`.
fn is_heading(field: &str) -> bool {
    field.starts_with(char::is_alphabetic) && field.parse::<f64>().is_err()
}

fn parse(
    trace: LineTrace,
    line: usize,
    column: &'static str,
    text: &str,
) -> Result<f64, LineError> {
    let number = text.parse::<f64>().ok().filter(|value| value.is_finite());
    number.ok_or_else(|| LineError::Number {
        trace,
        line,
        column,
        text: text.chars().take(SHOWN).collect(),
    })
}

fn check(
    trace: LineTrace,
    line: usize,
    time: f64,
    value: f64,
    points: &[(f64, f64)],
) -> Result<(), LineError> {
    if !trace.allows(value) {
        return Err(LineError::Value { trace, line, value });
    }
    let (Some((first, _)), Some((before, _))) = (points.first(), points.last()) else {
        return Ok(());
    };
    if time - first > LONGEST.as_secs_f64() {
        return Err(LineError::TooLong { trace, line, time });
    }
    if offset(*first, time) <= offset(*first, *before) || time <= *before {
        let before = *before;
        return Err(LineError::Time {
            trace,
            line,
            time,
            before,
        });
    }
    Ok(())
}

/// Microseconds from `first` to `time`.
fn offset(first: f64, time: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "no time is a day after the first"
    )]
    let whole = ((time - first) * 1e6).round() as u64;
    whole
}

fn lasting(points: &[(f64, f64)]) -> Vec<Piece> {
    let Some((first, _)) = points.first() else {
        return Vec::new();
    };
    let ends = points.iter().skip(1).map(|(time, _)| offset(*first, *time));
    let mut pieces = Vec::with_capacity(points.len());
    let (mut at, mut length) = (0, BIN);
    for ((_, value), end) in points.iter().zip(ends.map(Some).chain([None])) {
        if let Some(end) = end {
            length = end - at;
            at = end;
        }
        let value = *value;
        pieces.push(Piece { length, value });
    }
    pieces
}

/// Means over bins; the last one over as much of it as there is.
fn resample(pieces: &[Piece]) -> Vec<f64> {
    let mut bins = Vec::new();
    let (mut sum, mut filled) = (0.0, 0);
    for piece in pieces {
        let mut left = piece.length;
        while left > 0 {
            let part = left.min(BIN - filled);
            sum += piece.value * as_f64(part);
            filled += part;
            left -= part;
            if filled == BIN {
                bins.push(sum / as_f64(BIN));
                (sum, filled) = (0.0, 0);
            }
        }
    }
    if filled > 0 {
        bins.push(sum / as_f64(filled));
    }
    bins
}

const fn micros(duration: Duration) -> u64 {
    duration.as_secs() * 1_000_000 + duration.subsec_micros() as u64
}

#[expect(clippy::cast_precision_loss, reason = "a day is 2^37 microseconds")]
const fn as_f64(micros: u64) -> f64 {
    micros as f64
}

#[cfg(test)]
mod tests;
