//! What travels.

/// A packet, or a bundle of equal ones where a line is too fast to follow each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Packet {
    pub(super) kind: PacketKind,
    /// Bytes on the line.
    pub(super) bytes: f64,
    /// Number within its flow.
    pub(super) sequence: u64,
    /// When it came to where it is, in seconds.
    pub(super) at: f64,
    /// Seconds spent in queues so far, round trip.
    pub(super) waited: f64,
    /// The part of it spent at the provider.
    pub(super) waited_at_provider: f64,
    /// When it began its round trip, in seconds.
    pub(super) sent: f64,
    /// How long the way to the far end took, in seconds.
    pub(super) up: f64,
}

/// What a packet is. The number says of which flow or reflector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PacketKind {
    Data(usize),
    Ack(usize),
    Probe(usize),
    Sparse,
}

impl Packet {
    pub(super) const fn new(kind: PacketKind, bytes: f64, sequence: u64, at: f64) -> Self {
        Self {
            kind,
            bytes,
            sequence,
            at,
            waited: 0.0,
            waited_at_provider: 0.0,
            sent: at,
            up: 0.0,
        }
    }

    /// This packet on its way back from the far end, where it arrived at `self.at`.
    pub(super) fn returned(self, at: f64) -> Self {
        Self {
            at,
            up: self.at - self.sent,
            ..self
        }
    }

    pub(super) const fn bits(&self) -> f64 {
        self.bytes * 8.0
    }
}
