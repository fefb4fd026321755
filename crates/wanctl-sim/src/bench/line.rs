//! The provider's line: capacity, base delay and buffers.

use std::time::Duration;

use wanctl_types::{Bps, Bytes, Millis, PerDirection};

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

impl Line {
    /// The mean capacity of each direction.
    #[must_use]
    pub fn mean(&self) -> PerDirection<Bps> {
        self.capacity.as_ref().map(|bins| {
            let sum: f64 = bins.iter().map(|rate| rate.as_f64()).sum();
            #[expect(
                clippy::cast_precision_loss,
                reason = "a series has far fewer than 2^52 bins"
            )]
            let mean = sum / bins.len().max(1) as f64;
            Bps::truncating(mean)
        })
    }
}
