//! CUBIC (RFC 9438) with `HyStart++` (RFC 9406) at the end of slow start.

use super::{Ack, RttEstimate};

/// Growth of the cubic function, segments per second cubed (RFC 9438 §5.1).
const C: f64 = 0.4;
/// What is kept of the window at a loss (RFC 9438 §4.6).
const BETA: f64 = 0.7;
/// Segments in the first flight (RFC 6928 §2).
const INITIAL_SEGMENTS: f64 = 10.0;
/// Fewest segments after a loss (RFC 5681 §3.1).
const MIN_SEGMENTS: f64 = 2.0;
/// Samples of a round before its least RTT counts (RFC 9406 §4.3).
const ROUND_SAMPLES: u32 = 8;
/// Bounds of the rise that ends slow start, in seconds (RFC 9406 §4.3).
const MIN_RISE: f64 = 0.004;
const MAX_RISE: f64 = 0.016;

/// A window in packets of `segments` segments each.
#[derive(Debug)]
pub(super) struct Cubic {
    segments: f64,
    window: f64,
    threshold: f64,
    round: Round,
    epoch: Option<Epoch>,
    last_max: f64,
}

#[derive(Clone, Copy, Debug)]
struct Epoch {
    start: f64,
    /// Time from the start to `origin`.
    k: f64,
    origin: f64,
    /// What Reno would have (RFC 9438 §4.3).
    reno: f64,
}

/// One round trip of slow start.
#[derive(Clone, Copy, Debug)]
struct Round {
    end: u64,
    least: f64,
    previous: f64,
    samples: u32,
}

impl Cubic {
    pub(super) fn new(segments: f64) -> Self {
        Self {
            segments,
            window: (INITIAL_SEGMENTS / segments).max(1.0),
            threshold: f64::INFINITY,
            round: Round {
                end: 0,
                least: f64::INFINITY,
                previous: f64::INFINITY,
                samples: 0,
            },
            epoch: None,
            last_max: 0.0,
        }
    }

    pub(super) const fn window(&self) -> f64 {
        self.window
    }

    pub(super) fn acknowledged(&mut self, ack: &Ack, rtt: &RttEstimate, in_recovery: bool) {
        if in_recovery {
            return;
        }
        // A sender that does not use its window must not let it grow (RFC 9438 §5.8).
        if ack.in_flight + 2.0 < self.window * 0.5 {
            return;
        }
        if self.window < self.threshold {
            self.window += 1.0;
            self.watch_round(ack);
        } else {
            self.avoid(ack, rtt);
        }
    }

    pub(super) fn lost(&mut self) {
        // Fast convergence (RFC 9438 §4.7).
        self.last_max = if self.window < self.last_max {
            self.window * (1.0 + BETA) / 2.0
        } else {
            self.window
        };
        self.window = (self.window * BETA).max(MIN_SEGMENTS / self.segments);
        self.threshold = self.window;
        self.epoch = None;
    }

    pub(super) fn timed_out(&mut self) {
        self.lost();
        self.window = (1.0 / self.segments).max(1.0);
        self.round.previous = f64::INFINITY;
    }

    fn watch_round(&mut self, ack: &Ack) {
        let round = &mut self.round;
        if ack.sequence >= round.end {
            *round = Round {
                end: ack.next,
                least: f64::INFINITY,
                previous: round.least,
                samples: 0,
            };
        }
        round.least = round.least.min(ack.rtt);
        round.samples += 1;
        let rise = (round.previous / 8.0).clamp(MIN_RISE, MAX_RISE);
        if round.samples >= ROUND_SAMPLES && round.least >= round.previous + rise {
            self.threshold = self.window;
        }
    }

    fn avoid(&mut self, ack: &Ack, rtt: &RttEstimate) {
        let (segments, last_max, window) = (self.segments, self.last_max, self.window);
        let epoch = self.epoch.get_or_insert_with(|| {
            let origin = last_max.max(window);
            Epoch {
                start: ack.now,
                k: ((origin - window) * segments / C).cbrt(),
                origin,
                reno: window,
            }
        });
        let t = ack.now - epoch.start + rtt.least - epoch.k;
        let target = epoch.origin + C * t * t * t / segments;
        let alpha = if epoch.reno < epoch.origin {
            3.0 * (1.0 - BETA) / (1.0 + BETA)
        } else {
            1.0
        };
        epoch.reno += alpha / (epoch.reno * segments);
        let reno = epoch.reno;
        let target = target.clamp(window, window * 1.5);
        self.window += (target - window) / window;
        self.window = self.window.max(reno);
    }
}
