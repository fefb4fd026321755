//! One source of traffic: what it has to send, and when it may.

use rand_chacha::ChaCha8Rng;

use super::noise::exponential;
use super::tcp::{Due, Tcp};
use crate::bench::{Flow, FlowKind};

/// A source and its place in time.
#[derive(Debug)]
pub(super) struct Source {
    from: f64,
    to: f64,
    packet_bytes: f64,
    kind: Kind,
    /// Whether it takes all it can get.
    pub(super) is_greedy: bool,
}

#[derive(Debug)]
enum Kind {
    Tcp { tcp: Box<Tcp>, supply: Supply },
    Constant { next: f64, gap: f64, sequence: u64 },
}

/// What the application has to send.
#[derive(Debug)]
enum Supply {
    Endless,
    /// A steady stream; `credit` bytes of it are due.
    Steady {
        bytes_per_second: f64,
        credit: f64,
        at: f64,
    },
    /// Transfers and pauses; `left` packets of the present one are unsent.
    Pages {
        left: f64,
        next: f64,
        mean_packets: f64,
        mean_pause: f64,
    },
}

/// Most bytes a steady stream sends at once after it was held up, in seconds of its rate.
const STREAM_BURST: f64 = 0.5;
/// Segment size, bytes.
const SEGMENT: f64 = 1_500.0;
/// Size of a constant stream's packets, bytes, as in a video call.
const STREAM_PACKET: f64 = 1_200.0;

/// Packets that leave, with their times.
pub(super) type Sent = Vec<(f64, u64)>;

impl Source {
    /// A source whose packets hold `segments` segments.
    pub(super) fn new(flow: &Flow, segments: f64) -> Self {
        let from = flow.from.since_origin().as_secs_f64();
        let to = flow.to.since_origin().as_secs_f64();
        let tcp = |supply| Kind::Tcp {
            tcp: Box::new(Tcp::cubic(segments)),
            supply,
        };
        let bulk_bytes = SEGMENT * segments;
        let (kind, packet_bytes, is_greedy) = match flow.kind {
            FlowKind::Cubic => (tcp(Supply::Endless), bulk_bytes, true),
            FlowKind::Bbr => {
                let tcp = Box::new(Tcp::bbr(segments));
                let supply = Supply::Endless;
                (Kind::Tcp { tcp, supply }, bulk_bytes, true)
            }
            FlowKind::AppLimited { rate } => {
                let supply = Supply::Steady {
                    bytes_per_second: rate.as_f64() / 8.0,
                    credit: 0.0,
                    at: from,
                };
                (tcp(supply), bulk_bytes, false)
            }
            FlowKind::Web {
                mean_bytes,
                mean_pause,
            } => {
                #[expect(clippy::cast_precision_loss, reason = "a page is far below 2^52 bytes")]
                let mean_bytes = mean_bytes as f64;
                let supply = Supply::Pages {
                    left: 0.0,
                    next: from,
                    mean_packets: mean_bytes / bulk_bytes,
                    mean_pause: mean_pause.as_secs_f64(),
                };
                (tcp(supply), bulk_bytes, false)
            }
            FlowKind::Constant { rate } => {
                let gap = STREAM_PACKET * 8.0 / rate.as_f64().max(1.0);
                let next = from;
                let sequence = 0;
                (
                    Kind::Constant {
                        next,
                        gap,
                        sequence,
                    },
                    STREAM_PACKET,
                    false,
                )
            }
        };
        Self {
            from,
            to,
            packet_bytes,
            kind,
            is_greedy,
        }
    }

    /// Bytes of one of its packets.
    pub(super) const fn packet_bytes(&self) -> f64 {
        self.packet_bytes
    }

    /// Whether its packets are acknowledged.
    pub(super) const fn is_acknowledged(&self) -> bool {
        matches!(self.kind, Kind::Tcp { .. })
    }

    /// Packets that arrived, as far as it knows.
    #[cfg(test)]
    pub(super) const fn delivered(&self) -> f64 {
        match &self.kind {
            Kind::Tcp { tcp, .. } => tcp.delivered(),
            Kind::Constant { .. } => 0.0,
        }
    }

    /// Whether it runs at `now`.
    pub(super) fn is_active(&self, now: f64) -> bool {
        self.from <= now && now < self.to
    }

    /// Sends what is due by itself between `now` and `end`.
    pub(super) fn poll(&mut self, now: f64, end: f64, rng: &mut ChaCha8Rng, sent: &mut Sent) {
        let is_active = self.is_active(now);
        let until = end.min(self.to);
        match &mut self.kind {
            Kind::Constant {
                next,
                gap,
                sequence,
            } => {
                while *next < until {
                    sent.push((next.max(now), *sequence));
                    *next += *gap;
                    *sequence += 1;
                }
            }
            Kind::Tcp { tcp, supply } => {
                match tcp.poll_timer(now) {
                    Due::SendOne if is_active => sent.push((now, tcp.send(now))),
                    Due::SendOne | Due::Nothing => {}
                    Due::Lost(packets) => supply.give_back(packets, self.packet_bytes),
                }
                if is_active {
                    supply.refill(now, tcp.in_flight(), rng);
                    pump(tcp, supply, now, until, self.packet_bytes, sent);
                }
            }
        }
    }

    /// Takes an acknowledgement that came at `now`, and sends what it allows.
    pub(super) fn acknowledge(&mut self, now: f64, sequence: u64, sent: &mut Sent) {
        let is_active = self.is_active(now);
        let Kind::Tcp { tcp, supply } = &mut self.kind else {
            return;
        };
        let lost = tcp.acknowledge(now, sequence);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a window is far below 2^52 packets"
        )]
        supply.give_back(lost as f64, self.packet_bytes);
        if is_active {
            pump(tcp, supply, now, now, self.packet_bytes, sent);
        }
    }
}

/// Sends while window, pacing and supply allow it: at `now`, and for paced senders up to `end`.
fn pump(tcp: &mut Tcp, supply: &mut Supply, now: f64, end: f64, bytes: f64, sent: &mut Sent) {
    let mut at = now;
    while supply.has(bytes) {
        if let Some(next) = tcp.next_send() {
            at = at.max(next);
            if at > end {
                return;
            }
        }
        if !tcp.may_send(at) {
            return;
        }
        supply.take(bytes);
        sent.push((at, tcp.send(at)));
    }
}

impl Supply {
    fn has(&self, bytes: f64) -> bool {
        match self {
            Self::Endless => true,
            Self::Steady { credit, .. } => *credit >= bytes,
            Self::Pages { left, .. } => *left >= 1.0,
        }
    }

    fn take(&mut self, bytes: f64) {
        match self {
            Self::Endless => {}
            Self::Steady { credit, .. } => *credit -= bytes,
            Self::Pages { left, .. } => *left -= 1.0,
        }
    }

    fn give_back(&mut self, packets: f64, bytes: f64) {
        match self {
            Self::Endless => {}
            Self::Steady { credit, .. } => *credit += packets * bytes,
            Self::Pages { left, .. } => *left += packets,
        }
    }

    fn refill(&mut self, now: f64, in_flight: f64, rng: &mut ChaCha8Rng) {
        match self {
            Self::Endless => {}
            Self::Steady {
                bytes_per_second,
                credit,
                at,
            } => {
                let due = *bytes_per_second * (now - *at);
                *credit =
                    (*credit + due).min((*bytes_per_second * STREAM_BURST).max(SEGMENT * 8.0));
                *at = now;
            }
            Self::Pages {
                left,
                next,
                mean_packets,
                mean_pause,
            } => {
                if *left >= 1.0 || in_flight > 0.0 {
                    *next = next.max(now);
                } else if now >= *next {
                    *left = exponential(rng, *mean_packets).ceil().max(1.0);
                    *next = now + exponential(rng, *mean_pause);
                }
            }
        }
    }
}
