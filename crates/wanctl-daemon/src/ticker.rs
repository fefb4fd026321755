//! Absolute deadlines at a fixed interval.

use std::time::Duration;

use wanctl_types::Timestamp;

/// Yields deadlines `start`, `start + interval`, … A deadline that is a whole interval late is
/// counted as missed and skipped, never caught up.
#[derive(Clone, Debug)]
pub(crate) struct Ticker {
    next: Timestamp,
    interval: Duration,
    missed: u64,
}

impl Ticker {
    pub(crate) fn new(start: Timestamp, interval: Duration) -> Self {
        Self {
            next: start,
            interval: interval.max(Duration::from_micros(1)),
            missed: 0,
        }
    }

    /// When the next tick is due.
    pub(crate) fn deadline(&self) -> Timestamp {
        self.next
    }

    /// Takes the tick that is due at `now`, if any, and moves on to the first deadline after it.
    pub(crate) fn take(&mut self, now: Timestamp) -> bool {
        if now < self.next {
            return false;
        }
        let late = now.saturating_since(self.next).as_micros();
        let skipped = late / self.interval.as_micros();
        let skipped = u32::try_from(skipped).unwrap_or(u32::MAX);
        self.missed = self.missed.saturating_add(u64::from(skipped));
        self.next = self.next + self.interval.saturating_mul(skipped.saturating_add(1));
        true
    }

    /// Deadlines skipped since the start.
    pub(crate) fn missed(&self) -> u64 {
        self.missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(50);

    #[test]
    fn deadlines_do_not_drift_with_lateness() {
        let mut ticker = Ticker::new(at(0), TICK);
        assert!(ticker.take(at(7)));
        assert_eq!(ticker.deadline(), at(50));
        assert!(!ticker.take(at(49)));
        assert!(ticker.take(at(60)));
        assert_eq!(ticker.deadline(), at(100));
        assert_eq!(ticker.missed(), 0);
    }

    #[test]
    fn missed_ticks_are_counted_and_skipped() {
        let mut ticker = Ticker::new(at(0), TICK);
        assert!(ticker.take(at(149)));
        assert_eq!(ticker.missed(), 2);
        assert_eq!(ticker.deadline(), at(150));
        assert!(ticker.take(at(150)));
        assert_eq!(ticker.missed(), 2);
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_millis(millis)
    }
}
