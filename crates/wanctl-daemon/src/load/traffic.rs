//! Differences of counters, with their times.

use std::time::Duration;

use wanctl_controller::{LinkObservation, LoadObservation, QueueObservation};
use wanctl_router::Counters;
use wanctl_types::{Bps, Bytes, Timestamp};

/// A reading older than this tells nothing of the traffic now.
const STALE: Duration = Duration::from_secs(1);
/// A mean over longer than this hides what went on; a router that restarted was away for longer.
const LONGEST_GAP: Duration = Duration::from_secs(2);
/// Where a counter of 32 bits begins again.
const WRAP: u64 = 1 << 32;

/// The counters of one queue at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// When the router was read.
    pub(super) at: Timestamp,
    /// What it said.
    pub(super) counters: Counters,
}

/// What became of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// There is none to compare it with: the first one, or the first one after a long gap.
    First,
    /// It continues the one before.
    Continued,
    /// The counter began anew, or jumped as no traffic can.
    Reset,
    /// It is no newer than the one before, or counts no bytes.
    Useless,
}

/// One direction's counters. A reading is shown again, older, until there is a newer one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    newest: Option<Reading>,
    carried: Option<Carried>,
}

/// What was counted between the two newest readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Carried {
    bytes: Bytes,
    interval: Duration,
    drops: Option<u64>,
}

impl Traffic {
    /// Takes a reading. `plausible` is a rate that the queue cannot have passed.
    pub(super) fn take(&mut self, reading: Reading, plausible: Bps) -> Taken {
        let Some(older) = self.newest else {
            return self.begin(reading, Taken::First);
        };
        if reading.at <= older.at {
            return Taken::Useless;
        }
        let interval = reading.at.saturating_since(older.at);
        if interval > LONGEST_GAP {
            return self.begin(reading, Taken::First);
        }
        let (Some(before), Some(after)) = (older.counters.bytes, reading.counters.bytes) else {
            return self.begin(reading, Taken::Useless);
        };
        let most = carried_at_most(plausible, interval);
        let Some(bytes) = difference(before, after, most) else {
            return self.begin(reading, Taken::Reset);
        };
        let drops = older.counters.dropped.zip(reading.counters.dropped);
        self.newest = Some(reading);
        self.carried = Some(Carried {
            bytes,
            interval,
            drops: drops.and_then(|(before, after)| after.checked_sub(before)),
        });
        Taken::Continued
    }

    /// What is known at `now`; nothing once the newest reading is stale.
    pub(crate) fn observe(&self, now: Timestamp) -> LinkObservation {
        let Some(newest) = self.newest else {
            return LinkObservation::default();
        };
        let age = now.saturating_since(newest.at);
        if age > STALE {
            return LinkObservation::default();
        }
        let drops = self.carried.and_then(|carried| carried.drops);
        let backlog = newest.counters.backlog;
        LinkObservation {
            load: self.carried.map(|carried| LoadObservation {
                bytes: carried.bytes,
                interval: carried.interval,
                age,
            }),
            queue: (backlog.is_some() || drops.is_some()).then_some(QueueObservation {
                backlog,
                drops,
                delay: None,
                age,
            }),
        }
    }

    fn begin(&mut self, reading: Reading, taken: Taken) -> Taken {
        self.newest = Some(reading);
        self.carried = None;
        taken
    }
}

/// Bytes from one reading to the next, over the end of a counter of 32 or of 64 bits if need be;
/// `None` if no traffic can have been that much.
fn difference(before: Bytes, after: Bytes, most: u64) -> Option<Bytes> {
    let (before, after) = (before.get(), after.get());
    let wrapped = (after < before && before < WRAP).then(|| after + WRAP - before);
    [Some(after.wrapping_sub(before)), wrapped]
        .into_iter()
        .flatten()
        .find(|bytes| *bytes <= most)
        .map(Bytes::new)
}

fn carried_at_most(rate: Bps, interval: Duration) -> u64 {
    let bits = u128::from(rate.get()) * interval.as_micros() / 1_000_000;
    u64::try_from(bits / 8).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 25 MB in 200 ms.
    const PLAUSIBLE: Bps = Bps::from_mbps(1_000);

    #[test]
    fn the_first_reading_shows_the_queue_and_no_traffic() {
        let mut traffic = Traffic::default();
        assert_eq!(traffic.observe(at(0)), LinkObservation::default());
        assert_eq!(take(&mut traffic, 0, 5_000), Taken::First);
        let seen = traffic.observe(at(30));
        assert_eq!(seen.load, None);
        let queue = seen.queue.unwrap();
        assert_eq!(queue.backlog, Some(Bytes::new(700)));
        assert_eq!((queue.drops, queue.age), (None, Duration::from_millis(30)));
    }

    #[test]
    fn a_reading_is_shown_again_and_older_until_it_is_stale() {
        let mut traffic = begun();
        assert_eq!(take(&mut traffic, 210, 1_250_000), Taken::Continued);
        for age in [0, 50, 1_000] {
            let load = traffic.observe(at(210 + age)).load.unwrap();
            assert_eq!(load.bytes, Bytes::new(1_000_000));
            assert_eq!(load.interval, Duration::from_millis(200));
            assert_eq!(load.age, Duration::from_millis(age));
        }
        assert_eq!(traffic.observe(at(1_211)), LinkObservation::default());
    }

    #[test]
    fn a_counter_that_begins_anew_gives_no_difference() {
        for (before, after) in [(3_000_000_000, 40_000), (u64::MAX / 2, 0), (90_000_000, 0)] {
            let mut traffic = Traffic::default();
            take(&mut traffic, 0, before);
            take(&mut traffic, 200, before + 9);
            assert_eq!(take(&mut traffic, 400, after), Taken::Reset);
            assert_eq!(traffic.observe(at(400)).load, None);
            assert_eq!(take(&mut traffic, 600, after + 1_000), Taken::Continued);
            let load = traffic.observe(at(600)).load.unwrap();
            assert_eq!(load.bytes, Bytes::new(1_000));
        }
    }

    #[test]
    fn a_jump_that_no_traffic_makes_gives_no_difference() {
        let mut traffic = begun();
        assert_eq!(take(&mut traffic, 210, 250_000 + 25_000_001), Taken::Reset);
        assert_eq!(traffic.observe(at(210)).load, None);
    }

    #[test]
    fn counters_of_either_width_wrap() {
        for end in [WRAP, 0] {
            let mut traffic = Traffic::default();
            take(&mut traffic, 0, end.wrapping_sub(400));
            assert_eq!(take(&mut traffic, 200, 600), Taken::Continued);
            assert_eq!(
                traffic.observe(at(200)).load.unwrap().bytes,
                Bytes::new(1_000)
            );
        }
    }

    #[test]
    fn after_a_long_gap_the_difference_begins_anew() {
        let mut traffic = begun();
        assert_eq!(take(&mut traffic, 2_011, 400_000), Taken::First);
        assert_eq!(traffic.observe(at(2_011)).load, None);
    }

    #[test]
    fn what_is_no_newer_changes_nothing() {
        let mut traffic = begun();
        take(&mut traffic, 210, 300_000);
        let before = traffic.observe(at(250));
        assert_eq!(take(&mut traffic, 210, 900_000), Taken::Useless);
        assert_eq!(traffic.observe(at(250)), before);
    }

    #[test]
    fn a_queue_without_a_count_of_bytes_shows_what_waits() {
        let mut traffic = begun();
        let counters = Counters {
            backlog: Some(Bytes::new(9)),
            ..Counters::default()
        };
        let reading = Reading {
            at: at(210),
            counters,
        };
        assert_eq!(traffic.take(reading, PLAUSIBLE), Taken::Useless);
        let seen = traffic.observe(at(220));
        assert_eq!(seen.load, None);
        assert_eq!(seen.queue.unwrap().backlog, Some(Bytes::new(9)));
    }

    proptest! {
        #[test]
        fn no_difference_is_more_than_a_line_can_carry(
            counts in prop::collection::vec((1..3_000_u64, any::<u64>()), 1..20),
        ) {
            let mut traffic = Traffic::default();
            let mut now = 0;
            for (pause, bytes) in counts {
                now += pause;
                take(&mut traffic, now, bytes);
                if let Some(load) = traffic.observe(at(now)).load {
                    prop_assert!(load.interval > Duration::ZERO);
                    prop_assert!(load.bytes.per(load.interval) <= Some(PLAUSIBLE));
                }
            }
        }
    }

    /// After one reading at 10 ms.
    fn begun() -> Traffic {
        let mut traffic = Traffic::default();
        take(&mut traffic, 10, 250_000);
        traffic
    }

    fn take(traffic: &mut Traffic, millis: u64, bytes: u64) -> Taken {
        let counters = Counters {
            bytes: Some(Bytes::new(bytes)),
            backlog: Some(Bytes::new(700)),
            ..Counters::default()
        };
        let reading = Reading {
            at: at(millis),
            counters,
        };
        traffic.take(reading, PLAUSIBLE)
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_micros(millis * 1_000)
    }
}
