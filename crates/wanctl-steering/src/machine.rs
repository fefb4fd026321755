//! Where eligible traffic goes.
//!
//! ```text
//!                 bad for `enter`, and a better WAN        Applied
//!        ┌───────┐ ──────────────────────────► ┌────────┐ ───────► ┌──────┐
//!        │ Home  │                             │ Moving │          │ Away │ ──┐ the WAN in use
//!        └───────┘ ◄────────── Refused ─────── └────────┘ ◄─────── └──────┘ ◄─┘ is bad: on to
//!             ▲                                     ▲  good for `leave`,  │      a better one
//!             └───────────────── Applied ───────────┴──and held down──────┘
//! ```
//!
//! Leaving is quick, since a call suffers now; coming back is slow, since a wrong return breaks the
//! same calls twice. An outage needs no dwell: the silence has lasted already. A request on its way
//! is a state of its own, and only its answer ends it.

use core::time::Duration;

use wanctl_types::Timestamp;

use crate::brake::Brake;
use crate::compare::{Assessments, Choice};
use crate::dwell::Dwell;
use crate::{
    ActionId, Assessment, Held, Level, Progress, Reason, Score, Settled, StandardConfig,
    Transition, WanIndex, WanObservation,
};

/// A request that nobody answers is given up after so long; the router is read then.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// From a refusal to the next attempt, at first.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// And at most.
const LAST_RETRY: Duration = Duration::from_secs(30);

/// Eligible traffic.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Machine {
    state: State,
    retry: Option<Retry>,
    brake: Brake,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Resting(Resting),
    Moving {
        id: ActionId,
        to: WanIndex,
        since: Timestamp,
        reason: Reason,
        resume: Resting,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Resting {
    Home {
        bad: Dwell,
    },
    Away {
        at: WanIndex,
        hold_until: Timestamp,
        bad: Dwell,
        good: Dwell,
        even: Dwell,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Retry {
    at: Timestamp,
    wait: Duration,
}

/// What the machine looks at.
pub(crate) struct Sight<'a> {
    pub(crate) now: Timestamp,
    pub(crate) dt: Duration,
    pub(crate) config: &'a StandardConfig,
    pub(crate) assessments: &'a Assessments,
    pub(crate) seen: &'a [WanObservation],
    /// Where traffic would go from where it is.
    pub(crate) choice: &'a Choice,
    /// Of the WAN in normal use.
    pub(crate) score: &'a Score,
}

/// What the machine wants, or why it wants nothing, and when to look again.
pub(crate) struct Wish {
    pub(crate) movement: Option<(WanIndex, Reason)>,
    pub(crate) held: Option<Held>,
    pub(crate) wake: Option<Timestamp>,
}

impl Wish {
    const fn movement(to: WanIndex, reason: Reason) -> Self {
        Self {
            movement: Some((to, reason)),
            held: None,
            wake: None,
        }
    }

    const fn held(held: Held) -> Self {
        Self {
            movement: None,
            held: Some(held),
            wake: None,
        }
    }

    const fn until(held: Held, wake: Timestamp) -> Self {
        Self {
            movement: None,
            held: Some(held),
            wake: Some(wake),
        }
    }
}

impl Machine {
    pub(crate) fn new(brake: Brake) -> Self {
        Self {
            state: State::Resting(Resting::HOME),
            retry: None,
            brake,
        }
    }

    /// Where eligible traffic goes, as far as is known.
    pub(crate) const fn active(&self) -> WanIndex {
        match self.state {
            State::Resting(resting)
            | State::Moving {
                resume: resting, ..
            } => resting.at(),
        }
    }

    pub(crate) const fn is_moving(&self) -> bool {
        matches!(self.state, State::Moving { .. })
    }

    pub(crate) const fn brake(&self) -> &Brake {
        &self.brake
    }

    /// How long traffic is still held where it is.
    pub(crate) fn hold_left(&self, now: Timestamp) -> Duration {
        let (State::Resting(resting)
        | State::Moving {
            resume: resting, ..
        }) = self.state;
        match resting {
            Resting::Home { .. } => Duration::ZERO,
            Resting::Away { hold_until, .. } => hold_until.saturating_since(now),
        }
    }

    pub(crate) fn progress(&self) -> Progress {
        let (State::Resting(resting)
        | State::Moving {
            resume: resting, ..
        }) = self.state;
        let (bad, good) = match resting {
            Resting::Home { bad } => (bad.held(), Duration::ZERO),
            Resting::Away {
                bad, good, even, ..
            } => (bad.held(), good.held().max(even.held())),
        };
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Progress {
            bad: millis(bad),
            good: millis(good),
        }
    }

    /// Takes what the router shows for the truth.
    pub(crate) fn adopt(&mut self, now: Timestamp, active: WanIndex, hold: Duration) {
        self.retry = None;
        self.state = State::Resting(if active.is_primary() {
            Resting::HOME
        } else {
            Resting::away(active, now + hold)
        });
    }

    /// Looks; may want to move.
    pub(crate) fn look(&mut self, sight: &Sight<'_>) -> Wish {
        if let State::Moving { id, since, .. } = self.state {
            if sight.now.saturating_since(since) < ANSWER_LIMIT {
                return Wish::held(Held::InFlight { since });
            }
            let _none = self.settle(sight.now, id, Settled::Refused, sight.config);
        }
        let penalised = self.brake.penalised(sight.now);
        let State::Resting(resting) = &mut self.state else {
            return Wish::held(Held::Blind);
        };
        let wish = match resting {
            Resting::Home { bad } => at_home(sight, bad, penalised),
            Resting::Away {
                at,
                hold_until,
                bad,
                good,
                even,
            } => away(sight, *at, *hold_until, [bad, good, even], penalised),
        };
        match self.retry {
            Some(retry) if wish.movement.is_some() && sight.now < retry.at => {
                Wish::until(Held::Retrying { at: retry.at }, retry.at)
            }
            Some(_) | None => wish,
        }
    }

    /// The move that was wanted is on its way.
    pub(crate) fn begin(&mut self, now: Timestamp, id: ActionId, to: WanIndex, reason: Reason) {
        if let State::Resting(resume) = self.state {
            self.state = State::Moving {
                id,
                to,
                since: now,
                reason,
                resume,
            };
        }
    }

    /// The router has answered. An answer to another request changes nothing.
    pub(crate) fn settle(
        &mut self,
        now: Timestamp,
        answered: ActionId,
        settled: Settled,
        config: &StandardConfig,
    ) -> Option<Transition> {
        let State::Moving {
            id,
            to,
            reason,
            resume,
            ..
        } = self.state
        else {
            return None;
        };
        if id != answered {
            return None;
        }
        match settled {
            Settled::Refused => {
                let wait = self.retry.map_or(FIRST_RETRY, |retry| {
                    retry.wait.saturating_mul(2).min(LAST_RETRY)
                });
                self.retry = Some(Retry {
                    at: now + wait,
                    wait,
                });
                self.state = State::Resting(resume);
                None
            }
            Settled::Applied => {
                self.retry = None;
                let from = resume.at();
                let hold = self.brake.moved(now, from.is_primary(), &config.brake);
                self.state = State::Resting(match resume {
                    _ if to.is_primary() => Resting::HOME,
                    Resting::Home { .. } => Resting::away(to, now + hold),
                    Resting::Away { hold_until, .. } => Resting::away(to, hold_until),
                });
                Some(Transition { from, to, reason })
            }
        }
    }
}

impl Resting {
    const HOME: Self = Self::Home {
        bad: Dwell::NOTHING,
    };

    const fn away(at: WanIndex, hold_until: Timestamp) -> Self {
        Self::Away {
            at,
            hold_until,
            bad: Dwell::NOTHING,
            good: Dwell::NOTHING,
            even: Dwell::NOTHING,
        }
    }

    const fn at(self) -> WanIndex {
        match self {
            Self::Home { .. } => WanIndex::PRIMARY,
            Self::Away { at, .. } => at,
        }
    }
}

/// How the WAN in use is, as far as leaving it is concerned.
#[derive(Clone, Copy)]
enum Present {
    Unknown,
    Fine,
    Bad(Reason),
    Down(Reason),
}

fn at_home(sight: &Sight<'_>, bad: &mut Dwell, penalised: bool) -> Wish {
    let present = present(sight, WanIndex::PRIMARY, bad.held(), penalised);
    leave(sight, WanIndex::PRIMARY, present, bad, penalised)
        .unwrap_or_else(|| Wish::held(Held::Calm))
}

fn away(
    sight: &Sight<'_>,
    at: WanIndex,
    hold_until: Timestamp,
    [bad, good, even]: [&mut Dwell; 3],
    penalised: bool,
) -> Wish {
    let present = present(sight, at, bad.held(), penalised);
    let onward = leave(sight, at, present, bad, penalised);
    if let Some(
        wish @ Wish {
            movement: Some(_), ..
        },
    ) = onward
    {
        return wish;
    }
    recover(sight, at, hold_until, good, even)
}

/// Whether the WAN in use is to be left; `None` when nothing speaks for it.
fn leave(
    sight: &Sight<'_>,
    at: WanIndex,
    present: Present,
    bad: &mut Dwell,
    penalised: bool,
) -> Option<Wish> {
    match present {
        Present::Unknown => Some(Wish::held(Held::Blind)),
        Present::Fine => {
            bad.drain(sight.dt);
            None
        }
        Present::Down(reason) => {
            bad.grow(sight.dt);
            Some(go(sight, reason))
        }
        Present::Bad(reason) => {
            bad.grow(sight.dt);
            Some(confirm(sight, at, reason, bad.held(), penalised))
        }
    }
}

/// A WAN is bad; whether it has been so for long enough, and whether its shaper is at its end.
fn confirm(
    sight: &Sight<'_>,
    at: WanIndex,
    reason: Reason,
    lasted: Duration,
    penalised: bool,
) -> Wish {
    let needed = enter_after(sight.config, penalised);
    if lasted < needed {
        let held = Held::Confirming { lasted, needed };
        return Wish::until(held, sight.now + needed.saturating_sub(lasted));
    }
    let patience = sight.config.dwell.patience;
    if lasted < patience && shaper_can_help(sight, at) {
        return Wish::held(Held::ShaperCanHelp { lasted, patience });
    }
    go(sight, reason)
}

fn go(sight: &Sight<'_>, reason: Reason) -> Wish {
    match sight.choice.best {
        Some(to) => Wish::movement(to, reason),
        None => Wish::held(Held::NoBetterWan),
    }
}

/// Whether traffic may come back.
fn recover(
    sight: &Sight<'_>,
    at: WanIndex,
    hold_until: Timestamp,
    good: &mut Dwell,
    even: &mut Dwell,
) -> Wish {
    let Some(primary) = sight.assessments.first() else {
        return Wish::held(Held::Blind);
    };
    match primary.level() {
        Level::Unknown => return Wish::held(Held::Blind),
        Level::Down | Level::Red => {
            good.reset();
            even.reset();
            return Wish::held(Held::NotRecovered);
        }
        Level::Green | Level::Yellow => {}
    }
    dwell_while(good, is_good(sight, primary), sight.dt);
    let costs = not_worse(sight, primary, at);
    dwell_while(even, costs.is_some(), sight.dt);
    let needed = leave_after(sight.config);
    let lasted = good.held();
    let reason = match costs {
        _ if lasted >= needed => Reason::Recovered { lasted },
        Some(reason) if even.held() >= needed => reason,
        Some(_) | None => {
            let lasted = lasted.max(even.held());
            if lasted.is_zero() && !is_good(sight, primary) {
                return Wish::held(Held::NotRecovered);
            }
            let held = Held::Recovering { lasted, needed };
            return Wish::until(held, sight.now + needed.saturating_sub(lasted));
        }
    };
    if sight.now < hold_until {
        return Wish::until(Held::HoldDown { until: hold_until }, hold_until);
    }
    Wish::movement(WanIndex::PRIMARY, reason)
}

fn dwell_while(dwell: &mut Dwell, holds: bool, dt: Duration) {
    if holds {
        dwell.grow(dt);
    } else {
        dwell.drain(dt);
    }
}

fn present(sight: &Sight<'_>, at: WanIndex, lasted: Duration, penalised: bool) -> Present {
    let Some(assessment) = sight.assessments.get(at.get()) else {
        return Present::Unknown;
    };
    match (*assessment, &sight.config.confidence) {
        (Assessment::Unknown { .. }, _) => Present::Unknown,
        (Assessment::Down { silent, .. }, _) => Present::Down(Reason::Down { silent }),
        (_, Some(confidence)) if at.is_primary() => {
            let extra = if penalised {
                sight.config.brake.penalty_score
            } else {
                0.0
            };
            // A penalty must not make leaving impossible: an outage scores 100.
            let threshold = (confidence.steer_threshold + extra).min(100.0);
            let score = sight.score.total;
            if score >= threshold {
                Present::Bad(Reason::Confident { score, threshold })
            } else {
                Present::Fine
            }
        }
        (Assessment::Red { cause, .. }, _) => Present::Bad(Reason::Congested { cause, lasted }),
        (Assessment::Green { .. } | Assessment::Yellow { .. }, _) => Present::Fine,
    }
}

/// Whether the WAN in normal use has recovered. Its limits lie below those for leaving it, and a
/// queue that is merely not empty does not count against it.
fn is_good(sight: &Sight<'_>, primary: &Assessment) -> bool {
    let limits = &sight.config.limits;
    let sure = sight
        .config
        .confidence
        .is_none_or(|confidence| sight.score.total <= confidence.recovery_threshold);
    sure && primary.quality().is_some_and(|quality| {
        quality.delay < limits.leave_delay
            && quality.loss <= limits.yellow_loss
            && quality.jitter <= limits.red_jitter
    })
}

/// Whether the WAN in normal use costs no more than the one in use: then nothing is gained by
/// staying, however far it is from its best.
fn not_worse(sight: &Sight<'_>, primary: &Assessment, at: WanIndex) -> Option<Reason> {
    let cost = primary.quality()?.cost();
    let other = sight.assessments.get(at.get())?.quality()?.cost();
    (cost <= other).then_some(Reason::NotWorse { cost, other })
}

fn shaper_can_help(sight: &Sight<'_>, at: WanIndex) -> bool {
    let fresh = sight.config.limits.fresh;
    sight
        .seen
        .get(at.get())
        .and_then(|seen| seen.shaper)
        .is_some_and(|shaper| shaper.age <= fresh && shaper.can_help())
}

/// How long a WAN must be bad; flapping doubles it.
fn enter_after(config: &StandardConfig, penalised: bool) -> Duration {
    let enter = match &config.confidence {
        Some(confidence) => confidence.sustain,
        None => config.dwell.enter,
    };
    if penalised {
        enter.saturating_mul(2)
    } else {
        enter
    }
}

fn leave_after(config: &StandardConfig) -> Duration {
    match &config.confidence {
        Some(confidence) => confidence.recovery_sustain,
        None => config.dwell.leave,
    }
}
