//! What a queue did between two readings of its counters.

use wanctl_types::{Bytes, Timestamp};

use crate::Counters;

/// Where older devices' counters begin again.
const WRAP: u64 = 1 << 32;
/// A counter that was above this share of [`WRAP`], in quarters, may have wrapped.
const NEAR_QUARTERS: u64 = 3;

/// Turns readings of cumulative counters into what happened between them.
///
/// The first reading has nothing to be compared with, and says so: it is never taken for traffic
/// of one interval. A counter that has gone down has wrapped at 2^32 when it was near that before
/// and is small now; otherwise somebody reset the counters or the device restarted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CounterTracker {
    last: Option<(Timestamp, Counters)>,
}

/// What a reading came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Interval {
    /// The first reading.
    First,
    /// The counters began anew; from this reading on they are followed again.
    Reset,
    /// What happened since the previous reading.
    Since(QueueInterval),
}

/// What a queue did since the previous reading; absent where the router does not count it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueInterval {
    /// Time between the two readings.
    pub time: core::time::Duration,
    /// Bytes carried.
    pub bytes: Option<Bytes>,
    /// Packets carried.
    pub packets: Option<u64>,
    /// Packets dropped.
    pub dropped: Option<u64>,
    /// Packets waiting now.
    pub queued: Option<u64>,
}

impl CounterTracker {
    /// Takes a reading made at `now`. A reading that failed is not told: the next one then stands
    /// for the longer time.
    pub fn read(&mut self, now: Timestamp, counters: Counters) -> Interval {
        let Some((then, before)) = self.last.replace((now, counters)) else {
            return Interval::First;
        };
        let bytes = gone(before.bytes.map(Bytes::get), counters.bytes.map(Bytes::get));
        let packets = gone(before.packets, counters.packets);
        let dropped = gone(before.dropped, counters.dropped);
        match (bytes, packets, dropped) {
            (Ok(bytes), Ok(packets), Ok(dropped)) => Interval::Since(QueueInterval {
                time: now.saturating_since(then),
                bytes: bytes.map(Bytes::new),
                packets,
                dropped,
                queued: counters.queued_packets,
            }),
            (Err(Reset), _, _) | (_, Err(Reset), _) | (_, _, Err(Reset)) => Interval::Reset,
        }
    }

    /// Forgets the last reading, for when the queue may be another one.
    pub fn forget(&mut self) {
        self.last = None;
    }
}

/// A counter that began anew.
struct Reset;

fn gone(before: Option<u64>, now: Option<u64>) -> Result<Option<u64>, Reset> {
    let (Some(before), Some(now)) = (before, now) else {
        return Ok(None);
    };
    if let Some(gone) = now.checked_sub(before) {
        return Ok(Some(gone));
    }
    let near = (WRAP / 4 * NEAR_QUARTERS..WRAP).contains(&before);
    if near && now < WRAP / 4 {
        return Ok(Some(WRAP - before + now));
    }
    Err(Reset)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn counters(bytes: u64, dropped: u64) -> Counters {
        Counters {
            bytes: Some(Bytes::new(bytes)),
            packets: Some(4_000),
            dropped: Some(dropped),
            ..Counters::default()
        }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn the_first_reading_is_nobodys_traffic() {
        let mut tracker = CounterTracker::default();
        assert_eq!(
            tracker.read(at(1), counters(5_000_000, 100)),
            Interval::First
        );
        let Interval::Since(since) = tracker.read(at(3), counters(5_100_000, 107)) else {
            panic!("the second reading has a first");
        };
        assert_eq!(since.dropped, Some(7));
        assert_eq!(since.bytes, Some(Bytes::new(100_000)));
        assert_eq!(since.time, Duration::from_secs(2));
    }

    #[test]
    fn a_counter_that_fell_is_a_reset_and_followed_from_there() {
        let mut tracker = CounterTracker::default();
        let _first = tracker.read(at(1), counters(5_000_000, 107));
        assert_eq!(tracker.read(at(2), counters(1_000, 3)), Interval::Reset);
        let Interval::Since(since) = tracker.read(at(3), counters(2_000, 4)) else {
            panic!("the reset is the new first");
        };
        assert_eq!(since.dropped, Some(1));
    }

    #[test]
    fn a_counter_that_ran_over_is_no_reset() {
        let mut tracker = CounterTracker::default();
        let _first = tracker.read(at(1), counters(WRAP - 1_000, 7));
        let Interval::Since(since) = tracker.read(at(2), counters(500, 7)) else {
            panic!("it only ran over");
        };
        assert_eq!(since.bytes, Some(Bytes::new(1_500)));
    }

    #[test]
    fn what_is_not_counted_is_not_zero() {
        let mut tracker = CounterTracker::default();
        let _first = tracker.read(at(1), Counters::default());
        let Interval::Since(since) = tracker.read(at(2), Counters::default()) else {
            panic!("nothing fell");
        };
        assert_eq!((since.dropped, since.queued), (None, None));
    }
}
