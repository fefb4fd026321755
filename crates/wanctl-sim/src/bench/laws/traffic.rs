//! What other programs make of our shaper's counters.

use wanctl_types::{Bps, Bytes};

use crate::bench::CounterReading;

/// Remembers the reading that was looked at last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Delivered {
    last: Option<CounterReading>,
}

impl Delivered {
    /// The rate carried since the last look; `None` without two readings to compare.
    pub(super) fn since_last(&mut self, newest: Option<CounterReading>) -> Option<Bps> {
        let newest = newest?;
        let last = self.last.replace(newest)?;
        if newest.at <= last.at {
            self.last = Some(last);
            return None;
        }
        let bytes = newest.bytes.get().saturating_sub(last.bytes.get());
        Bytes::new(bytes).per(newest.at.saturating_since(last.at))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{carried, reading};
    use super::*;

    #[test]
    fn rates_are_between_looks_and_no_reading_counts_twice() {
        let mut delivered = Delivered::default();
        assert_eq!(delivered.since_last(None), None);
        assert_eq!(delivered.since_last(Some(reading(100, 0))), None);
        let later = reading(300, carried(8.0, 200));
        assert_eq!(delivered.since_last(Some(later)), Some(Bps::from_mbps(8)));
        assert_eq!(delivered.since_last(Some(later)), None);
        let last = reading(500, later.bytes.get() + carried(4.0, 200));
        assert_eq!(delivered.since_last(Some(last)), Some(Bps::from_mbps(4)));
    }
}
