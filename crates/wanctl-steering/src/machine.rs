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

mod judge;

use core::time::Duration;

use wanctl_types::Timestamp;

use crate::brake::Brake;
use crate::compare::{Assessments, Choice};
use crate::dwell::Dwell;
use crate::{
    ActionId, Held, Progress, Reason, Score, Settled, StandardConfig, Transition, WanIndex,
    WanObservation,
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
            Resting::Home { bad } => judge::at_home(sight, bad, penalised),
            Resting::Away {
                at,
                hold_until,
                bad,
                good,
                even,
            } => judge::away(sight, *at, *hold_until, [bad, good, even], penalised),
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
