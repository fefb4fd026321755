//! The provider's line: capacity, base delay and buffers.

mod trace;

use std::time::Duration;

use wanctl_types::{Bps, Bytes, Millis, PerDirection};

use super::generate::{Series, Upstream};

pub use trace::{LineError, LineTrace};

/// Length of one bin of a line's series.
pub const LINE_BIN: Duration = Duration::from_millis(100);

/// A provider's line over time. Series are one value per [`LINE_BIN`] and start again at their
/// end.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What each direction can carry; bins may be zero. Never empty.
    pub capacity: PerDirection<Vec<Bps>>,
    /// Round-trip time without any queue. Never empty.
    pub base_rtt: Vec<Millis>,
    /// The provider's buffer in each direction.
    pub buffer: PerDirection<Buffer>,
}

/// The provider's queue in one direction.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Buffer {
    /// First in, first out; what does not fit is dropped.
    TailDrop {
        /// Its size.
        bytes: Bytes,
    },
    /// First in, first out; the oldest packet makes room for the newest.
    DropFront {
        /// Its size.
        bytes: Bytes,
    },
    /// First in, first out, with `CoDel` (RFC 8289) at an interval of 100 ms.
    CoDel {
        /// Its target.
        target: Duration,
        /// Its size.
        bytes: Bytes,
    },
}

/// The upload of a line of which only the download is known, as a part of the download's mean.
const UNKNOWN_UPLOAD: f64 = 0.1;
/// And the least of it, bit/s.
const LEAST_UNKNOWN_UPLOAD: f64 = 1e6;

impl Line {
    /// Reads a line from traces of its capacity. Each is CSV of two columns, seconds and Mbit/s,
    /// with or without headings; steps of any length become bins of [`LINE_BIN`] that carry as
    /// much. `base_rtt` is the round-trip time without any queue, `upstream` how the provider's
    /// queues drop. Without a trace of the upload it is constant: a tenth of the download's mean,
    /// but at least 1 Mbit/s.
    ///
    /// # Errors
    ///
    /// When a text is no such trace: empty, a field that is no finite number, a capacity that is
    /// negative or above 1 Tbit/s, a time that is not after the one before it, more than a day,
    /// nothing but zeros.
    ///
    /// # Examples
    ///
    /// ```
    /// use wanctl_sim::bench::{Line, generate::Upstream};
    /// use wanctl_types::{Bps, Millis};
    ///
    /// let trace = "time_s,capacity_mbps\n0.0,20\n0.1,40\n";
    /// let line = Line::from_csv(trace, None, Millis::saturating(25.0), Upstream::TailDrop)?;
    /// assert_eq!(line.capacity.download, [20, 40].map(Bps::from_mbps));
    /// assert_eq!(line.capacity.upload, [Bps::from_mbps(3)]);
    /// # Ok::<(), wanctl_sim::bench::LineError>(())
    /// ```
    pub fn from_csv(
        download: &str,
        upload: Option<&str>,
        base_rtt: Millis,
        upstream: Upstream,
    ) -> Result<Self, LineError> {
        let download = rates(LineTrace::Download, download)?;
        let upload = match upload {
            Some(upload) => rates(LineTrace::Upload, upload)?,
            None => vec![unknown_upload(&download)],
        };
        let series = Series {
            capacity: PerDirection::new(download, upload),
            base_rtt: vec![base_rtt],
        };
        Ok(series.with(upstream))
    }

    /// The same line with the round-trip times of a trace of its one-way delay without a queue:
    /// CSV as in [`from_csv`](Self::from_csv), but milliseconds instead of Mbit/s. The way back is
    /// supposed to take as long.
    ///
    /// # Errors
    ///
    /// As [`from_csv`](Self::from_csv); a delay is above 0 and up to 10 s.
    pub fn with_one_way_csv(self, delay: &str) -> Result<Self, LineError> {
        let delays = trace::bins(LineTrace::Delay, delay)?.into_iter();
        Ok(Self {
            base_rtt: delays.map(|ms| Millis::saturating(2.0 * ms)).collect(),
            ..self
        })
    }

    /// The mean capacity of each direction.
    #[must_use]
    pub fn mean(&self) -> PerDirection<Bps> {
        self.capacity.as_ref().map(|bins| mean(bins))
    }
}

fn mean(bins: &[Bps]) -> Bps {
    let sum: f64 = bins.iter().map(|rate| rate.as_f64()).sum();
    #[expect(
        clippy::cast_precision_loss,
        reason = "a series has far fewer than 2^52 bins"
    )]
    let mean = sum / bins.len().max(1) as f64;
    Bps::truncating(mean)
}

fn rates(which: LineTrace, text: &str) -> Result<Vec<Bps>, LineError> {
    let bins = trace::bins(which, text)?.into_iter();
    Ok(bins
        .map(|mbps| Bps::truncating((mbps * 1e6).round()))
        .collect())
}

fn unknown_upload(download: &[Bps]) -> Bps {
    let part = UNKNOWN_UPLOAD * mean(download).as_f64();
    Bps::truncating(part.max(LEAST_UNKNOWN_UPLOAD))
}
