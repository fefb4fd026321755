//! What a direction of a link has done.

use wanctl_types::Bytes;

/// Sums since the start of one direction, and what waits now. Each is rounded down to a byte.
///
/// `offered = delivered + dropped + shaper_backlog + provider_backlog`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkCounters {
    /// What the sources sent.
    pub offered: Bytes,
    /// What our shaper let through.
    pub shaped: Bytes,
    /// What reached the other side.
    pub delivered: Bytes,
    /// What our shaper or the provider's buffer had no room for.
    pub dropped: Bytes,
    /// What waits in our shaper.
    pub shaper_backlog: Bytes,
    /// What waits in the provider's buffer.
    pub provider_backlog: Bytes,
    /// What the line could have carried.
    pub capacity: Bytes,
    /// What the line could have carried while there was demand or something waited.
    pub wanted_capacity: Bytes,
}

/// What the queue on the router that shapes one direction counts. It stands behind the line for
/// downloads and before it for uploads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueCounts {
    /// What it let through since the start.
    pub bytes: Bytes,
    /// What waits in it now.
    pub backlog: Bytes,
}

impl LinkCounters {
    /// The sums from `earlier` on, with the backlogs of now.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let difference = |now: Bytes, then: Bytes| Bytes::new(now.get().saturating_sub(then.get()));
        Self {
            offered: difference(self.offered, earlier.offered),
            shaped: difference(self.shaped, earlier.shaped),
            delivered: difference(self.delivered, earlier.delivered),
            dropped: difference(self.dropped, earlier.dropped),
            capacity: difference(self.capacity, earlier.capacity),
            wanted_capacity: difference(self.wanted_capacity, earlier.wanted_capacity),
            ..*self
        }
    }

    /// Part of the wanted capacity that was used, 0 to 1; `None` when none was wanted.
    #[must_use]
    pub fn utilisation(&self) -> Option<f64> {
        if self.wanted_capacity == Bytes::ZERO {
            return None;
        }
        Some(as_f64(self.delivered) / as_f64(self.wanted_capacity))
    }
}

#[expect(clippy::cast_precision_loss, reason = "no run delivers 2^53 bytes")]
const fn as_f64(bytes: Bytes) -> f64 {
    bytes.get() as f64
}
