//! How much of its rate a direction uses, and whether our shaper holds the queue.

use arrayvec::ArrayVec;
use wanctl_signal::Window;

use crate::LinkObservation;

/// Span of the usual mean of the delivered rate, seconds.
const SPAN: f64 = 0.25;
/// Readings that are remembered.
const READINGS: usize = 24;
/// Ticks whose use is remembered: 2 s of ticks every 50 ms.
const USE_TICKS: usize = 40;
/// Ticks whose rates are remembered.
const RATE_TICKS: usize = 16;
/// Readings that decide by majority who holds the queue.
const VOTES: usize = 3;
/// A backlog longer than this at our rate is a queue, seconds.
const QUEUE_TIME: f64 = 0.002;
/// A backlog of more than this is a queue, bytes: two full packets.
const QUEUE_BYTES: f64 = 3_000.0;
/// Without a count of waiting bytes: this much of the rate is used while our shaper holds the queue.
const BOUND_USE: f64 = 0.96;
/// This much of the rate is used when a direction is filled.
const SATURATED_USE: f64 = 0.93;
/// More than this part of the rate is used while anybody is busy.
const BUSY_USE: f64 = 0.7;
/// A delivered rate stands still if it differs by no more than this factor over so many seconds and
/// at least so many readings, close to the most that was ever carried, and clearly below our rate.
const LEVEL_SPREAD: f64 = 0.04;
const LEVEL_PACKETS: f64 = 1.5;
const LEVEL_DRIFT: f64 = 0.04;
/// With fewer packets from reading to reading it takes longer to tell.
const LEVEL_FEW: f64 = 40.0;
/// A full packet, bits.
const PACKET: f64 = 12_000.0;
const LEVEL_SPAN: f64 = 0.62;
const LEVEL_READINGS: usize = 4;
const LEVEL_PEAK: f64 = 0.05;
const LEVEL_USE: f64 = 0.985;
/// Time in which the greatest delivered rate is half forgotten, seconds.
const PEAK_LIFE: f64 = 60.0;
/// A newest reading older than this tells nothing any more, seconds.
const STALE: f64 = 1.0;

/// What is known of one direction's traffic.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter {
    readings: ArrayVec<Reading, READINGS>,
    used: Window<USE_TICKS>,
    rates: Window<RATE_TICKS>,
    peak: f64,
    now: f64,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    /// When it was taken, seconds.
    at: f64,
    /// Time since the one before, seconds.
    length: f64,
    /// Delivered meanwhile, bit/s.
    delivered: f64,
    /// Our rate meanwhile, bit/s.
    allowed: f64,
    /// Whether bytes waited in our shaper; `None` where nobody counts them.
    queued: Option<bool>,
}

impl Meter {
    /// Takes what this tick shows. `rate` is what the shaper was last told, bit/s.
    pub(super) fn observe(&mut self, now: f64, step: f64, seen: &LinkObservation, rate: f64) {
        self.now = now;
        self.rates.push(rate);
        self.take_reading(now, seen);
        let mean = self.mean(SPAN);
        self.peak = (self.peak * (-step * core::f64::consts::LN_2 / PEAK_LIFE).exp())
            .max(mean.unwrap_or(0.0));
        self.used.push(self.used_now().unwrap_or(0.0));
    }

    /// Whether there are readings to judge by.
    pub(super) fn is_known(&self) -> bool {
        self.readings
            .last()
            .is_some_and(|reading| self.now - reading.at < STALE)
    }

    /// Delivered between the newest two readings, bit/s.
    pub(super) fn newest(&self) -> f64 {
        self.readings
            .last()
            .map_or(0.0, |reading| reading.delivered)
    }

    /// When the newest reading was taken, seconds.
    pub(super) fn newest_at(&self) -> Option<f64> {
        self.readings.last().map(|reading| reading.at)
    }

    /// Delivered over the last quarter of a second, bit/s.
    pub(super) fn delivered(&self) -> f64 {
        self.mean(SPAN).unwrap_or(0.0)
    }

    /// Delivered over the last `span` seconds, bit/s.
    pub(super) fn delivered_over(&self, span: f64) -> f64 {
        self.mean(span).unwrap_or(0.0)
    }

    /// The most delivered between two readings within the last `span` seconds, bit/s.
    pub(super) fn most_over(&self, span: f64) -> f64 {
        let recent = |reading: &&Reading| self.now - reading.at <= span;
        let rates = self.readings.iter().filter(recent);
        rates.map(|reading| reading.delivered).fold(0.0, f64::max)
    }

    /// Greatest part of the rate that was used within the last two seconds.
    pub(super) fn used(&self) -> f64 {
        self.used.iter().fold(0.0, f64::max)
    }

    /// Whether our shaper holds the queue.
    pub(super) fn is_bound(&self) -> bool {
        if !self.is_known() {
            return false;
        }
        let newest = self.readings.iter().rev().take(VOTES);
        let (queued, counted) =
            newest.fold((0, 0), |(queued, counted), reading| match reading.queued {
                Some(queue) => (queued + usize::from(queue), counted + 1),
                None => (queued, counted),
            });
        if counted == 0 {
            return self.used_now().is_some_and(|used| used >= BOUND_USE);
        }
        2 * queued > counted
    }

    /// The part of the readings of the last `span` seconds at which our shaper held the queue.
    pub(super) fn bound_over(&self, span: f64) -> f64 {
        let recent = self.readings.iter().filter(|r| self.now - r.at <= span);
        let (mut bound, mut count) = (0.0, 0.0);
        for reading in recent {
            count += 1.0;
            let is_bound = reading
                .queued
                .unwrap_or(reading.delivered >= BOUND_USE * reading.allowed);
            if is_bound {
                bound += 1.0;
            }
        }
        if count > 0.0 { bound / count } else { 0.0 }
    }

    /// Whether the delivered rate has stood still for a quarter of a second while our shaper did not
    /// hold the queue: that is what a queue further up that never runs empty looks like.
    pub(super) fn is_level(&self) -> bool {
        let recent = || {
            let span = self.level_span();
            let readings = self.readings.iter().rev();
            readings.take_while(move |reading| self.now - reading.at <= span)
        };
        let count = recent().count();
        if count < LEVEL_READINGS || recent().any(|reading| reading.queued == Some(true)) {
            return false;
        }
        let (mut least, mut most, mut packet) = (f64::INFINITY, 0.0_f64, 0.0_f64);
        for reading in recent() {
            least = least.min(reading.delivered);
            most = most.max(reading.delivered);
            packet = packet.max(PACKET / reading.length.max(1e-3));
        }
        let mean = |readings: usize, skipped: usize| {
            let (bits, length) = recent().skip(skipped).take(readings).fold(
                (0.0, 0.0),
                |(bits, length), reading| {
                    (
                        bits + reading.delivered * reading.length,
                        length + reading.length,
                    )
                },
            );
            if length > 0.0 { bits / length } else { 0.0 }
        };
        let (newer, older) = (mean(count / 2, 0), mean(count / 2, count - count / 2));
        let is_full = recent().all(|reading| reading.delivered > LEVEL_USE * reading.allowed);
        most - least < LEVEL_SPREAD * least + LEVEL_PACKETS * packet
            && (newer - older).abs() < LEVEL_DRIFT * newer
            && least > LEVEL_PEAK * self.peak
            && !is_full
    }

    /// Long enough for the readings that there are.
    fn level_span(&self) -> f64 {
        let Some(newest) = self.readings.last() else {
            return LEVEL_SPAN;
        };
        let packets = newest.delivered * newest.length / PACKET;
        let least = if packets < LEVEL_FEW {
            LEVEL_SPAN
        } else {
            0.28
        };
        (4.5 * newest.length).clamp(least, 2.0 * LEVEL_SPAN)
    }

    /// Whether the direction is filled, whoever holds the queue.
    pub(super) fn is_saturated(&self) -> bool {
        self.is_bound() || self.used_now().is_some_and(|used| used >= SATURATED_USE)
    }

    /// Whether there was enough traffic lately to make a queue somewhere.
    pub(super) fn is_busy(&self) -> bool {
        self.is_bound() || self.used() > BUSY_USE
    }

    /// Whether next to nothing is carried: less than `part` of the rate and of what was once
    /// carried.
    pub(super) fn is_quiet(&self, part: f64) -> bool {
        self.used() < part && self.delivered() < part * self.peak.max(1.0)
    }

    fn used_now(&self) -> Option<f64> {
        let allowed = self.readings.last().filter(|_| self.is_known())?.allowed;
        let mean = self.mean(SPAN)?;
        (allowed > 0.0).then(|| mean / allowed)
    }

    fn mean(&self, span: f64) -> Option<f64> {
        let (mut bits, mut length) = (0.0, 0.0);
        for reading in self.readings.iter().rev() {
            bits += reading.delivered * reading.length;
            length += reading.length;
            if length >= span - 1e-3 {
                break;
            }
        }
        (length > 0.0).then(|| bits / length)
    }

    fn take_reading(&mut self, now: f64, seen: &LinkObservation) {
        let Some(load) = seen.load else {
            return;
        };
        let at = now - load.age.as_secs_f64();
        // One reading is shown until there is a newer one; a millisecond is for rounding.
        let is_newer = |reading: &Reading| at > reading.at + 1e-3;
        if !self.readings.last().is_none_or(is_newer) {
            return;
        }
        let Some(delivered) = load.bytes.per(load.interval) else {
            return;
        };
        let length = load.interval.as_secs_f64();
        let delivered = delivered.as_f64();
        let allowed = self.allowed_during(length);
        let backlog = seen.queue.and_then(|queue| queue.backlog);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a backlog is far below 2^52 bytes"
        )]
        let queued = backlog.map(|bytes| {
            bytes.get() as f64 > (QUEUE_TIME * self.newest_rate() / 8.0).max(QUEUE_BYTES)
        });
        if self.readings.is_full() {
            self.readings.remove(0);
        }
        self.readings.push(Reading {
            at,
            length,
            delivered,
            allowed,
            queued,
        });
    }

    fn newest_rate(&self) -> f64 {
        self.rates.iter().next_back().unwrap_or(0.0)
    }

    /// The mean rate of the last `length` seconds, as far as it had reached the router: a tick
    /// late.
    fn allowed_during(&self, length: f64) -> f64 {
        let ticks = core::iter::successors(Some(0.0), |at| Some(at + 0.05));
        let (mut sum, mut count) = (0.0, 0.0);
        for (_, rate) in ticks
            .take_while(|at| *at <= length)
            .zip(self.rates.iter().rev().skip(1))
        {
            sum += rate;
            count += 1.0;
        }
        if count > 0.0 {
            sum / count
        } else {
            self.newest_rate()
        }
    }
}

#[cfg(test)]
mod tests;
