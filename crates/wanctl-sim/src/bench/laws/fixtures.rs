//! What a law gets to see, made by hand.

use std::time::Duration;

use wanctl_types::{Bps, Bytes, Millis, PerDirection, Timestamp};

use crate::bench::{CounterReading, Plan, ProbeReply, Seen, Truth};

/// A line sold as 50/10 Mbit/s.
pub(super) const PLAN: Plan = Plan {
    rates: PerDirection::new(Bps::from_mbps(50), Bps::from_mbps(10)),
};

/// The pieces of one [`Seen`].
#[derive(Clone, Debug, Default)]
pub(super) struct Sight {
    pub(super) replies: Vec<ProbeReply>,
    pub(super) waiting: Vec<Option<Timestamp>>,
    pub(super) lost: Vec<u32>,
    pub(super) counters: PerDirection<Option<CounterReading>>,
    pub(super) truth: PerDirection<Truth>,
}

impl Sight {
    pub(super) fn new(reflectors: usize) -> Self {
        Self {
            waiting: vec![None; reflectors],
            lost: vec![0; reflectors],
            ..Self::default()
        }
    }

    pub(super) fn seen(&self) -> Seen<'_> {
        Seen {
            replies: &self.replies,
            waiting: &self.waiting,
            lost: &self.lost,
            counters: self.counters,
            truth: self.truth,
        }
    }
}

pub(super) const fn at(millis: u64) -> Timestamp {
    Timestamp::from_micros(millis * 1_000)
}

pub(super) fn ms(value: f64) -> Millis {
    Millis::new(value).unwrap()
}

/// An answer of `reflector` that arrives at `received` milliseconds after `rtt`.
pub(super) fn reply(reflector: usize, received: u64, rtt: f64) -> ProbeReply {
    let received_at = at(received);
    ProbeReply {
        reflector,
        sent_at: received_at - ms(rtt).to_duration(),
        received_at,
        rtt: ms(rtt),
        one_way: None,
    }
}

/// A reading of bytes alone.
pub(super) fn reading(millis: u64, bytes: u64) -> CounterReading {
    CounterReading {
        at: at(millis),
        bytes: Bytes::new(bytes),
        backlog: None,
        drops: None,
        delay: None,
    }
}

/// Bytes that a rate in Mbit/s carries within `millis`.
pub(super) fn carried(mbps: f64, millis: u64) -> u64 {
    let bits = mbps * 1e6 * Duration::from_millis(millis).as_secs_f64();
    Bps::truncating(bits / 8.0).get()
}
