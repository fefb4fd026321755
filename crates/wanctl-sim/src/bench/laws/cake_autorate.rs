//! The law of cake-autorate 3.3, with its defaults.
//!
//! Six reflectors are asked in turn, and every answer is a step. A direction is `bloated` when
//! three of the last six answers, of all reflectors, came too late; then its rate is cut, by more
//! the later they came. Otherwise a direction that is used for more than 75 % is raised, by less
//! the later they came, and one that is not goes slowly back to its base rate. Where an answer
//! tells round trips only, each way is supposed to have taken half of it, so both directions are
//! cut together.

use std::collections::VecDeque;
use std::time::Duration;

use wanctl_types::{Bps, Direction, Millis, PerDirection, Timestamp};

use super::settings::{self, AutorateRates};
use super::traffic::Delivered;
use crate::bench::{LawUnderTest, Plan, ProbeReply, Probing, Seen};

/// How the law is looked at: a few milliseconds are what bash takes for a line.
const INTERVAL: Duration = Duration::from_millis(5);
const PROBING: Probing = Probing {
    reflectors: 6,
    interval: Duration::from_millis(300),
    spread: true,
};

/// One-way baselines begin here, ms: above any path, so that the first answer sets them.
const FIRST_BASELINE: f64 = 100.0;
const ALPHA_UP: f64 = 0.001;
const ALPHA_DOWN: f64 = 0.9;
/// Answers in the window that decides.
const WINDOW: usize = 6;
/// Late ones among them that make a direction bloated.
const LATE_ENOUGH: usize = 3;
/// One-way delays above the baseline, ms: up to which rates are raised at full speed, from which
/// an answer is late, and from which rates are cut at full speed.
const RAISE_FULLY: f64 = 10.0;
const LATE: f64 = 30.0;
const CUT_FULLY: f64 = 60.0;
/// Factors of a rate in thousandths.
const CUT_LEAST: u64 = 990;
const CUT_MOST: u64 = 750;
const RAISE_MOST: u64 = 1_040;
const DECAY_DOWN: u64 = 990;
const DECAY_UP: u64 = 1_010;
/// After a cut there is neither cut nor raise for so long, and between two decays lies at least
/// so long.
const REFRACTORY: Duration = Duration::from_millis(300);
const DECAY_REFRACTORY: Duration = Duration::from_secs(1);
/// A direction is highly used above this percentage of its rate, and idle up to this rate.
const HIGH_PERCENT: u64 = 75;
const IDLE_KBPS: u64 = 2_000;
/// Time from one look at the counters to the next: at least this, and at least this many full
/// packets through both shapers.
const LOAD_INTERVAL: Duration = Duration::from_millis(200);
const LOAD_PACKETS: f64 = 10.0;
/// A full packet, bits.
const PACKET: f64 = 12_000.0;
/// Both directions idle for so long: it stops probing. The first answer after that comes so long
/// after traffic does.
const SLEEP_AFTER: Duration = Duration::from_mins(1);
const WAKE: Duration = Duration::from_millis(500);

/// cake-autorate, on round-trip times or on one-way delays.
pub(super) struct CakeAutorate {
    name: &'static str,
    takes_one_way: bool,
    lanes: PerDirection<Lane>,
    baselines: [Option<PerDirection<f64>>; PROBING.reflectors],
    next_load: Timestamp,
    /// Since when both directions are idle.
    idle_since: Option<Timestamp>,
    /// No answer counts before; `None` while it does not probe.
    listens_from: Option<Timestamp>,
}

/// One direction. Rates are whole kbit/s.
struct Lane {
    limits: AutorateRates,
    rate: u64,
    achieved: u64,
    load: Load,
    traffic: Delivered,
    is_updated: bool,
    /// The last delays above the baseline, ms, and whether they were late.
    window: VecDeque<(f64, bool)>,
    cut_at: Option<Timestamp>,
    decayed_at: Timestamp,
}

/// How much of its rate a direction uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Load {
    #[default]
    Idle,
    Low,
    High,
}

impl CakeAutorate {
    /// The default: `fping`, round-trip times.
    pub(super) fn round_trips(plan: &Plan) -> Self {
        Self::new("cake-autorate", false, settings::cake_autorate(plan))
    }

    /// `tsping`: one-way delays where reflectors tell them, round trips where they do not.
    pub(super) fn one_way(plan: &Plan) -> Self {
        Self::new("cake-autorate-owd", true, settings::cake_autorate(plan))
    }

    fn new(name: &'static str, takes_one_way: bool, limits: PerDirection<AutorateRates>) -> Self {
        Self {
            name,
            takes_one_way,
            lanes: limits.map(Lane::new),
            baselines: [None; PROBING.reflectors],
            next_load: Timestamp::ZERO,
            idle_since: None,
            listens_from: Some(Timestamp::ZERO),
        }
    }

    /// Looks at the counters, if it is time.
    fn update_loads(&mut self, now: Timestamp, seen: &Seen<'_>) {
        if now < self.next_load {
            return;
        }
        let packets: f64 = Direction::BOTH
            .iter()
            .map(|d| PACKET / (1e3 * as_f64(self.lanes[*d].rate)))
            .sum();
        let least = Duration::from_secs_f64(LOAD_PACKETS * packets);
        self.next_load = now + LOAD_INTERVAL.max(least);
        for direction in Direction::BOTH {
            self.lanes[direction].update_load(seen);
        }
        self.sleep_or_wake(now);
    }

    fn sleep_or_wake(&mut self, now: Timestamp) {
        let idle = Direction::BOTH
            .iter()
            .all(|d| self.lanes[*d].load == Load::Idle);
        if !idle {
            self.idle_since = None;
            self.listens_from.get_or_insert(now + WAKE);
            return;
        }
        let since = *self.idle_since.get_or_insert(now);
        if now.saturating_since(since) > SLEEP_AFTER {
            self.listens_from = None;
        }
    }

    fn take(&mut self, now: Timestamp, reply: &ProbeReply) {
        let half = reply.rtt.get() / 2.0;
        let told = reply.one_way.filter(|_| self.takes_one_way);
        let halves = PerDirection::new(half, half);
        let delays = told.map_or(halves, |told| told.map(Millis::get));
        let Some(baseline) = self.baselines.get_mut(reply.reflector) else {
            return;
        };
        // Clocks of reflectors are not synchronised here: see `docs/benchmarks-laws.md`.
        let first = match told {
            Some(_) => delays,
            None => PerDirection::new(FIRST_BASELINE, FIRST_BASELINE),
        };
        let baseline = baseline.get_or_insert(first);
        for direction in Direction::BOTH {
            let delay = delays[direction];
            let alpha = if delay >= baseline[direction] {
                ALPHA_UP
            } else {
                ALPHA_DOWN
            };
            baseline[direction] += alpha * (delay - baseline[direction]);
            let lane = &mut self.lanes[direction];
            lane.push(delay - baseline[direction]);
            lane.step(now);
        }
    }
}

impl Lane {
    fn new(limits: AutorateRates) -> Self {
        Self {
            limits,
            rate: limits.base,
            achieved: 0,
            load: Load::Idle,
            traffic: Delivered::default(),
            is_updated: false,
            window: VecDeque::from([(0.0, false); WINDOW]),
            cut_at: None,
            decayed_at: Timestamp::ZERO,
        }
    }

    fn update_load(&mut self, seen: &Seen<'_>) {
        let direction = self.limits.direction;
        if let Some(rate) = self.traffic.since_last(seen.counters[direction]) {
            self.achieved = rate.get() / 1_000;
        }
        self.is_updated = true;
        self.load = if 100 * self.achieved / self.rate.max(1) > HIGH_PERCENT {
            Load::High
        } else if self.achieved > IDLE_KBPS {
            Load::Low
        } else {
            Load::Idle
        };
    }

    /// Every threshold is higher by the time a full packet takes through our shaper, ms.
    fn packet_time(&self) -> f64 {
        PACKET / as_f64(self.rate.max(1))
    }

    fn push(&mut self, delta: f64) {
        let is_late = delta > LATE + self.packet_time();
        self.window.pop_front();
        self.window.push_back((delta, is_late));
    }

    fn step(&mut self, now: Timestamp) {
        let late = self.window.iter().filter(|(_, late)| *late).count();
        let sum: f64 = self.window.iter().map(|(delta, _)| delta).sum();
        let count = u32::try_from(WINDOW).unwrap_or(u32::MAX);
        let mean = sum / f64::from(count);
        let packet = self.packet_time();
        let is_ready = self.cut_at.is_none_or(|cut| now > cut + REFRACTORY);
        if late >= LATE_ENOUGH {
            if is_ready {
                let part = ((mean - LATE - packet) / (CUT_FULLY - LATE)).clamp(0.0, 1.0);
                self.scale(CUT_LEAST - thousandths(part, CUT_LEAST - CUT_MOST));
                self.cut_at = Some(now);
                self.decayed_at = now;
            }
        } else if self.load == Load::High {
            if self.is_updated && is_ready {
                let part = ((LATE + packet - mean) / (LATE - RAISE_FULLY)).clamp(0.0, 1.0);
                self.scale(1_000 + thousandths(part, RAISE_MOST - 1_000));
                self.is_updated = false;
                self.decayed_at = now;
            }
        } else if now > self.decayed_at + DECAY_REFRACTORY {
            self.decay();
            self.decayed_at = now;
        }
    }

    fn decay(&mut self) {
        let base = self.limits.base;
        if self.rate > base {
            self.scale(DECAY_DOWN);
            self.rate = self.rate.max(base);
        } else if self.rate < base {
            self.scale(DECAY_UP);
            self.rate = self.rate.min(base);
        }
    }

    fn scale(&mut self, thousandths: u64) {
        let rate = self.rate * thousandths / 1_000;
        self.rate = rate.clamp(self.limits.min, self.limits.max);
    }
}

/// A part of a number, rounded down.
fn thousandths(part: f64, of: u64) -> u64 {
    Bps::truncating(part * as_f64(of)).get()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "rates in kbit/s are far below 2^52"
)]
const fn as_f64(value: u64) -> f64 {
    value as f64
}

impl LawUnderTest for CakeAutorate {
    fn name(&self) -> &str {
        self.name
    }

    fn interval(&self) -> Duration {
        INTERVAL
    }

    fn probing(&self) -> Probing {
        PROBING
    }

    fn start(&self) -> PerDirection<Bps> {
        PerDirection::from_fn(|d| Bps::new(1_000 * self.lanes[d].rate))
    }

    fn step(&mut self, now: Timestamp, seen: &Seen<'_>) -> PerDirection<Bps> {
        self.update_loads(now, seen);
        for reply in seen.replies {
            if self.listens_from.is_some_and(|from| reply.sent_at >= from) {
                self.take(now, reply);
            }
        }
        self.start()
    }
}

#[cfg(test)]
mod tests;
