//! The law's desk: what it gets to see of the router, and how its orders are carried out.

use std::collections::VecDeque;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use wanctl_types::{Bps, Direction, Millis, PerDirection};

use super::noise::stream;
use super::probes::Probes;
use super::shaper::Shaper;
use super::{bytes, timestamp};
use crate::bench::{Actuation, Case, CounterKind, CounterReading, ProbeReply};

/// Lowest rate a router takes, in bits per second.
const LEAST_RATE: f64 = 8_000.0;

#[derive(Debug)]
pub(super) struct Desk {
    actuation: Actuation,
    kind: CounterKind,
    counter_interval: f64,
    next_reading: f64,
    counters: PerDirection<Option<CounterReading>>,
    ordered: PerDirection<Bps>,
    /// Rates on their way to the router, oldest first.
    coming: VecDeque<(f64, PerDirection<Bps>)>,
    replies: Vec<ProbeReply>,
    rng: ChaCha8Rng,
}

impl Desk {
    pub(super) fn new(case: &Case, start: PerDirection<Bps>) -> Self {
        let mut rng = stream(case.seed, 4);
        let counter_interval = case.counter_interval.as_secs_f64().max(0.001);
        Self {
            actuation: case.actuation,
            kind: case.counters,
            next_reading: counter_interval * rng.random::<f64>(),
            counter_interval,
            counters: PerDirection::default(),
            ordered: start,
            coming: VecDeque::new(),
            replies: Vec::new(),
            rng,
        }
    }

    /// Puts rates in force that are due, and reads the counters when it is time.
    pub(super) fn advance(&mut self, now: f64, shapers: &mut PerDirection<Shaper>) {
        while let Some((_, rates)) = self.coming.pop_front_if(|(at, _)| *at <= now) {
            for direction in Direction::BOTH {
                let rate = rates[direction].as_f64().max(LEAST_RATE);
                shapers[direction].set_rate(now, rate);
            }
        }
        if now >= self.next_reading && self.kind != CounterKind::Nothing {
            self.next_reading += self.counter_interval;
            self.counters = shapers.as_ref().map(|shaper| Some(self.read(now, shaper)));
        }
    }

    /// Sends rates on their way; which of them are new.
    pub(super) fn order(
        &mut self,
        now: f64,
        rates: PerDirection<Bps>,
    ) -> impl Iterator<Item = (Direction, Bps)> + use<> {
        let before = self.ordered;
        self.ordered = rates;
        if rates != before {
            let Actuation { least, most } = self.actuation;
            let spread = most.saturating_sub(least).as_secs_f64();
            let delay = least.as_secs_f64() + spread * self.rng.random::<f64>();
            let earliest = self.coming.back().map_or(0.0, |(at, _)| *at);
            self.coming.push_back(((now + delay).max(earliest), rates));
        }
        Direction::BOTH
            .into_iter()
            .filter(move |d| before[*d] != rates[*d])
            .map(move |d| (d, rates[d]))
    }

    pub(super) fn take_replies(&mut self, probes: &mut Probes) {
        probes.take_replies(&mut self.replies);
    }

    pub(super) fn replies(&self) -> &[ProbeReply] {
        &self.replies
    }

    pub(super) const fn counters(&self) -> PerDirection<Option<CounterReading>> {
        self.counters
    }

    fn read(&self, now: f64, shaper: &Shaper) -> CounterReading {
        let (backlog, drops, delay) = match self.kind {
            CounterKind::Nothing | CounterKind::Bytes => (None, None, None),
            CounterKind::RouterOs => (Some(bytes(shaper.backlog)), Some(0), None),
            CounterKind::Cake => (
                Some(bytes(shaper.backlog)),
                Some(shaper.drops),
                Some(Millis::saturating(shaper.delay * 1e3).to_duration()),
            ),
        };
        CounterReading {
            at: timestamp(now),
            bytes: bytes(shaper.carried),
            backlog,
            drops,
            delay,
        }
    }
}
