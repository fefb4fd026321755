//! The rules of the Python program, sample by sample.
//!
//! ```text
//!            N bad samples in a row               Applied
//!   Good ───────────────────────────► Enabling ───────────► Degraded
//!    ▲  ◄──────────── Refused ───────                          │ M good samples in a row
//!    │                                            Refused      ▼
//!    └─────────────── Applied ─────────────────────────── Disabling ──► Degraded
//! ```
//!
//! Arithmetic and order of comparison are that program's, so that recorded figures compare
//! exactly: a smoothed value of 0 counts as none, a YELLOW sample ends a row of either kind, RED
//! asks for delay, drops and queue together. Where it is wrong these rules are not: a round trip
//! that is not measured is not made up, a missing queue reading does not rule RED out, a delay of
//! any height is taken, the penalty for flapping counts, and where a score decides nothing else
//! does.

mod score;

use core::time::Duration;

use arrayvec::ArrayVec;
use wanctl_types::{Millis, Timestamp};

use crate::decision::{Decision, Outcome, Progress, Request, Transition, WanVerdict};
use crate::standard::{above, measured};
use crate::{
    Action, ActionId, Assessment, Cause, Held, LegacyConfig, LegacyState, Level, Observation,
    Quality, QueueObservation, Reason, RouteMode, Score, Settled, WanIndex, WanObservation,
};
use score::{Evidence, Scorer, Verdict};

/// Highest delay that is taken into the average, milliseconds.
const DELAY_CAP: f64 = 1_000.0;
/// A request that nobody answers is given up after so long.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// The engine.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Legacy {
    state: State,
    scorer: Scorer,
    baseline: Option<Millis>,
    smoothed: f64,
    next_id: ActionId,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Good { bad: u32 },
    Enabling { bad: u32, sent: Sent },
    Degraded { good: u32 },
    Disabling { good: u32, sent: Sent },
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Sent {
    id: ActionId,
    since: Timestamp,
    reason: Reason,
}

/// What one sample says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sample {
    Bad,
    Neither,
    Good,
}

impl Legacy {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Good { bad: 0 },
            scorer: Scorer::default(),
            baseline: None,
            smoothed: 0.0,
            next_id: ActionId::default(),
        }
    }

    pub(crate) fn step(
        &mut self,
        now: Timestamp,
        seen: &Observation,
        config: &LegacyConfig,
    ) -> Decision {
        self.give_up_unanswered(now);
        let blank = WanObservation::default();
        let primary = seen.wans.first().unwrap_or(&blank);
        self.learn(primary, config);
        let rtt = measured(primary);
        let Some(delta) = above(rtt, self.baseline) else {
            return self.blind(rtt, seen);
        };
        let queue = primary.queue.filter(|_| config.cake_aware);
        self.smoothed = if config.cake_aware {
            smooth(self.smoothed, delta.get(), config.delay_alpha)
        } else {
            delta.get()
        };
        let level = assess(self.smoothed, queue.as_ref(), config);
        let sample = sample(level);
        let evidence = Evidence {
            level,
            delta: delta.get(),
            drops: queue.map_or(0, |queue| queue.drops),
            queued: queue.map_or(0, |queue| queue.queued),
            zone: primary.shaper.and_then(|shaper| shaper.zone.download),
        };
        let (score, verdict) = self.scorer.step(now, &evidence, config, self.is_degraded());
        let wish = match verdict {
            Some(verdict) => self.follow(verdict, config),
            None => self.count(sample, config),
        };
        let mut requests = ArrayVec::new();
        let held = match wish {
            Ok(reason) => {
                requests.push(self.begin(now, reason));
                None
            }
            Err(held) => Some(held),
        };
        Decision {
            outcome: Outcome::Completed,
            level,
            rtt,
            baseline: self.baseline,
            delta: Some(delta),
            active: self.active(),
            moving: self.is_moving(),
            requests,
            held,
            score,
            progress: self.progress(),
            wans: self.verdicts(seen, rtt, level, config),
            wake: None,
        }
    }

    pub(crate) fn settle(&mut self, id: ActionId, settled: Settled) -> Option<Transition> {
        let (next, transition) = match self.state {
            State::Enabling { bad, sent } if sent.id == id => match settled {
                Settled::Applied => (State::Degraded { good: 0 }, Some((true, sent.reason))),
                Settled::Refused => (State::Good { bad }, None),
            },
            State::Disabling { good, sent } if sent.id == id => match settled {
                Settled::Applied => (State::Good { bad: 0 }, Some((false, sent.reason))),
                Settled::Refused => (State::Degraded { good }, None),
            },
            State::Good { .. }
            | State::Enabling { .. }
            | State::Degraded { .. }
            | State::Disabling { .. } => return None,
        };
        self.state = next;
        transition.map(|(away, reason)| {
            let (from, to) = ends(away);
            Transition { from, to, reason }
        })
    }

    pub(crate) const fn active(&self) -> WanIndex {
        if self.is_degraded() {
            LegacyState::ALTERNATE
        } else {
            WanIndex::PRIMARY
        }
    }

    pub(crate) const fn adopt(&mut self, active: WanIndex) {
        self.state = if active.is_primary() {
            State::Good { bad: 0 }
        } else {
            State::Degraded { good: 0 }
        };
    }

    pub(crate) fn state(&self) -> LegacyState {
        let Progress { bad, good } = self.progress();
        let count = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        LegacyState {
            degraded: self.is_degraded(),
            bad: count(bad),
            good: count(good),
            baseline: self.baseline,
            smoothed_delay: self.smoothed,
        }
    }

    pub(crate) fn restore(&mut self, state: &LegacyState) {
        self.state = if state.degraded {
            State::Degraded { good: state.good }
        } else {
            State::Good { bad: state.bad }
        };
        self.baseline = state.baseline;
        let usable = (0.0..=DELAY_CAP).contains(&state.smoothed_delay);
        self.smoothed = if usable { state.smoothed_delay } else { 0.0 };
    }

    const fn is_degraded(&self) -> bool {
        matches!(self.state, State::Degraded { .. } | State::Disabling { .. })
    }

    const fn is_moving(&self) -> bool {
        matches!(self.state, State::Enabling { .. } | State::Disabling { .. })
    }

    fn progress(&self) -> Progress {
        let (bad, good) = match self.state {
            State::Good { bad } | State::Enabling { bad, .. } => (bad, 0),
            State::Degraded { good } | State::Disabling { good, .. } => (0, good),
        };
        Progress {
            bad: bad.into(),
            good: good.into(),
        }
    }

    /// Takes the rate-control daemon's idle round trip when it lies within the bounds.
    fn learn(&mut self, primary: &WanObservation, config: &LegacyConfig) {
        let (min, max) = config.baseline;
        let published = primary.shaper.and_then(|shaper| shaper.baseline);
        self.baseline = published
            .filter(|baseline| (min..=max).contains(&baseline.get()))
            .or(self.baseline);
    }

    fn blind(&self, rtt: Option<Millis>, seen: &Observation) -> Decision {
        let unknown = Assessment::Unknown {
            measured: Duration::ZERO,
            needed: Duration::ZERO,
        };
        Decision {
            outcome: Outcome::Blind,
            level: Level::Unknown,
            rtt,
            baseline: self.baseline,
            delta: None,
            active: self.active(),
            moving: self.is_moving(),
            requests: ArrayVec::new(),
            held: Some(Held::Blind),
            score: Score::default(),
            progress: self.progress(),
            wans: seen.wans.iter().map(|_| verdict(unknown)).collect(),
            wake: None,
        }
    }

    /// Counts samples in a row; the reason for a move when there are enough.
    fn count(&mut self, sample: Sample, config: &LegacyConfig) -> Result<Reason, Held> {
        let (enter, leave) = if config.cake_aware {
            (config.red_samples, config.green_samples)
        } else {
            (config.bad_samples, config.good_samples)
        };
        match &mut self.state {
            State::Good { bad } => {
                *bad = row(*bad, sample == Sample::Bad);
                let count = *bad;
                reached(
                    count,
                    enter,
                    sample == Sample::Bad,
                    Reason::BadSamples { count },
                )
            }
            State::Degraded { good } => {
                *good = row(*good, sample == Sample::Good);
                let count = *good;
                let reason = Reason::GoodSamples { count };
                reached(count, leave, sample == Sample::Good, reason)
            }
            State::Enabling { bad, sent } => {
                *bad = row(*bad, sample == Sample::Bad);
                Err(Held::InFlight { since: sent.since })
            }
            State::Disabling { good, sent } => {
                *good = row(*good, sample == Sample::Good);
                Err(Held::InFlight { since: sent.since })
            }
        }
    }

    /// Does what the score says.
    fn follow(&mut self, verdict: Verdict, config: &LegacyConfig) -> Result<Reason, Held> {
        match (self.state, verdict) {
            (State::Enabling { sent, .. } | State::Disabling { sent, .. }, _) => {
                Err(Held::InFlight { since: sent.since })
            }
            (State::Good { .. }, Verdict::Enable { score, threshold }) => {
                Ok(Reason::Confident { score, threshold })
            }
            (State::Degraded { .. }, Verdict::Disable) => Ok(Reason::Recovered {
                lasted: config
                    .confidence
                    .map_or(Duration::ZERO, |confidence| confidence.recovery_sustain),
            }),
            (State::Good { .. } | State::Degraded { .. }, Verdict::Stay(held)) => Err(held),
            (State::Good { .. }, Verdict::Disable)
            | (State::Degraded { .. }, Verdict::Enable { .. }) => Err(Held::Calm),
        }
    }

    fn begin(&mut self, now: Timestamp, reason: Reason) -> Request {
        self.next_id = self.next_id.next();
        let sent = Sent {
            id: self.next_id,
            since: now,
            reason,
        };
        let away = !self.is_degraded();
        self.state = match self.state {
            State::Good { bad } | State::Enabling { bad, .. } => State::Enabling { bad, sent },
            State::Degraded { good } | State::Disabling { good, .. } => {
                State::Disabling { good, sent }
            }
        };
        let (from, to) = ends(away);
        Request {
            id: sent.id,
            action: Action::Move { from, to },
            reason,
        }
    }

    fn give_up_unanswered(&mut self, now: Timestamp) {
        let (State::Enabling { sent, .. } | State::Disabling { sent, .. }) = self.state else {
            return;
        };
        if now.saturating_since(sent.since) >= ANSWER_LIMIT {
            let _none = self.settle(sent.id, Settled::Refused);
        }
    }

    /// Only the WAN in normal use is judged.
    fn verdicts(
        &self,
        seen: &Observation,
        rtt: Option<Millis>,
        level: Level,
        config: &LegacyConfig,
    ) -> ArrayVec<WanVerdict, { crate::MAX_WANS }> {
        let quality = Quality {
            rtt: rtt.unwrap_or_default(),
            delay: Millis::saturating(self.smoothed),
            ..Quality::default()
        };
        let limit = if config.cake_aware {
            config.yellow_delay
        } else {
            config.bad_delay
        };
        let cause = Cause::Delay {
            found: quality.delay,
            limit: Millis::saturating(limit),
        };
        let primary = match level {
            Level::Green => Assessment::Green { quality },
            Level::Yellow => Assessment::Yellow { quality, cause },
            Level::Red | Level::Down | Level::Unknown => Assessment::Red { quality, cause },
        };
        let unknown = Assessment::Unknown {
            measured: Duration::ZERO,
            needed: Duration::ZERO,
        };
        (0..seen.wans.len())
            .map(|place| verdict(if place == 0 { primary } else { unknown }))
            .collect()
    }
}

const fn verdict(assessment: Assessment) -> WanVerdict {
    WanVerdict {
        assessment,
        rejected: None,
        route: RouteMode::Unmanaged,
    }
}

const fn ends(away: bool) -> (WanIndex, WanIndex) {
    if away {
        (WanIndex::PRIMARY, LegacyState::ALTERNATE)
    } else {
        (LegacyState::ALTERNATE, WanIndex::PRIMARY)
    }
}

const fn row(count: u32, goes_on: bool) -> u32 {
    if goes_on { count.saturating_add(1) } else { 0 }
}

fn reached(count: u32, needed: u32, counted: bool, reason: Reason) -> Result<Reason, Held> {
    if counted && count >= needed {
        Ok(reason)
    } else {
        Err(Held::Counting { count, needed })
    }
}

const fn sample(level: Level) -> Sample {
    match level {
        Level::Green => Sample::Good,
        Level::Yellow | Level::Unknown => Sample::Neither,
        Level::Red | Level::Down => Sample::Bad,
    }
}

/// `(1 − a) · present + a · new`, in this order of operations; the first value passes as it is, and
/// 0 stands for none.
fn smooth(present: f64, new: f64, alpha: f64) -> f64 {
    let new = new.clamp(-DELAY_CAP, DELAY_CAP);
    if present == 0.0 {
        new
    } else {
        (1.0 - alpha) * present + alpha * new
    }
}

fn assess(delay: f64, queue: Option<&QueueObservation>, config: &LegacyConfig) -> Level {
    if !config.cake_aware {
        return if delay > config.bad_delay {
            Level::Red
        } else if delay < config.recovery_delay {
            Level::Green
        } else {
            Level::Yellow
        };
    }
    let (dropping, full, waiting) = match queue {
        Some(queue) => (
            queue.drops >= config.red_drops,
            queue.queued >= config.red_queue,
            queue.queued >= config.yellow_queue,
        ),
        // What cannot be read speaks neither for nor against.
        None => (true, true, false),
    };
    if delay > config.red_delay && dropping && full {
        Level::Red
    } else if delay > config.yellow_delay || waiting {
        Level::Yellow
    } else {
        Level::Green
    }
}

#[cfg(test)]
mod tests;
