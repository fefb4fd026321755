//! The law of sqm-autorate 0.6, with its defaults.
//!
//! Twice a second each direction is judged by the median of five reflectors' delays above their
//! baselines. Below 15 ms and used for more than 80 %, its rate grows and the rate that was
//! achieved is remembered as safe; above 15 ms it falls to 90 % of what was achieved, or to one of
//! the remembered rates drawn by lot, whichever is less.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use wanctl_types::{Bps, Direction, Millis, PerDirection, Timestamp};

use super::settings::{self, SqmRates};
use super::traffic::Delivered;
use crate::bench::{LawUnderTest, Plan, ProbeReply, Probing, Seen};

const TICK: Duration = Duration::from_millis(500);
const PROBING: Probing = Probing {
    reflectors: 5,
    interval: TICK,
    spread: true,
};
/// Half-lives of the slow and of the fast mean of a reflector's delay, seconds.
const SLOW: f64 = 135.0;
const FAST: f64 = 0.4;
/// A reflector that was silent for longer starts anew.
const FORGET: Duration = Duration::from_secs(30);
/// Only reflectors heard within this time are asked for their opinion.
const FRESH: Duration = Duration::from_secs(1);
/// Which of the delays decides, in growing order from 0: the median of five.
const DECIDING: usize = 2;
/// A delay above this is bloat, ms.
const BLOAT: f64 = 15.0;
/// A direction is loaded above this part of its rate.
const LOADED: f64 = 0.8;
/// Rates remembered as safe, and between which parts of the base rate they are drawn first.
const SAFE_RATES: usize = 100;
const FIRST_SAFE: std::ops::Range<f64> = 0.75..0.95;
/// Most that a rate grows by at once: this part of it while it is below the greatest safe rate,
/// and this part of the base rate.
const GROWTH: f64 = 0.1;
const STEP: f64 = 0.03;
/// What is left of the achieved rate after bloat.
const CUT: f64 = 0.9;

/// sqm-autorate.
pub(super) struct SqmAutorate {
    reflectors: [Option<Reflector>; PROBING.reflectors],
    lanes: PerDirection<Lane>,
    rng: ChaCha8Rng,
    /// Whether there was any answer yet.
    has_begun: bool,
}

/// The two means of a reflector's one-way delays, ms.
#[derive(Clone, Copy, Debug)]
struct Reflector {
    heard_at: Timestamp,
    baseline: PerDirection<f64>,
    recent: PerDirection<f64>,
}

/// One direction. Rates are kbit/s.
struct Lane {
    limits: SqmRates,
    rate: f64,
    traffic: Delivered,
    safe: Vec<f64>,
    next_safe: usize,
}

impl SqmAutorate {
    pub(super) fn new(plan: &Plan, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        Self {
            reflectors: [None; PROBING.reflectors],
            lanes: settings::sqm_autorate(plan).map(|limits| Lane::new(limits, &mut rng)),
            rng,
            has_begun: false,
        }
    }

    fn take(&mut self, reply: &ProbeReply) {
        let half = reply.rtt.get() / 2.0;
        let halves = PerDirection::new(half, half);
        let delays = reply.one_way.map_or(halves, |told| told.map(Millis::get));
        self.has_begun = true;
        if let Some(reflector) = self.reflectors.get_mut(reply.reflector) {
            match reflector {
                Some(known) => known.take(reply.received_at, delays),
                None => *reflector = Some(Reflector::new(reply.received_at, delays)),
            }
        }
    }

    /// The delay that decides on a direction, ms; `None` when nobody was heard.
    fn delay(&self, now: Timestamp, direction: Direction) -> Option<f64> {
        let heard = self.reflectors.iter().flatten();
        let mut deltas: Vec<f64> = heard
            .filter(|reflector| now.saturating_since(reflector.heard_at) <= FRESH)
            .map(|reflector| reflector.recent[direction] - reflector.baseline[direction])
            .collect();
        deltas.sort_by(f64::total_cmp);
        deltas.get(DECIDING).or_else(|| deltas.first()).copied()
    }
}

impl Reflector {
    const fn new(heard_at: Timestamp, delays: PerDirection<f64>) -> Self {
        Self {
            heard_at,
            baseline: delays,
            recent: delays,
        }
    }

    fn take(&mut self, at: Timestamp, delays: PerDirection<f64>) {
        if at.saturating_since(self.heard_at) > FORGET {
            *self = Self::new(at, delays);
            return;
        }
        self.heard_at = at;
        for direction in Direction::BOTH {
            let delay = delays[direction];
            let recent = blended(self.recent[direction], delay, FAST);
            let baseline = blended(self.baseline[direction], delay, SLOW);
            self.recent[direction] = recent;
            self.baseline[direction] = baseline.min(recent);
        }
    }
}

/// One tick of a mean with this half-life, seconds.
fn blended(mean: f64, sample: f64, half_life: f64) -> f64 {
    let kept = 0.5_f64.powf(TICK.as_secs_f64() / half_life);
    kept.mul_add(mean, (1.0 - kept) * sample)
}

impl Lane {
    fn new(limits: SqmRates, rng: &mut ChaCha8Rng) -> Self {
        let safe = (0..SAFE_RATES).map(|_| limits.base * rng.random_range(FIRST_SAFE));
        Self {
            limits,
            rate: limits.start,
            traffic: Delivered::default(),
            safe: safe.collect(),
            next_safe: 0,
        }
    }

    fn step(&mut self, delay: Option<f64>, seen: &Seen<'_>, rng: &mut ChaCha8Rng) {
        let counters = seen.counters[self.limits.direction];
        let achieved = self.traffic.since_last(counters);
        let Some(delay) = delay else {
            self.rate = self.limits.min;
            return;
        };
        let achieved = achieved.unwrap_or_default().as_f64() / 1e3;
        let mut next = self.rate;
        if delay < BLOAT && achieved > LOADED * self.rate {
            self.remember(achieved.floor());
            let most = self.safe.iter().copied().fold(0.0, f64::max);
            let room = (1.0 - self.rate / most).max(0.0);
            next = self.rate * GROWTH.mul_add(room, 1.0) + STEP * self.limits.base;
        }
        if delay > BLOAT {
            let drawn = rng.random_range(0..self.safe.len().max(1));
            let safe = self.safe.get(drawn).copied().unwrap_or(next);
            next = (CUT * achieved).min(safe);
        }
        self.rate = next.max(self.limits.min).floor();
    }

    fn remember(&mut self, rate: f64) {
        if let Some(oldest) = self.safe.get_mut(self.next_safe) {
            *oldest = rate;
        }
        self.next_safe = (self.next_safe + 1) % SAFE_RATES;
    }
}

impl LawUnderTest for SqmAutorate {
    fn name(&self) -> &'static str {
        "sqm-autorate"
    }

    fn interval(&self) -> Duration {
        TICK
    }

    fn probing(&self) -> Probing {
        PROBING
    }

    fn start(&self) -> PerDirection<Bps> {
        PerDirection::from_fn(|d| Bps::truncating(1e3 * self.lanes[d].rate))
    }

    fn step(&mut self, now: Timestamp, seen: &Seen<'_>) -> PerDirection<Bps> {
        for reply in seen.replies {
            self.take(reply);
        }
        if self.has_begun {
            for direction in Direction::BOTH {
                let delay = self.delay(now, direction);
                self.lanes[direction].step(delay, seen, &mut self.rng);
            }
        }
        self.start()
    }
}

#[cfg(test)]
mod tests;
