//! Takes down what happens.

use wanctl_types::{Bps, Direction, Millis, PerDirection, Timestamp};

use super::packet::Packet;
use super::provider::Provider;
use super::shaper::Shaper;
use super::{Span, bytes, timestamp};
use crate::bench::{DirectionBin, RECORDING_BIN, Recording, SparseSample};

/// A packet of the sparse flow that is younger than this at the end was not lost, in seconds.
const PATIENCE: f64 = 2.0;

#[derive(Debug, Default)]
pub(super) struct Log {
    recording: Recording,
    sums: PerDirection<Sums>,
    bin_from: f64,
}

/// What one bin comes to.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    capacity: f64,
    delivered: f64,
    is_wanted: bool,
    our_queue: f64,
    provider_queue: f64,
    rate: f64,
    provider_drops: u64,
    our_drops: u64,
    drops_before: (u64, u64),
}

impl Log {
    pub(super) fn write(&mut self, direction: Direction, now: Timestamp, rate: Bps) {
        self.recording.writes[direction].push((now, rate));
    }

    pub(super) fn delivered(&mut self, direction: Direction, bytes: f64) {
        self.sums[direction].delivered += bytes;
    }

    pub(super) fn sparse_sent(&mut self, at: f64) {
        self.recording.sparse.push(SparseSample {
            sent_at: timestamp(at),
            added: None,
            provider: Millis::ZERO,
        });
    }

    pub(super) fn sparse(&mut self, packet: &Packet) {
        let index = usize::try_from(packet.sequence).unwrap_or(usize::MAX);
        if let Some(sample) = self.recording.sparse.get_mut(index) {
            sample.added = Some(Millis::saturating(packet.waited * 1e3));
            sample.provider = Millis::saturating(packet.waited_at_provider * 1e3);
        }
    }

    pub(super) fn step(
        &mut self,
        direction: Direction,
        span: &Span,
        is_wanted: bool,
        shaper: &Shaper,
        provider: &Provider,
    ) {
        let sums = &mut self.sums[direction];
        let length = span.to - span.from;
        sums.capacity += span.capacity[direction] * length / 8.0;
        sums.is_wanted |= is_wanted;
        if shaper.backlog > 0.0 {
            sums.our_queue += length;
        }
        if provider.queued() > 1 {
            sums.provider_queue += length;
        }
        sums.rate = shaper.rate();
        sums.provider_drops = provider.drops;
        sums.our_drops = shaper.drops;
    }

    pub(super) fn end_step(&mut self, now: f64) {
        let length = RECORDING_BIN.as_secs_f64();
        // Half a microsecond for the rounding of sums of steps.
        if now - self.bin_from < length - 5e-7 {
            return;
        }
        self.bin_from = now;
        for direction in Direction::BOTH {
            let sums = &mut self.sums[direction];
            let bin = sums.bin(length);
            let drops_before = (sums.provider_drops, sums.our_drops);
            *sums = Sums {
                drops_before,
                ..Sums::default()
            };
            self.recording.bins[direction].push(bin);
        }
    }

    pub(super) fn finish(self, end: f64) -> Recording {
        let mut recording = self.recording;
        let last = timestamp(end - PATIENCE);
        recording
            .sparse
            .retain(|sample| sample.added.is_some() || sample.sent_at < last);
        recording
    }
}

impl Sums {
    fn bin(&self, length: f64) -> DirectionBin {
        DirectionBin {
            capacity: bytes(self.capacity.round()),
            delivered: bytes(self.delivered),
            wanted: self.is_wanted,
            our_queue: (self.our_queue / length).min(1.0),
            provider_queue: (self.provider_queue / length).min(1.0),
            rate: Bps::truncating(self.rate),
            provider_drops: self.provider_drops - self.drops_before.0,
            our_drops: self.our_drops - self.drops_before.1,
        }
    }
}
