//! The provider's queue: one for all flows, in front of the line.

use std::collections::VecDeque;
use std::iter::Peekable;

use super::codel::CoDel;
use super::packet::{Packet, PacketKind};
use crate::bench::Buffer;

/// A single queue and the line that empties it.
#[derive(Debug)]
pub(super) struct Provider {
    discipline: Discipline,
    limit: f64,
    queue: VecDeque<Packet>,
    /// Bytes in the queue.
    waiting: f64,
    /// The packet on the line and the bits of it that are still to go.
    sending: Option<(Packet, f64)>,
    probes_pass: bool,
    pub(super) drops: u64,
    pub(super) dropped_bytes: f64,
    pub(super) entered_bytes: f64,
}

#[derive(Debug)]
enum Discipline {
    TailDrop,
    DropFront,
    CoDel { target: f64, state: CoDel },
}

impl Provider {
    pub(super) fn new(buffer: Buffer, probes_pass: bool) -> Self {
        let (discipline, bytes) = match buffer {
            Buffer::TailDrop { bytes } => (Discipline::TailDrop, bytes),
            Buffer::DropFront { bytes } => (Discipline::DropFront, bytes),
            Buffer::CoDel { target, bytes } => {
                let target = target.as_secs_f64();
                let state = CoDel::default();
                (Discipline::CoDel { target, state }, bytes)
            }
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "a buffer is far below 2^52 bytes"
        )]
        let limit = bytes.get() as f64;
        Self {
            discipline,
            limit,
            queue: VecDeque::new(),
            waiting: 0.0,
            sending: None,
            probes_pass,
            drops: 0,
            dropped_bytes: 0.0,
            entered_bytes: 0.0,
        }
    }

    /// Carries what arrives from `from` on and before `to`, at `capacity` bits per second, and
    /// what was left. What leaves goes to `out`, in order.
    pub(super) fn serve(
        &mut self,
        from: f64,
        to: f64,
        capacity: f64,
        arrivals: impl Iterator<Item = Packet>,
        out: &mut Vec<Packet>,
    ) {
        let mut arrivals = arrivals.peekable();
        let mut now = from;
        loop {
            let Some((packet, bits)) = self.sending.take().or_else(|| self.next(now)) else {
                let Some(arrival) = arrivals.next() else {
                    return;
                };
                now = now.max(arrival.at);
                self.take(arrival, out);
                continue;
            };
            let end = if capacity > 0.0 {
                now + bits / capacity
            } else {
                f64::INFINITY
            };
            self.take_before(end, &mut arrivals, out);
            if end > to {
                self.sending = Some((packet, bits - capacity * (to - now)));
                return;
            }
            now = end;
            out.push(passed(packet, now));
        }
    }

    /// Bytes in the queue and on the line.
    pub(super) fn held(&self) -> f64 {
        self.waiting + self.sending.map_or(0.0, |(_, bits)| bits / 8.0)
    }

    /// Packets that wait for another one.
    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    fn take_before(
        &mut self,
        end: f64,
        arrivals: &mut Peekable<impl Iterator<Item = Packet>>,
        out: &mut Vec<Packet>,
    ) {
        while let Some(arrival) = arrivals.next_if(|packet| packet.at <= end) {
            self.take(arrival, out);
        }
    }

    fn take(&mut self, packet: Packet, out: &mut Vec<Packet>) {
        self.entered_bytes += packet.bytes;
        if self.probes_pass && matches!(packet.kind, PacketKind::Probe(_)) {
            out.push(packet);
            return;
        }
        match self.discipline {
            Discipline::TailDrop | Discipline::CoDel { .. } => {
                if self.waiting + packet.bytes > self.limit {
                    self.drop(packet);
                    return;
                }
            }
            Discipline::DropFront => {
                while self.waiting + packet.bytes > self.limit {
                    let Some(oldest) = self.pop() else {
                        break;
                    };
                    self.drop(oldest);
                }
            }
        }
        self.waiting += packet.bytes;
        self.queue.push_back(packet);
    }

    fn drop(&mut self, packet: Packet) {
        self.drops += 1;
        self.dropped_bytes += packet.bytes;
    }

    fn pop(&mut self) -> Option<Packet> {
        let packet = self.queue.pop_front()?;
        self.waiting -= packet.bytes;
        Some(packet)
    }

    fn next(&mut self, now: f64) -> Option<(Packet, f64)> {
        let Self {
            discipline,
            queue,
            waiting,
            drops,
            dropped_bytes,
            ..
        } = self;
        let packet = match discipline {
            Discipline::TailDrop | Discipline::DropFront => {
                let packet = queue.pop_front()?;
                *waiting -= packet.bytes;
                packet
            }
            Discipline::CoDel { target, state } => {
                let before = *waiting;
                let pop = || {
                    let packet = queue.pop_front()?;
                    *waiting -= packet.bytes;
                    Some((packet, *waiting))
                };
                let packet = state.dequeue(now, *target, pop, drops);
                let sent = packet.map_or(0.0, |packet| packet.bytes);
                *dropped_bytes += before - *waiting - sent;
                packet?
            }
        };
        Some((packet, packet.bits()))
    }
}

fn passed(packet: Packet, now: f64) -> Packet {
    let waited = now - packet.at;
    Packet {
        at: now,
        waited: packet.waited + waited,
        waited_at_provider: packet.waited_at_provider + waited,
        ..packet
    }
}
