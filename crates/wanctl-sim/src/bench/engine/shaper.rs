//! Our shaper: a rate, and a queue of its own for each flow, as CAKE and `fq_codel` have.

use std::collections::VecDeque;

use super::codel::CoDel;
use super::packet::Packet;

/// Target of each flow's `CoDel`, as CAKE's for the internet.
const TARGET: f64 = 0.005;
/// The target is never below this many largest packets at the rate, as in CAKE.
const TARGET_PACKETS: f64 = 1.5;
/// Bounds of what a flow may send in one round, bytes, as in CAKE.
const LEAST_QUANTUM: f64 = 300.0;
const MOST_QUANTUM: f64 = 1_514.0;
/// Most bytes all queues hold together, as CAKE's smallest memory limit.
const MEMORY: f64 = 4_000_000.0;

/// Deficit round robin over flows, sparse ones first (RFC 8290 §4), behind a rate.
#[derive(Debug)]
pub(super) struct Shaper {
    rate: f64,
    /// When the next packet may leave, in seconds.
    free_at: f64,
    /// Bytes of the largest packet.
    largest: f64,
    flows: Vec<FlowQueue>,
    fresh: VecDeque<usize>,
    old: VecDeque<usize>,
    pub(super) backlog: f64,
    pub(super) carried: f64,
    pub(super) drops: u64,
    pub(super) dropped_bytes: f64,
    pub(super) entered_bytes: f64,
    /// Smoothed wait of the packets that left, in seconds.
    pub(super) delay: f64,
}

#[derive(Debug, Default)]
struct FlowQueue {
    packets: VecDeque<Packet>,
    bytes: f64,
    deficit: f64,
    is_listed: bool,
    codel: CoDel,
}

impl Shaper {
    /// Shapes to `rate` bits per second; `flows` queues, packets of at most `largest` bytes.
    pub(super) fn new(rate: f64, flows: usize, largest: f64) -> Self {
        Self {
            rate,
            free_at: 0.0,
            largest,
            flows: (0..flows).map(|_| FlowQueue::default()).collect(),
            fresh: VecDeque::new(),
            old: VecDeque::new(),
            backlog: 0.0,
            carried: 0.0,
            drops: 0,
            dropped_bytes: 0.0,
            entered_bytes: 0.0,
            delay: 0.0,
        }
    }

    /// Changes the rate at `now`; what is owed for the last packet is owed at the new rate.
    pub(super) fn set_rate(&mut self, now: f64, rate: f64) {
        if self.free_at > now {
            self.free_at = now + (self.free_at - now) * self.rate / rate;
        }
        self.rate = rate;
    }

    pub(super) const fn rate(&self) -> f64 {
        self.rate
    }

    /// Shapes what arrives from `from` on and before `to`, each with the number of its queue, and
    /// what was left. What leaves goes to `out`, in order.
    pub(super) fn serve(
        &mut self,
        from: f64,
        to: f64,
        arrivals: impl Iterator<Item = (usize, Packet)>,
        out: &mut Vec<Packet>,
    ) {
        let mut arrivals = arrivals.peekable();
        let mut now = from;
        loop {
            if self.backlog <= 0.0 {
                let Some((queue, packet)) = arrivals.next() else {
                    return;
                };
                now = now.max(packet.at);
                self.take(queue, packet);
            }
            let next = now.max(self.free_at);
            while let Some((queue, packet)) = arrivals.next_if(|(_, packet)| packet.at <= next) {
                self.take(queue, packet);
            }
            if next >= to {
                arrivals.for_each(|(queue, packet)| self.take(queue, packet));
                return;
            }
            now = next;
            if let Some(packet) = self.dequeue(now) {
                self.free_at = now + packet.bits() / self.rate;
                self.carried += packet.bytes;
                let waited = now - packet.at;
                self.delay += (waited - self.delay) / 16.0;
                out.push(Packet {
                    at: now,
                    waited: packet.waited + waited,
                    ..packet
                });
            }
        }
    }

    fn take(&mut self, queue: usize, packet: Packet) {
        while self.backlog + packet.bytes > MEMORY {
            if !self.drop_from_longest() {
                break;
            }
        }
        let quantum = self.quantum();
        let Some(flow) = self.flows.get_mut(queue) else {
            return;
        };
        self.entered_bytes += packet.bytes;
        self.backlog += packet.bytes;
        flow.bytes += packet.bytes;
        flow.packets.push_back(packet);
        if !flow.is_listed {
            flow.is_listed = true;
            flow.deficit = quantum;
            self.fresh.push_back(queue);
        }
    }

    fn drop_from_longest(&mut self) -> bool {
        let longest = self
            .flows
            .iter_mut()
            .max_by(|a, b| a.bytes.total_cmp(&b.bytes));
        let Some(packet) = longest.and_then(FlowQueue::pop) else {
            return false;
        };
        self.backlog -= packet.bytes;
        self.drops += 1;
        self.dropped_bytes += packet.bytes;
        true
    }

    fn dequeue(&mut self, now: f64) -> Option<Packet> {
        let target = TARGET.max(TARGET_PACKETS * self.largest * 8.0 / self.rate);
        let quantum = self.quantum();
        loop {
            let (is_fresh, index) = match self.fresh.front() {
                Some(index) => (true, *index),
                None => (false, *self.old.front()?),
            };
            let flow = self.flows.get_mut(index)?;
            if flow.deficit <= 0.0 {
                flow.deficit += quantum;
                self.leave(is_fresh);
                self.old.push_back(index);
                continue;
            }
            let before = flow.bytes;
            let packet = flow.dequeue(now, target, &mut self.drops);
            let sent = packet.map_or(0.0, |packet| packet.bytes);
            self.dropped_bytes += before - flow.bytes - sent;
            self.backlog -= before - flow.bytes;
            match packet {
                Some(packet) => {
                    flow.deficit -= packet.bytes;
                    return Some(packet);
                }
                // An empty fresh queue makes one round among the old ones (RFC 8290 §4.2).
                None if is_fresh => {
                    self.leave(true);
                    self.old.push_back(index);
                }
                None => {
                    flow.is_listed = false;
                    self.leave(false);
                }
            }
            if self.backlog <= 0.0 && self.fresh.is_empty() && self.old.is_empty() {
                return None;
            }
        }
    }

    /// What a flow may send in one round: a 4096th of a second of the rate, within bounds, as in
    /// CAKE, so that on slow lines a small packet does not wait for a large one of every flow.
    fn quantum(&self) -> f64 {
        let bundle = self.largest / MOST_QUANTUM;
        (self.rate / 8.0 / 4_096.0).clamp(LEAST_QUANTUM, MOST_QUANTUM * bundle)
    }

    fn leave(&mut self, is_fresh: bool) {
        if is_fresh {
            self.fresh.pop_front();
        } else {
            self.old.pop_front();
        }
    }
}

impl FlowQueue {
    fn pop(&mut self) -> Option<Packet> {
        let packet = self.packets.pop_front()?;
        self.bytes -= packet.bytes;
        Some(packet)
    }

    fn dequeue(&mut self, now: f64, target: f64, drops: &mut u64) -> Option<Packet> {
        let Self {
            packets,
            bytes,
            codel,
            ..
        } = self;
        let pop = || {
            let packet = packets.pop_front()?;
            *bytes -= packet.bytes;
            Some((packet, *bytes))
        };
        codel.dequeue(now, target, pop, drops)
    }
}
