//! Looks over a law's shoulder, at the truth.

use std::time::Duration;

use wanctl_types::{Bps, Direction, Millis, PerDirection, Timestamp};

use super::{
    BELOW_CAPACITY, LEFT_ALONE_FOR, Latch, STANDING, STANDING_PACKETS, STANDS_FOR, Stretch,
    UNREACTING,
};
use crate::bench::{Case, Flow, FlowKind, LawUnderTest, Probing, Seen, Truth};

/// Time from one look to the next.
const LOOK: Duration = Duration::from_millis(100);
/// A rate that was lowered within this many looks is being worked with.
const RECENT: usize = 10;
/// By this factor at least.
const LOWERED: f64 = 0.99;
/// A full packet, bits.
const PACKET: f64 = 12_000.0;

/// A law, and what it does about the provider's queues.
pub(super) struct Watch<'a> {
    law: &'a mut dyn LawUnderTest,
    streams: Vec<Flow>,
    /// Whether senders that pace by themselves send in this direction.
    paces: PerDirection<bool>,
    next_look: Timestamp,
    lanes: PerDirection<Lane>,
    found: Vec<Latch>,
}

/// One direction.
#[derive(Clone, Debug, Default)]
struct Lane {
    /// The rates of the last looks, oldest first.
    rates: Vec<f64>,
    left_alone: Option<Stretch>,
    standing: Option<Stretch>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(law: &'a mut dyn LawUnderTest, case: &Case) -> Self {
        let is_stream = |flow: &&Flow| matches!(flow.kind, FlowKind::Constant { .. });
        Self {
            law,
            streams: case.demands.iter().filter(is_stream).copied().collect(),
            paces: PerDirection::from_fn(|direction| {
                let mut flows = case.demands.iter();
                flows.any(|flow| flow.direction == direction && flow.kind == FlowKind::Bbr)
            }),
            next_look: Timestamp::ZERO,
            lanes: PerDirection::default(),
            found: Vec::new(),
        }
    }

    /// What was found, with what still goes on.
    pub(super) fn latches(mut self) -> Vec<Latch> {
        for direction in Direction::BOTH {
            let lane = &mut self.lanes[direction];
            lane.end(&mut self.found);
        }
        self.found.sort_by_key(|latch| match latch {
            Latch::LeftAlone(stretch) | Latch::NotCured(stretch) => stretch.from,
        });
        self.found
    }

    fn look(&mut self, now: Timestamp, seen: &Seen<'_>, rates: PerDirection<Bps>) {
        for direction in Direction::BOTH {
            let truth = &seen.truth[direction];
            let capacity = truth.capacity.as_f64();
            let delay = delay(truth);
            let unreacting = match direction {
                Direction::Download => self.unreacting(now),
                Direction::Upload => 0.0,
            };
            let is_curable = capacity > 0.0 && unreacting < UNREACTING * capacity;
            let is_real = delay >= least(capacity);
            let lane = &mut self.lanes[direction];
            let is_worked_at = lane.works(rates[direction].as_f64(), capacity);
            if !(is_real && is_curable) {
                lane.end(&mut self.found);
                continue;
            }
            let begun = Stretch {
                direction,
                from: now,
                length: Duration::ZERO,
                least: Millis::saturating(delay),
            };
            if direction == Direction::Upload || !self.paces[direction] {
                lane.standing.get_or_insert(begun).extend(now, delay);
            }
            if is_worked_at {
                lane.end_left_alone(&mut self.found);
            } else {
                lane.left_alone.get_or_insert(begun).extend(now, delay);
            }
        }
    }

    /// What comes down whatever happens to it, bit/s.
    fn unreacting(&self, now: Timestamp) -> f64 {
        let running = self
            .streams
            .iter()
            .filter(|flow| flow.direction == Direction::Download)
            .filter(|flow| flow.from <= now && now < flow.to);
        running
            .map(|flow| match flow.kind {
                FlowKind::Constant { rate } => rate.as_f64(),
                FlowKind::Cubic
                | FlowKind::Bbr
                | FlowKind::AppLimited { .. }
                | FlowKind::Web { .. } => 0.0,
            })
            .sum()
    }
}

/// How long what waits at the provider takes, ms.
fn delay(truth: &Truth) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "no queue holds 2^52 bytes")]
    let bits = truth.provider_queue.get() as f64 * 8.0;
    1e3 * bits / truth.capacity.as_f64().max(1.0)
}

/// The least delay that is a real queue, ms.
fn least(capacity: f64) -> f64 {
    let packets = 1e3 * STANDING_PACKETS * PACKET / capacity.max(1.0);
    packets.max(STANDING.as_secs_f64() * 1e3)
}

impl Lane {
    /// Whether the law works at a queue with this rate. Remembers the rate.
    fn works(&mut self, rate: f64, capacity: f64) -> bool {
        let before = self.rates.iter().copied().fold(0.0, f64::max);
        if self.rates.len() >= RECENT {
            self.rates.remove(0);
        }
        self.rates.push(rate);
        rate <= BELOW_CAPACITY * capacity || rate <= LOWERED * before
    }

    fn end(&mut self, found: &mut Vec<Latch>) {
        self.end_left_alone(found);
        if let Some(stretch) = self.standing.take().filter(|s| s.length > STANDS_FOR) {
            found.push(Latch::NotCured(stretch));
        }
    }

    fn end_left_alone(&mut self, found: &mut Vec<Latch>) {
        let stretch = self.left_alone.take();
        if let Some(stretch) = stretch.filter(|s| s.length > LEFT_ALONE_FOR) {
            found.push(Latch::LeftAlone(stretch));
        }
    }
}

impl Stretch {
    fn extend(&mut self, now: Timestamp, delay: f64) {
        self.length = now.saturating_since(self.from);
        self.least = Millis::saturating(self.least.get().min(delay));
    }
}

impl LawUnderTest for Watch<'_> {
    fn name(&self) -> &str {
        self.law.name()
    }

    fn interval(&self) -> Duration {
        self.law.interval()
    }

    fn probing(&self) -> Probing {
        self.law.probing()
    }

    fn start(&self) -> PerDirection<Bps> {
        self.law.start()
    }

    fn step(&mut self, now: Timestamp, seen: &Seen<'_>) -> PerDirection<Bps> {
        let rates = self.law.step(now, seen);
        if now >= self.next_look {
            self.next_look = now + LOOK;
            self.look(now, seen, rates);
        }
        rates
    }
}
