//! A line in closed form: one queue of the provider in each direction, one of ours, and senders
//! that send what they are told to.
//!
//! Download: senders, the provider's queue, our shaper, home. Upload: home, our shaper, the
//! provider's queue. A rate told in one tick is in force in the next one.

use core::time::Duration;

use wanctl_controller::{
    Controller, Decision, LinkObservation, LoadObservation, Observation, QueueObservation,
    ReflectorObservation,
};
use wanctl_types::{Bps, Bytes, Direction, Millis, PerDirection, Timestamp};

/// Seconds from tick to tick.
pub(crate) const TICK: f64 = 0.05;
/// Full packets wait in our shaper for no longer than this; then flows are told to slow down.
const OUR_QUEUE: f64 = 0.02;
/// What a sender adds in a round trip while nobody tells it to slow down, and what it keeps when
/// told.
const MORE: f64 = 1.05;
const LESS: f64 = 0.95;

/// What is sent in one direction.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Demand {
    /// So many bit/s, whatever comes of it.
    Constant(f64),
    /// Beginning with so many bit/s, as many as arrive and a little more, until our shaper says
    /// that it is enough.
    Greedy(f64),
}

/// One direction's queues.
#[derive(Clone, Copy, Debug)]
struct Way {
    capacity: f64,
    /// In the provider's queue and in ours, bits.
    theirs: f64,
    ours: f64,
    /// In force, bit/s.
    rate: f64,
    /// Left our shaper in the last tick, bit/s.
    carried: f64,
    /// Sent in the last tick, bit/s.
    sent: f64,
}

/// The line and what the controller sees of it.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    idle: f64,
    ways: PerDirection<Way>,
    tick: u32,
}

impl Line {
    /// `idle` is its round trip without load, ms; `capacity` is in bit/s.
    pub(crate) fn new(idle: f64, capacity: PerDirection<f64>, controller: &Controller) -> Self {
        let queues = controller.state().queues;
        Self {
            idle,
            ways: PerDirection::from_fn(|direction| Way {
                capacity: capacity[direction],
                theirs: 0.0,
                ours: 0.0,
                rate: queues[direction].rate.get(),
                carried: 0.0,
                sent: 0.0,
            }),
            tick: 0,
        }
    }

    /// The delay in both of the provider's queues, ms.
    pub(crate) fn added(&self) -> f64 {
        let waits = self.ways.map(|way| 1e3 * way.theirs / way.capacity);
        waits.download + waits.upload
    }

    /// One tick: everything flows, the controller looks and decides.
    pub(crate) fn tick(
        &mut self,
        demand: PerDirection<Option<Demand>>,
        controller: &mut Controller,
    ) -> Decision {
        for direction in Direction::BOTH {
            self.ways[direction].flow(direction, demand[direction]);
        }
        self.tick += 1;
        let now = Timestamp::from_micros(u64::from(self.tick) * 50_000);
        let decision = controller.step(now, &self.observation());
        for direction in Direction::BOTH {
            self.ways[direction].rate = decision.directions[direction].rate.as_f64();
        }
        decision
    }

    fn observation(&self) -> Observation {
        let rtt = Millis::saturating(self.idle + self.added());
        let reflector = ReflectorObservation {
            rtt: Some(rtt),
            age: Duration::from_millis(5),
            ..ReflectorObservation::default()
        };
        Observation {
            reflectors: [reflector; 3].into_iter().collect(),
            reachability: None,
            link: self.ways.map(|way| way.seen()),
        }
    }
}

impl Way {
    fn flow(&mut self, direction: Direction, demand: Option<Demand>) {
        let sent = match demand {
            None => 0.0,
            Some(Demand::Constant(rate)) => rate,
            Some(Demand::Greedy(first)) if self.sent == 0.0 => first,
            Some(Demand::Greedy(_)) if self.ours > OUR_QUEUE * self.rate => LESS * self.carried,
            Some(Demand::Greedy(_)) => MORE * self.carried.max(0.01 * self.capacity),
        };
        self.sent = sent;
        match direction {
            Direction::Download => {
                let arrived = pass(&mut self.theirs, sent, self.capacity);
                self.carried = pass(&mut self.ours, arrived, self.rate);
            }
            Direction::Upload => {
                self.carried = pass(&mut self.ours, sent, self.rate);
                pass(&mut self.theirs, self.carried, self.capacity);
            }
        }
    }

    fn seen(&self) -> LinkObservation {
        let age = Duration::from_millis(5);
        LinkObservation {
            load: Some(LoadObservation {
                bytes: bytes(self.carried * TICK),
                interval: Duration::from_secs_f64(TICK),
                age,
            }),
            queue: Some(QueueObservation {
                backlog: Some(bytes(self.ours)),
                age,
                ..QueueObservation::default()
            }),
        }
    }
}

/// What leaves a queue in one tick, bit/s.
fn pass(queue: &mut f64, arriving: f64, rate: f64) -> f64 {
    let waiting = *queue + arriving * TICK;
    let leaving = waiting.min(rate * TICK);
    *queue = waiting - leaving;
    leaving / TICK
}

fn bytes(bits: f64) -> Bytes {
    Bytes::new(Bps::truncating(bits / 8.0).get())
}
