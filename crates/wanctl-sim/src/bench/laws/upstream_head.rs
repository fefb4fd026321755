//! The newest law of the Python program `wanctl`, with the defaults of its configuration file.
//!
//! Zones by the delay above a baseline, as in `reference`, and around them: a Hampel filter in
//! front, a dwell before YELLOW and a dead band behind it, a clamp when the delay accelerates. It
//! knows no load. [`Writes`] says how often the router may be told.

mod signal;

use std::collections::VecDeque;
use std::time::Duration;

use wanctl_types::{Bps, PerDirection, Timestamp};

use super::observe::Answers;
use super::rounds::{Closing, Rounds};
use super::settings::{self, HeadRates};
use crate::bench::{LawUnderTest, Plan, Probing, Seen};
use signal::{Signal, median};

const CYCLE: Duration = Duration::from_millis(50);
const CYCLE_SECONDS: f64 = 0.05;
const PROBING: Probing = Probing {
    reflectors: 3,
    interval: CYCLE,
    spread: false,
};
const CLOSING: Closing = Closing {
    reflectors: PROBING.reflectors,
    interval: PROBING.interval,
    timeout: Duration::from_secs(1),
    quorum: PROBING.reflectors / 2 + 1,
};
/// A round-trip time older than this is none.
const STALE: Duration = Duration::from_secs(5);
/// Rounds in which the operator measures the idle round trip before there is any control.
const MEASURED_ROUNDS: u32 = 10;

/// Cycles above the target before it is YELLOW.
const DWELL: u32 = 3;
/// YELLOW lasts until the delay is this far below the target, ms, but at most half the target.
const DEAD_BAND: f64 = 3.0;
/// GREEN cycles before rates grow.
const GREENS: u32 = 5;
/// A load that grows by more than this within a cycle accelerates, ms; so many in a row are a
/// burst, and the clamp waits for so many further cycles for the delay to be above the target.
const ACCELERATION: f64 = 15.0;
const BURST: u32 = 3;
const BURST_WAITS: u32 = 2;

/// How often a router takes new rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writes {
    /// At any time, as Linux does.
    Free,
    /// So many within so long, as the program asks of `RouterOS`.
    Limited { most: usize, within: Duration },
}

/// What the program asks of `RouterOS`.
const ROUTER_OS: Writes = Writes::Limited {
    most: 5,
    within: Duration::from_secs(10),
};

/// The law, its filter and its router's limits.
pub(super) struct UpstreamHead {
    name: &'static str,
    writes: Writes,
    written: VecDeque<Timestamp>,
    rounds: Rounds,
    newest: Option<(Timestamp, f64)>,
    measured: u32,
    least: f64,
    signal: Option<Signal>,
    download: Queue,
    upload: Queue,
    burst: Burst,
    applied: PerDirection<Bps>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Zone {
    Green,
    Yellow,
    SoftRed,
    Red,
}

/// One direction.
struct Queue {
    rates: HeadRates,
    rate: f64,
    zone: Zone,
    greens: u32,
    dwell: u32,
}

/// Looks for a delay that accelerates.
#[derive(Default)]
struct Burst {
    accelerating: u32,
    waits: u32,
}

impl UpstreamHead {
    /// With a router that takes every rate.
    pub(super) fn free(plan: &Plan) -> Self {
        Self::new("upstream-head", Writes::Free, plan)
    }

    /// With the program's limit on writes to `RouterOS`.
    pub(super) fn on_router_os(plan: &Plan) -> Self {
        Self::new("upstream-head-routeros", ROUTER_OS, plan)
    }

    fn new(name: &'static str, writes: Writes, plan: &Plan) -> Self {
        let queues = settings::upstream_head(plan).map(Queue::new);
        Self {
            name,
            writes,
            written: VecDeque::new(),
            rounds: Rounds::new(CLOSING),
            newest: None,
            measured: 0,
            least: f64::INFINITY,
            signal: None,
            applied: queues.as_ref().map(|queue| Bps::truncating(queue.rate)),
            download: queues.download,
            upload: queues.upload,
            burst: Burst::default(),
        }
    }

    fn close(&mut self, now: Timestamp, answers: &Answers) {
        let Some(rtt) = median(answers) else {
            return;
        };
        self.newest = Some((now, rtt));
        if self.signal.is_some() {
            return;
        }
        self.least = self.least.min(rtt);
        self.measured += 1;
        if self.measured >= MEASURED_ROUNDS {
            self.signal = Some(Signal::new(self.least));
        }
    }

    fn cycle(&mut self, rtt: f64) {
        let Some(signal) = &mut self.signal else {
            return;
        };
        let before = signal.load;
        signal.take(rtt);
        let delta = signal.load - signal.baseline;
        let [target, warn, hard_red] = settings::thresholds();
        let is_open = self.download.may_be_clamped();
        self.download.step(delta, [target, warn, hard_red]);
        let acceleration = signal.load - before;
        if self
            .burst
            .is_confirmed(acceleration, is_open, delta > target)
        {
            self.download.clamp();
        }
        self.upload.step_of_three(delta, target, warn);
    }

    /// Tells the router, unless it was told too often.
    fn apply(&mut self, now: Timestamp) {
        let wanted = PerDirection::new(self.download.rate, self.upload.rate).map(Bps::truncating);
        if wanted == self.applied {
            return;
        }
        if let Writes::Limited { most, within } = self.writes {
            while self.written.front().is_some_and(|at| *at + within < now) {
                self.written.pop_front();
            }
            if self.written.len() >= most {
                return;
            }
            self.written.push_back(now);
        }
        self.applied = wanted;
    }
}

impl Queue {
    fn new(rates: HeadRates) -> Self {
        Self {
            rates,
            rate: rates.ceiling,
            zone: Zone::Green,
            greens: 0,
            dwell: 0,
        }
    }

    /// Download: four zones.
    fn step(&mut self, delta: f64, [target, warn, hard_red]: [f64; 3]) {
        let zone = if delta > hard_red {
            self.bad(Zone::Red)
        } else if delta > warn {
            self.bad(Zone::SoftRed)
        } else {
            self.mild(delta, target)
        };
        self.go(zone);
    }

    /// Upload: three zones.
    fn step_of_three(&mut self, delta: f64, target: f64, warn: f64) {
        let zone = if delta > warn {
            self.bad(Zone::Red)
        } else {
            self.mild(delta, target)
        };
        self.go(zone);
    }

    fn bad(&mut self, zone: Zone) -> Zone {
        self.greens = 0;
        self.dwell = 0;
        zone
    }

    /// GREEN or YELLOW, which it is slow to enter and slow to leave.
    fn mild(&mut self, delta: f64, target: f64) -> Zone {
        let was_yellow = self.zone == Zone::Yellow;
        if delta > target {
            self.greens = 0;
            if was_yellow {
                return Zone::Yellow;
            }
            self.dwell += 1;
            return if self.dwell >= DWELL {
                Zone::Yellow
            } else {
                Zone::Green
            };
        }
        self.dwell = 0;
        if was_yellow && delta >= target - DEAD_BAND.min(target / 2.0) {
            self.greens = 0;
            return Zone::Yellow;
        }
        self.greens += 1;
        Zone::Green
    }

    fn go(&mut self, zone: Zone) {
        self.zone = zone;
        let [green, yellow, soft_red, red] = self.rates.floors;
        let (wanted, floor) = match zone {
            Zone::Red => (self.rate * self.rates.factor_down, red),
            Zone::SoftRed => (self.rate, soft_red),
            Zone::Yellow => (self.rate * self.rates.factor_down_yellow, yellow),
            Zone::Green if self.greens >= GREENS => (self.rate + self.rates.step_up, green),
            Zone::Green => (self.rate, green),
        };
        self.rate = wanted.trunc().max(floor).min(self.rates.ceiling).trunc();
    }

    fn may_be_clamped(&self) -> bool {
        let [_, yellow, ..] = self.rates.floors;
        !matches!(self.zone, Zone::Red | Zone::SoftRed) && self.rate >= yellow
    }

    fn clamp(&mut self) {
        if !matches!(self.zone, Zone::Green | Zone::Yellow) {
            return;
        }
        let [.., soft_red, _] = self.rates.floors;
        let cut = (self.rate * self.rates.factor_down).trunc().max(soft_red);
        self.rate = self.rate.min(cut).trunc();
        self.zone = self.bad(Zone::SoftRed);
    }
}

impl Burst {
    fn is_confirmed(&mut self, acceleration: f64, is_open: bool, is_above: bool) -> bool {
        if acceleration > ACCELERATION {
            self.accelerating += 1;
        } else {
            self.accelerating = 0;
        }
        if self.accelerating >= BURST && is_open {
            self.waits = BURST_WAITS;
        }
        if self.waits > 0 && is_open && is_above {
            self.waits = 0;
            return true;
        }
        self.waits = self.waits.saturating_sub(1);
        false
    }
}

impl LawUnderTest for UpstreamHead {
    fn name(&self) -> &str {
        self.name
    }

    fn interval(&self) -> Duration {
        CYCLE
    }

    fn probing(&self) -> Probing {
        PROBING
    }

    fn start(&self) -> PerDirection<Bps> {
        self.applied
    }

    fn step(&mut self, now: Timestamp, seen: &Seen<'_>) -> PerDirection<Bps> {
        self.rounds.take(seen.replies);
        while let Some(answers) = self.rounds.poll(now) {
            self.close(now, &answers);
        }
        if let Some((at, rtt)) = self.newest
            && now.saturating_since(at) <= STALE
        {
            self.cycle(rtt);
            self.apply(now);
        }
        self.applied
    }
}

#[cfg(test)]
mod tests;
