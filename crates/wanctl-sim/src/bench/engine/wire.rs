//! Packets on their way, in the order in which they arrive.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::packet::Packet;

/// A path that delays each packet by its own time.
#[derive(Debug, Default)]
pub(super) struct Wire {
    packets: BinaryHeap<Travelling>,
    entered: u64,
}

#[derive(Debug)]
struct Travelling {
    packet: Packet,
    /// Breaks ties: first in, first out.
    order: u64,
}

impl Wire {
    /// Takes a packet that arrives at `packet.at`.
    pub(super) fn push(&mut self, packet: Packet) {
        let order = self.entered;
        self.entered += 1;
        self.packets.push(Travelling { packet, order });
    }

    /// The next packet that arrives before `end`.
    pub(super) fn pop_before(&mut self, end: f64) -> Option<Packet> {
        if self.packets.peek()?.packet.at >= end {
            return None;
        }
        self.packets.pop().map(|travelling| travelling.packet)
    }
}

/// Earliest first, for a heap that gives the greatest.
impl Ord for Travelling {
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .packet
            .at
            .total_cmp(&self.packet.at)
            .then(other.order.cmp(&self.order))
    }
}

impl PartialOrd for Travelling {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Travelling {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Travelling {}
