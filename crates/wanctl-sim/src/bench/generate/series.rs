//! What generators hand out, and the buffers it is joined with.

use std::time::Duration;

use wanctl_types::{Bps, Bytes, Millis, PerDirection};

use super::super::{Buffer, Line};

/// A line without its buffers: one value per [`LINE_BIN`](super::super::LINE_BIN), every series
/// starting again at its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What each direction can carry.
    pub capacity: PerDirection<Vec<Bps>>,
    /// Round-trip time without any queue.
    pub base_rtt: Vec<Millis>,
}

/// How the provider's queue drops, at a size of [`Upstream::DEPTH`] of the mean rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// What does not fit.
    TailDrop,
    /// The oldest for the newest.
    DropFront,
    /// By `CoDel` with this target.
    CoDel {
        /// The target.
        target: Duration,
    },
}

impl Series {
    /// Joins it with the provider's queues, the same in both directions.
    #[must_use]
    pub fn with(self, upstream: Upstream) -> Line {
        let mut line = Line {
            capacity: self.capacity,
            base_rtt: self.base_rtt,
            buffer: PerDirection::from_fn(|_| Buffer::TailDrop { bytes: Bytes::ZERO }),
        };
        line.buffer = line.mean().map(|mean| upstream.at(mean));
        line
    }
}

impl Upstream {
    /// How long a full queue takes to drain at the mean rate of the line.
    pub const DEPTH: Duration = Duration::from_millis(500);
    /// The least size: ten full segments.
    const LEAST: Bytes = Bytes::new(15_000);

    fn at(self, mean: Bps) -> Buffer {
        let bytes = Bytes::new(carried(mean, Self::DEPTH).max(Self::LEAST.get()));
        match self {
            Self::TailDrop => Buffer::TailDrop { bytes },
            Self::DropFront => Buffer::DropFront { bytes },
            Self::CoDel { target } => Buffer::CoDel { target, bytes },
        }
    }
}

/// The bytes that `rate` carries in `duration`.
fn carried(rate: Bps, duration: Duration) -> u64 {
    let bits = u128::from(rate.get()) * duration.as_millis() / 1_000;
    u64::try_from(bits / 8).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::fixed;
    use super::*;

    #[test]
    fn buffers_hold_half_a_second_of_the_mean() {
        let rates = PerDirection::new(Bps::from_mbps(50), Bps::new(10_000));
        let target = Duration::from_millis(10);
        let line = fixed(rates).with(Upstream::CoDel { target });
        let bytes = Bytes::new(3_125_000);
        assert_eq!(line.buffer.download, Buffer::CoDel { target, bytes });
        let bytes = Bytes::new(15_000);
        assert_eq!(line.buffer.upload, Buffer::CoDel { target, bytes });
    }
}
