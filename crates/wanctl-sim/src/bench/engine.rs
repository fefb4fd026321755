//! The line, its traffic and its router, packet by packet.
//!
//! ```text
//!            wire           provider        our shaper
//!  far end ────────► ingress ──► C ──► ──► R, per flow ──►  home      download
//!          ◄────────          ◄── C ◄── ◄── R, per flow ◄──           upload
//!            wire           provider        our shaper
//! ```
//!
//! On download our shaper stands *behind* the queue that it must keep empty, on upload before it.
//! Time goes in steps, in which each stage serves its packets at their exact times: a packet
//! leaves when the rate lets it, not at the end of a step. Both wires are longer than a step, so
//! what a stage does depends on earlier steps only, and the length of a step decides nothing but
//! how often rates, capacity and timers are looked at.

mod codel;
mod desk;
mod log;
mod noise;
mod packet;
mod probes;
mod provider;
mod shaper;
mod source;
mod tcp;
mod wire;

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use wanctl_types::{Bps, Direction, Millis, PerDirection, Timestamp};

use super::{Case, LINE_BIN, LawUnderTest, Recording, Seen, Truth};
use desk::Desk;
use log::Log;
use noise::{Noise, stream};
use packet::{Packet, PacketKind};
use probes::Probes;
use provider::Provider;
use shaper::Shaper;
use source::{Sent, Source};
use wire::Wire;

/// Length of a step.
const STEP: Duration = Duration::from_millis(1);
/// Mean rate above which packets are bundled, bits per second: what is left is a packet every
/// 100 µs.
const BUNDLE_ABOVE: f64 = 120e6;
/// Most segments in a bundle.
const MOST_SEGMENTS: f64 = 8.0;
/// Bytes of acknowledgements for a segment: 66 for every second one (RFC 1122 §4.2.3.2).
const ACK_BYTES: f64 = 33.0;
/// Segments that count: receivers that get bundles (receive offload) acknowledge them as one.
const ACKNOWLEDGED_SEGMENTS: f64 = 2.0;
/// Time from one packet of the sparse flow to the next, in seconds.
const SPARSE_INTERVAL: f64 = 0.02;
/// Bytes of one of its packets.
const SPARSE_BYTES: f64 = 100.0;

/// Plays a case to a law and takes down what happens.
pub fn run_case(case: &Case, law: &mut dyn LawUnderTest) -> Recording {
    run_case_in_steps(case, law, STEP)
}

/// As [`run_case`], with steps of another length, at most 1 ms: for checks of the model itself.
pub fn run_case_in_steps(case: &Case, law: &mut dyn LawUnderTest, step: Duration) -> Recording {
    let mut engine = Engine::new(case, law);
    engine.run(law, step.min(STEP));
    engine.log.finish(seconds(Timestamp::ZERO + case.duration))
}

struct Engine<'a> {
    case: &'a Case,
    sources: Vec<(Direction, Source)>,
    segments: PerDirection<f64>,
    probes: Probes,
    noise: Noise,
    shapers: PerDirection<Shaper>,
    providers: PerDirection<Provider>,
    /// Towards the far end.
    outward: Wire,
    /// Towards the provider's queue.
    inward: Wire,
    desk: Desk,
    log: Log,
    pages: ChaCha8Rng,
    next_sparse: f64,
    sparse_sent: u64,
    scratch: Scratch,
}

/// Buffers that are used again in each step.
#[derive(Debug, Default)]
struct Scratch {
    sent: Sent,
    started: Vec<Packet>,
    left_provider: Vec<Packet>,
    left_shaper: Vec<Packet>,
    at_home: Vec<Packet>,
}

/// One step's view of the line.
#[derive(Clone, Copy, Debug)]
struct Span {
    from: f64,
    to: f64,
    capacity: PerDirection<f64>,
    /// One way without a queue, towards the far end.
    up: f64,
    /// And back.
    down: f64,
}

impl<'a> Engine<'a> {
    fn new(case: &'a Case, law: &dyn LawUnderTest) -> Self {
        let mean = case.line.mean();
        let segments = mean.map(|mean| {
            let bundle = (mean.as_f64() / BUNDLE_ABOVE).ceil();
            bundle.clamp(1.0, MOST_SEGMENTS)
        });
        let sources: Vec<_> = case
            .demands
            .iter()
            .map(|flow| {
                let segments = segments[flow.direction];
                (flow.direction, Source::new(flow, segments))
            })
            .collect();
        let start = law.start();
        let queues = 2 * sources.len() + law.probing().reflectors + 1;
        Self {
            segments,
            probes: Probes::new(
                law.probing(),
                case.timestamps,
                case.faults.clone(),
                case.seed,
            ),
            noise: Noise::new(case.noise, case.seed),
            shapers: PerDirection::from_fn(|d| {
                Shaper::new(start[d].as_f64().max(1.0), queues, 1_514.0 * segments[d])
            }),
            providers: PerDirection::from_fn(|d| {
                Provider::new(case.line.buffer[d], case.noise.probes_prioritised)
            }),
            outward: Wire::default(),
            inward: Wire::default(),
            desk: Desk::new(case, start),
            log: Log::default(),
            pages: stream(case.seed, 3),
            next_sparse: 0.0,
            sparse_sent: 0,
            scratch: Scratch::default(),
            sources,
            case,
        }
    }

    fn run(&mut self, law: &mut dyn LawUnderTest, step: Duration) {
        let end = Timestamp::ZERO + self.case.duration;
        let mut now = Timestamp::ZERO;
        let mut next_law = now;
        while now < end {
            if now >= next_law {
                self.consult(law, now);
                next_law = next_law + law.interval();
            }
            let span = self.span(now, step);
            self.desk.advance(span.from, &mut self.shapers);
            self.far_end(&span);
            self.download(&span);
            self.home(&span);
            self.upload(&span);
            self.record(&span);
            now = now + step;
        }
    }

    fn span(&mut self, now: Timestamp, step: Duration) -> Span {
        let line = &self.case.line;
        let from = seconds(now);
        let base = bin(&line.base_rtt, now).map_or(0.0, |rtt| rtt.get() / 1e3);
        let one_way = (base / 2.0).max(STEP.as_secs_f64());
        Span {
            from,
            to: seconds(now + step),
            capacity: line
                .capacity
                .as_ref()
                .map(|bins| bin(bins, now).map_or(0.0, |rate| rate.as_f64())),
            up: one_way,
            down: one_way + self.noise.advance(step.as_secs_f64()),
        }
    }

    fn consult(&mut self, law: &mut dyn LawUnderTest, now: Timestamp) {
        let at = seconds(now);
        self.probes.expire(at);
        self.desk.take_replies(&mut self.probes);
        let waiting = self.probes.waiting();
        let lost = self.probes.take_losses();
        let line = &self.case.line;
        let truth = PerDirection::from_fn(|d| Truth {
            capacity: bin(&line.capacity[d], now).copied().unwrap_or(Bps::ZERO),
            provider_queue: bytes(self.providers[d].held()),
        });
        let seen = Seen {
            replies: self.desk.replies(),
            waiting: &waiting,
            lost: &lost,
            counters: self.desk.counters(),
            truth,
        };
        let rates = law.step(now, &seen);
        for (direction, rate) in self.desk.order(at, rates) {
            self.log.write(direction, now, rate);
        }
    }

    /// What arrives at the far end, and the downloads that start there.
    fn far_end(&mut self, span: &Span) {
        self.poll_sources(Direction::Download, span);
        for packet in self.scratch.started.drain(..) {
            let at = packet.at + span.down;
            self.inward.push(Packet { at, ..packet });
        }
        while let Some(packet) = self.outward.pop_before(span.to) {
            let back = packet.at + span.down;
            match packet.kind {
                PacketKind::Data(flow) => {
                    if let Some(ack) = self.acknowledgement(flow, &packet) {
                        self.inward.push(Packet { at: back, ..ack });
                    }
                }
                PacketKind::Ack(flow) => {
                    self.acknowledged(flow, &packet);
                    for (at, sequence) in self.scratch.sent.drain(..) {
                        let bytes = bulk_bytes(&self.sources, flow);
                        let kind = PacketKind::Data(flow);
                        self.inward
                            .push(Packet::new(kind, bytes, sequence, at + span.down));
                    }
                }
                PacketKind::Probe(reflector) => {
                    if let Some(delay) = self.probes.reflect(reflector, packet.at) {
                        let at = back + delay + self.noise.jitter();
                        self.inward.push(packet.returned(at));
                    }
                }
                PacketKind::Sparse => self.inward.push(packet.returned(back)),
            }
        }
    }

    /// Through the provider's queue, then ours.
    fn download(&mut self, span: &Span) {
        let Scratch {
            left_provider,
            at_home,
            ..
        } = &mut self.scratch;
        let inward = &mut self.inward;
        let arrivals = std::iter::from_fn(|| inward.pop_before(span.to));
        self.providers.download.serve(
            span.from,
            span.to,
            span.capacity.download,
            arrivals,
            left_provider,
        );
        let flows = self.sources.len();
        let arrivals = left_provider
            .drain(..)
            .map(|packet| (queue_of(packet.kind, flows), packet));
        self.shapers
            .download
            .serve(span.from, span.to, arrivals, at_home);
    }

    /// What arrives at home, and what leaves from there.
    fn home(&mut self, span: &Span) {
        let mut leaving = std::mem::take(&mut self.scratch.left_shaper);
        self.poll_sources(Direction::Upload, span);
        leaving.append(&mut self.scratch.started);
        let arrived = std::mem::take(&mut self.scratch.at_home);
        for packet in &arrived {
            self.log.delivered(Direction::Download, packet.bytes);
            match packet.kind {
                PacketKind::Data(flow) => leaving.extend(self.acknowledgement(flow, packet)),
                PacketKind::Ack(flow) => {
                    self.acknowledged(flow, packet);
                    let bytes = bulk_bytes(&self.sources, flow);
                    for (at, sequence) in self.scratch.sent.drain(..) {
                        leaving.push(Packet::new(PacketKind::Data(flow), bytes, sequence, at));
                    }
                }
                PacketKind::Probe(_) => self.probes.receive(packet),
                PacketKind::Sparse => self.log.sparse(packet),
            }
        }
        self.scratch.at_home = arrived;
        self.scratch.at_home.clear();
        self.probes.send(span.to, |packet| leaving.push(packet));
        self.send_sparse(span.to, &mut leaving);
        leaving.sort_by(|a, b| a.at.total_cmp(&b.at));
        self.scratch.left_shaper = leaving;
    }

    /// Through our queue, then the provider's.
    fn upload(&mut self, span: &Span) {
        let flows = self.sources.len();
        let Scratch {
            left_provider,
            left_shaper,
            at_home,
            ..
        } = &mut self.scratch;
        let arrivals = left_shaper
            .drain(..)
            .map(|packet| (queue_of(packet.kind, flows), packet));
        self.shapers
            .upload
            .serve(span.from, span.to, arrivals, at_home);
        self.providers.upload.serve(
            span.from,
            span.to,
            span.capacity.upload,
            at_home.drain(..),
            left_provider,
        );
        for packet in left_provider.drain(..) {
            self.log.delivered(Direction::Upload, packet.bytes);
            let mut at = packet.at + span.up;
            if matches!(packet.kind, PacketKind::Probe(_)) {
                if self.noise.loses() {
                    continue;
                }
                at += self.noise.jitter();
            }
            self.outward.push(Packet { at, ..packet });
        }
    }

    fn record(&mut self, span: &Span) {
        for direction in Direction::BOTH {
            let wanted = self.sources.iter().any(|(d, source)| {
                *d == direction && source.is_greedy && source.is_active(span.from)
            });
            self.log.step(
                direction,
                span,
                wanted,
                &self.shapers[direction],
                &self.providers[direction],
            );
        }
        self.log.end_step(span.to);
    }

    /// Lets the sources of `direction` send what is due by itself, into `scratch.started`.
    fn poll_sources(&mut self, direction: Direction, span: &Span) {
        let Scratch { sent, started, .. } = &mut self.scratch;
        let sources = self.sources.iter_mut().enumerate();
        for (flow, (_, source)) in sources.filter(|(_, (d, _))| *d == direction) {
            source.poll(span.from, span.to, &mut self.pages, sent);
            let (bytes, kind) = (source.packet_bytes(), PacketKind::Data(flow));
            let packets = sent.drain(..);
            started.extend(packets.map(|(at, sequence)| Packet::new(kind, bytes, sequence, at)));
        }
    }

    fn acknowledged(&mut self, flow: usize, packet: &Packet) {
        if let Some((_, source)) = self.sources.get_mut(flow) {
            source.acknowledge(packet.at, packet.sequence, &mut self.scratch.sent);
        }
    }

    /// What a receiver answers to data, at once.
    fn acknowledgement(&self, flow: usize, packet: &Packet) -> Option<Packet> {
        let (direction, source) = self.sources.get(flow)?;
        let bytes = ACK_BYTES * self.segments[*direction].min(ACKNOWLEDGED_SEGMENTS);
        source
            .is_acknowledged()
            .then(|| Packet::new(PacketKind::Ack(flow), bytes, packet.sequence, packet.at))
    }

    fn send_sparse(&mut self, end: f64, leaving: &mut Vec<Packet>) {
        while self.next_sparse < end {
            let at = self.next_sparse;
            leaving.push(Packet::new(
                PacketKind::Sparse,
                SPARSE_BYTES,
                self.sparse_sent,
                at,
            ));
            self.log.sparse_sent(at);
            self.sparse_sent += 1;
            self.next_sparse += SPARSE_INTERVAL;
        }
    }
}

fn bulk_bytes(sources: &[(Direction, Source)], flow: usize) -> f64 {
    sources
        .get(flow)
        .map_or(0.0, |(_, source)| source.packet_bytes())
}

/// Which of the shaper's queues a packet belongs to.
const fn queue_of(kind: PacketKind, flows: usize) -> usize {
    match kind {
        PacketKind::Data(flow) => flow,
        PacketKind::Ack(flow) => flows + flow,
        PacketKind::Sparse => 2 * flows,
        PacketKind::Probe(reflector) => 2 * flows + 1 + reflector,
    }
}

/// The value of a series at `now`; series start again at their end.
fn bin<T>(series: &[T], now: Timestamp) -> Option<&T> {
    let bin = now.since_origin().as_micros() / LINE_BIN.as_micros();
    let index = usize::try_from(bin)
        .unwrap_or(usize::MAX)
        .checked_rem(series.len())?;
    series.get(index)
}

fn seconds(at: Timestamp) -> f64 {
    at.since_origin().as_secs_f64()
}

fn timestamp(seconds: f64) -> Timestamp {
    Timestamp::ZERO + Millis::saturating(seconds * 1e3).to_duration()
}

fn bytes(bytes: f64) -> wanctl_types::Bytes {
    wanctl_types::Bytes::new(Bps::truncating(bytes).get())
}

#[cfg(test)]
mod tests;
