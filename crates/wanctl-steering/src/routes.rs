//! Whose default routes stand where.
//!
//! A WAN that is down loses its place, not its route: the route is put behind the others and back
//! again. Congestion never moves a default route. One rule stands above all: a route is demoted
//! only while another WAN answers whose route stands at its place, so that the last usable default
//! route is never demoted.

use core::time::Duration;

use arrayvec::ArrayVec;
use wanctl_types::Timestamp;

use crate::compare::Assessments;
use crate::dwell::Dwell;
use crate::{
    Action, ActionId, Assessment, MAX_WANS, Reason, RouteConfig, RouteMode, Settled, WanIndex,
    WanPolicy,
};

/// A request that nobody answers is given up after so long.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// From a refusal to the next attempt.
const RETRY: Duration = Duration::from_secs(5);

/// The default routes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Routes {
    routes: ArrayVec<Option<Route>, MAX_WANS>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Route {
    state: State,
    /// The router refused; not before then again.
    not_before: Timestamp,
    /// Whether the router has said so. After a refusal nobody knows, and a place that is not sure
    /// is nothing to fall back on.
    sure: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Normal,
    Demoting { id: ActionId, since: Timestamp },
    Demoted { up: Dwell },
    Restoring { id: ActionId, since: Timestamp },
}

/// What is wanted of the router: at most one request per WAN.
pub(crate) type Wishes = ArrayVec<(Action, Reason), MAX_WANS>;

impl Routes {
    pub(crate) fn new(policies: &[WanPolicy]) -> Self {
        let fresh = |policy: &WanPolicy| {
            policy.route.then_some(Route {
                state: State::Normal,
                not_before: Timestamp::ZERO,
                sure: true,
            })
        };
        Self {
            routes: policies.iter().take(MAX_WANS).map(fresh).collect(),
        }
    }

    /// What became of one WAN's route.
    pub(crate) fn mode(&self, wan: WanIndex) -> RouteMode {
        match self.routes.get(wan.get()).copied().flatten() {
            None => RouteMode::Unmanaged,
            Some(route) => match route.state {
                State::Normal => RouteMode::Normal,
                State::Demoting { .. } => RouteMode::Demoting,
                State::Demoted { .. } => RouteMode::Demoted,
                State::Restoring { .. } => RouteMode::Restoring,
            },
        }
    }

    /// Takes what the router shows for the truth.
    pub(crate) fn adopt(&mut self, wan: WanIndex, demoted: bool) {
        if let Some(Some(route)) = self.routes.get_mut(wan.get()) {
            route.sure = true;
            route.state = match (route.state, demoted) {
                // What is on its way is settled by its own answer.
                (moving @ (State::Demoting { .. } | State::Restoring { .. }), _) => moving,
                (State::Demoted { up }, true) => State::Demoted { up },
                (State::Normal, true) => State::Demoted { up: Dwell::NOTHING },
                (State::Normal | State::Demoted { .. }, false) => State::Normal,
            };
        }
    }

    /// Looks; may want some routes moved. What is wanted must be begun before the next look.
    pub(crate) fn look(
        &mut self,
        now: Timestamp,
        dt: Duration,
        config: &RouteConfig,
        assessments: &Assessments,
    ) -> Wishes {
        let mut wishes = Wishes::new();
        self.give_up_unanswered(now);
        let stranded = self.is_stranded();
        for (wan, assessment) in WanIndex::first(MAX_WANS).zip(assessments) {
            let others = self.another_stands(wan, assessments);
            let Some(Some(route)) = self.routes.get_mut(wan.get()) else {
                continue;
            };
            let wish = route.look(dt, config, assessment, others, stranded);
            let wish = wish.filter(|_| now >= route.not_before);
            if let Some((demote, reason)) = wish {
                let action = if demote {
                    Action::Demote(wan)
                } else {
                    Action::Restore(wan)
                };
                wishes.push((action, reason));
            }
        }
        wishes
    }

    /// What was wanted is on its way.
    pub(crate) fn begin(&mut self, now: Timestamp, id: ActionId, action: Action) {
        let (wan, state) = match action {
            Action::Demote(wan) => (wan, State::Demoting { id, since: now }),
            Action::Restore(wan) => (wan, State::Restoring { id, since: now }),
            Action::Move { .. } => return,
        };
        if let Some(Some(route)) = self.routes.get_mut(wan.get()) {
            route.state = state;
        }
    }

    /// The router has answered.
    pub(crate) fn settle(&mut self, now: Timestamp, answered: ActionId, settled: Settled) {
        for route in self.routes.iter_mut().flatten() {
            route.settle(now, answered, settled);
        }
    }

    /// When a WAN that is silent now will have been so for long enough.
    pub(crate) fn due(
        &self,
        now: Timestamp,
        config: &RouteConfig,
        assessments: &Assessments,
    ) -> Option<(Timestamp, WanIndex)> {
        WanIndex::first(MAX_WANS)
            .zip(assessments)
            .filter_map(|(wan, assessment)| match assessment {
                Assessment::Down { silent, .. } if self.mode(wan) == RouteMode::Normal => {
                    let left = config.down_after.checked_sub(*silent)?;
                    (!left.is_zero()).then_some((now + left, wan))
                }
                Assessment::Down { .. }
                | Assessment::Unknown { .. }
                | Assessment::Green { .. }
                | Assessment::Yellow { .. }
                | Assessment::Red { .. } => None,
            })
            .min()
    }

    /// Whether another WAN answers whose route surely stands at its place. Of one that is not
    /// ours to move nobody knows whether it has any.
    fn another_stands(&self, wan: WanIndex, assessments: &Assessments) -> bool {
        WanIndex::first(MAX_WANS)
            .zip(assessments)
            .any(|(other, assessment)| {
                let route = self.routes.get(other.get()).copied().flatten();
                other != wan
                    && assessment.is_up()
                    && route.is_some_and(|route| route.sure && route.state == State::Normal)
            })
    }

    /// Whether no route of ours stands at its place: the router was found so.
    fn is_stranded(&self) -> bool {
        let mut managed = self.routes.iter().flatten().peekable();
        managed.peek().is_some()
            && managed.all(|route| matches!(route.state, State::Demoted { .. }))
    }

    fn give_up_unanswered(&mut self, now: Timestamp) {
        for route in self.routes.iter_mut().flatten() {
            let (State::Demoting { id, since } | State::Restoring { id, since }) = route.state
            else {
                continue;
            };
            if now.saturating_since(since) >= ANSWER_LIMIT {
                route.settle(now, id, Settled::Refused);
            }
        }
    }
}

impl Route {
    /// Whether to demote (`true`) or restore, and why.
    fn look(
        &mut self,
        dt: Duration,
        config: &RouteConfig,
        assessment: &Assessment,
        another_stands: bool,
        stranded: bool,
    ) -> Option<(bool, Reason)> {
        match (&mut self.state, assessment) {
            (State::Normal, Assessment::Down { silent, .. }) => {
                let silent = *silent;
                let due = silent >= config.down_after && another_stands;
                due.then_some((true, Reason::Down { silent }))
            }
            (
                State::Normal,
                Assessment::Unknown { .. }
                | Assessment::Green { .. }
                | Assessment::Yellow { .. }
                | Assessment::Red { .. },
            )
            | (State::Demoting { .. } | State::Restoring { .. }, _) => None,
            (State::Demoted { up }, Assessment::Down { .. } | Assessment::Unknown { .. }) => {
                up.reset();
                let lasted = Duration::ZERO;
                stranded.then_some((false, Reason::Answers { lasted }))
            }
            (
                State::Demoted { up },
                Assessment::Green { .. } | Assessment::Yellow { .. } | Assessment::Red { .. },
            ) => {
                up.grow(dt);
                let lasted = up.held();
                // With nothing better in its place there is nothing to wait for.
                let due = lasted >= config.up_after || !another_stands;
                due.then_some((false, Reason::Answers { lasted }))
            }
        }
    }

    fn settle(&mut self, now: Timestamp, answered: ActionId, settled: Settled) {
        let next = match (self.state, settled) {
            (State::Demoting { id, .. }, Settled::Applied)
            | (State::Restoring { id, .. }, Settled::Refused)
                if id == answered =>
            {
                State::Demoted { up: Dwell::NOTHING }
            }
            (State::Demoting { id, .. }, Settled::Refused)
            | (State::Restoring { id, .. }, Settled::Applied)
                if id == answered =>
            {
                State::Normal
            }
            (
                State::Normal
                | State::Demoted { .. }
                | State::Demoting { .. }
                | State::Restoring { .. },
                Settled::Applied | Settled::Refused,
            ) => return,
        };
        if settled == Settled::Refused {
            self.not_before = now + RETRY;
        }
        self.sure = settled == Settled::Applied;
        self.state = next;
    }
}
