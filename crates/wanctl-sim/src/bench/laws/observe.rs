//! What the benchmark shows, as our own laws get to see it.

use std::time::Duration;

use wanctl_controller::{
    LinkObservation, LoadObservation, MAX_REFLECTORS, Observation, QueueObservation,
    ReflectorObservation,
};
use wanctl_types::{Bytes, PerDirection, Timestamp};

use crate::bench::{CounterReading, ProbeReply, Seen};

/// One answer or none per reflector.
pub(super) type Answers = [Option<ProbeReply>; MAX_REFLECTORS];

/// Builds observations, and remembers between them what they need.
#[derive(Clone, Debug, Default)]
pub(super) struct Observer {
    /// Losses since the last observation.
    lost: [u32; MAX_REFLECTORS],
    traffic: PerDirection<Traffic>,
}

impl Observer {
    /// Takes in what one step of the benchmark shows. Several may pass before one observation.
    pub(super) fn watch(&mut self, seen: &Seen<'_>) {
        for (sum, lost) in self.lost.iter_mut().zip(seen.lost) {
            *sum = sum.saturating_add(*lost);
        }
    }

    /// The observation at `now`. `probe_interval` is the time between two probes to a reflector.
    pub(super) fn observe(
        &mut self,
        now: Timestamp,
        probe_interval: Duration,
        seen: &Seen<'_>,
        answers: &Answers,
    ) -> Observation {
        let lost = std::mem::take(&mut self.lost);
        let reflectors = seen.waiting.iter().zip(lost).zip(answers);
        Observation {
            reflectors: reflectors
                .map(|((waiting, lost), answer)| {
                    let overdue = waiting.map(|sent| now.saturating_since(sent));
                    reflector(now, probe_interval, answer.as_ref(), lost, overdue)
                })
                .take(MAX_REFLECTORS)
                .collect(),
            reachability: None,
            link: PerDirection::from_fn(|direction| {
                self.traffic[direction].observe(now, seen.counters[direction])
            }),
        }
    }
}

/// Of the probes on their way only those are known that left after every answered one; they left
/// one interval apart.
fn reflector(
    now: Timestamp,
    probe_interval: Duration,
    answer: Option<&ProbeReply>,
    lost: u32,
    overdue: Option<Duration>,
) -> ReflectorObservation {
    let further = |overdue: Duration| overdue.as_micros() / probe_interval.as_micros().max(1);
    let outstanding = overdue.map_or(0, |overdue| further(overdue) + 1);
    ReflectorObservation {
        rtt: answer.map(|answer| answer.rtt),
        age: answer.map_or(Duration::ZERO, |answer| {
            now.saturating_since(answer.received_at)
        }),
        lost,
        outstanding: u32::try_from(outstanding).unwrap_or(u32::MAX),
        overdue,
        one_way: answer.and_then(|answer| answer.one_way),
    }
}

/// One direction's counters. A reading is reported again, older, until there is a newer one.
#[derive(Clone, Copy, Debug, Default)]
struct Traffic {
    reported: Option<CounterReading>,
    last: Option<Carried>,
}

/// What was counted between two readings.
#[derive(Clone, Copy, Debug)]
struct Carried {
    bytes: Bytes,
    interval: Duration,
    drops: Option<u64>,
}

impl Traffic {
    fn observe(&mut self, now: Timestamp, newest: Option<CounterReading>) -> LinkObservation {
        self.take(newest);
        let age = self
            .reported
            .map(|reading| now.saturating_since(reading.at))
            .unwrap_or_default();
        LinkObservation {
            load: self.last.map(|carried| LoadObservation {
                bytes: carried.bytes,
                interval: carried.interval,
                age,
            }),
            queue: self.queue(age),
        }
    }

    fn take(&mut self, newest: Option<CounterReading>) {
        let Some(newer) = newest else {
            return;
        };
        match self.reported {
            Some(older) if newer.at <= older.at => return,
            Some(older) => self.last = Some(Carried::between(&older, &newer)),
            None => {}
        }
        self.reported = Some(newer);
    }

    fn queue(&self, age: Duration) -> Option<QueueObservation> {
        let reading = self.reported?;
        let counted = reading.backlog.is_some() || reading.drops.is_some();
        (counted || reading.delay.is_some()).then(|| QueueObservation {
            backlog: reading.backlog,
            drops: self.last.and_then(|carried| carried.drops),
            delay: reading.delay,
            age,
        })
    }
}

impl Carried {
    fn between(older: &CounterReading, newer: &CounterReading) -> Self {
        let drops = newer.drops.zip(older.drops);
        Self {
            bytes: Bytes::new(newer.bytes.get().saturating_sub(older.bytes.get())),
            interval: newer.at.saturating_since(older.at),
            drops: drops.map(|(newer, older)| newer.saturating_sub(older)),
        }
    }
}
