//! The rules that judge every WAN.

use core::time::Duration;

use arrayvec::ArrayVec;
use wanctl_types::{Millis, Timestamp};

use crate::brake::Brake;
use crate::compare::{Assessments, Silences, choose};
use crate::decision::{Decision, Outcome, Request, Transition, Wake, WanVerdict};
use crate::machine::{Machine, Sight, Wish};
use crate::path::Path;
use crate::routes::Routes;
use crate::{
    Action, ActionId, Level, MAX_WANS, Observation, Score, Settled, StandardConfig, StandardState,
    WanIndex, WanObservation, WanPolicy, WanState,
};

/// Shortest time a step may stand for at most, whatever the cycle: a daemon that was stopped for a
/// minute has not seen a minute of anything.
const LEAST_CAP: Duration = Duration::from_millis(2_500);

/// Looks are never asked for closer than this.
const SOONEST: Duration = Duration::from_millis(10);

/// The engine.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Standard {
    paths: ArrayVec<Path, MAX_WANS>,
    machine: Machine,
    routes: Routes,
    last: Option<Timestamp>,
    next_id: ActionId,
}

impl Standard {
    pub(crate) fn new(wans: &[WanPolicy]) -> Self {
        Self {
            paths: wans.iter().take(MAX_WANS).map(Path::new).collect(),
            machine: Machine::new(Brake::default()),
            routes: Routes::new(wans),
            last: None,
            next_id: ActionId::default(),
        }
    }

    pub(crate) fn step(
        &mut self,
        now: Timestamp,
        seen: &Observation,
        config: &StandardConfig,
        policies: &[WanPolicy],
    ) -> Decision {
        let dt = self.elapsed(now, config);
        let blank = WanObservation::default();
        let mut assessments = Assessments::new();
        let mut silences = Silences::new();
        for (place, (path, policy)) in self.paths.iter_mut().zip(policies).enumerate() {
            let seen = seen.wans.get(place).unwrap_or(&blank);
            path.observe(now, dt, seen, &config.limits);
            assessments.push(path.assess(now, policy, &config.limits, &config.dwell, seen));
            silences.push(path.silent(policy.quorum));
        }
        let score = score(&assessments, seen, config);
        let active = self.machine.active();
        let limit = config.limits.silence;
        let choice = choose(
            active,
            &assessments,
            &silences,
            limit,
            policies,
            &config.margin,
        );
        let wish = self.machine.look(&Sight {
            now,
            dt,
            config,
            assessments: &assessments,
            seen: &seen.wans,
            choice: &choice,
            score: &score,
        });
        let wake = self.wake(now, &wish, config, policies, &assessments);
        let requests = self.request(now, dt, &wish, config, &assessments);
        let primary = assessments.first();
        let rtt = seen.wans.first().and_then(measured);
        let baseline = self
            .paths
            .first()
            .and_then(|path| path.baseline(&config.limits));
        Decision {
            outcome: match primary.map(crate::Assessment::level) {
                Some(Level::Unknown) | None => Outcome::Blind,
                Some(Level::Green | Level::Yellow | Level::Red | Level::Down) => Outcome::Completed,
            },
            level: primary.map_or(Level::Unknown, crate::Assessment::level),
            rtt,
            baseline,
            delta: above(rtt, baseline),
            active,
            moving: self.machine.is_moving(),
            requests,
            held: wish.held,
            score,
            progress: self.machine.progress(),
            wans: WanIndex::first(MAX_WANS)
                .zip(&assessments)
                .zip(&choice.rejections)
                .map(|((wan, assessment), rejected)| WanVerdict {
                    assessment: *assessment,
                    rejected: *rejected,
                    route: self.routes.mode(wan),
                })
                .collect(),
            wake,
        }
    }

    pub(crate) fn settle(
        &mut self,
        now: Timestamp,
        id: ActionId,
        settled: Settled,
        config: &StandardConfig,
    ) -> Option<Transition> {
        self.routes.settle(now, id, settled);
        self.machine.settle(now, id, settled, config)
    }

    pub(crate) const fn active(&self) -> WanIndex {
        self.machine.active()
    }

    pub(crate) fn route(&self, wan: WanIndex) -> crate::RouteMode {
        self.routes.mode(wan)
    }

    pub(crate) fn adopt(&mut self, now: Timestamp, active: WanIndex, config: &StandardConfig) {
        self.machine.adopt(now, active, config.brake.hold_down);
    }

    pub(crate) fn adopt_route(&mut self, wan: WanIndex, demoted: bool) {
        self.routes.adopt(wan, demoted);
    }

    pub(crate) fn state(&self, now: Timestamp) -> StandardState {
        StandardState {
            active: self.machine.active(),
            hold_left: self.machine.hold_left(now),
            moves: self.machine.brake().memory(now).moves,
            wans: WanIndex::first(MAX_WANS)
                .zip(&self.paths)
                .map(|(wan, path)| WanState {
                    baselines: path.baselines(),
                    demoted: matches!(
                        self.routes.mode(wan),
                        crate::RouteMode::Demoted | crate::RouteMode::Restoring
                    ),
                })
                .collect(),
        }
    }

    pub(crate) fn restore(&mut self, now: Timestamp, state: &StandardState) {
        let memory = crate::brake::BrakeMemory {
            moves: state.moves.clone(),
        };
        self.machine = Machine::new(Brake::restore(now, &memory));
        if state.active.get() < self.paths.len() {
            self.machine.adopt(now, state.active, state.hold_left);
        }
        let wans = WanIndex::first(MAX_WANS).zip(&state.wans);
        for ((wan, stored), path) in wans.zip(&mut self.paths) {
            path.restore(&stored.baselines);
            self.routes.adopt(wan, stored.demoted);
        }
    }

    fn elapsed(&mut self, now: Timestamp, config: &StandardConfig) -> Duration {
        let cap = config.interval.saturating_mul(3) / 2;
        let last = self.last.replace(now).unwrap_or(now);
        now.saturating_since(last).min(cap.max(LEAST_CAP))
    }

    fn request(
        &mut self,
        now: Timestamp,
        dt: Duration,
        wish: &Wish,
        config: &StandardConfig,
        assessments: &Assessments,
    ) -> ArrayVec<Request, { crate::MAX_REQUESTS }> {
        let mut requests = ArrayVec::new();
        if let Some((to, reason)) = wish.movement {
            let from = self.machine.active();
            let id = self.take_id();
            self.machine.begin(now, id, to, reason);
            requests.push(Request {
                id,
                action: Action::Move { from, to },
                reason,
            });
        }
        let Some(routes) = &config.routes else {
            return requests;
        };
        for (action, reason) in self.routes.look(now, dt, routes, assessments) {
            let id = self.take_id();
            self.routes.begin(now, id, action);
            requests.push(Request { id, action, reason });
        }
        requests
    }

    fn take_id(&mut self) -> ActionId {
        self.next_id = self.next_id.next();
        self.next_id
    }

    fn wake(
        &self,
        now: Timestamp,
        wish: &Wish,
        config: &StandardConfig,
        policies: &[WanPolicy],
        assessments: &Assessments,
    ) -> Option<(Timestamp, Wake)> {
        let dwell = wish.wake.map(|at| match wish.held {
            Some(crate::Held::Retrying { .. }) => (at, Wake::Retry),
            Some(_) | None => (at, Wake::Dwell),
        });
        let silence = WanIndex::first(MAX_WANS)
            .zip(&self.paths)
            .zip(policies)
            .zip(assessments)
            .filter(|(_, assessment)| assessment.is_up())
            .map(|(((wan, path), policy), _)| {
                let due = path.silence_due(now, policy.quorum, &config.limits);
                (due, Wake::Silence(wan))
            });
        let route = config
            .routes
            .as_ref()
            .and_then(|routes| self.routes.due(now, routes, assessments))
            .map(|(at, wan)| (at, Wake::RouteDown(wan)));
        let soonest = dwell.into_iter().chain(silence).chain(route).min()?;
        Some((soonest.0.max(now + SOONEST), soonest.1))
    }
}

fn score(assessments: &Assessments, seen: &Observation, config: &StandardConfig) -> Score {
    let blank = WanObservation::default();
    let seen = seen.wans.first().unwrap_or(&blank);
    let zone_weight = config
        .confidence
        .and_then(|confidence| confidence.zone_weight);
    assessments.first().map_or_else(Score::default, |primary| {
        Score::standard(primary, seen, &config.limits, zone_weight)
    })
}

/// This cycle's round trip: the lower median of what the targets measured.
pub(crate) fn measured(seen: &WanObservation) -> Option<Millis> {
    let mut rtts: ArrayVec<Millis, { crate::MAX_TARGETS }> = seen
        .targets
        .iter()
        .filter_map(|target| target.rtt)
        .collect();
    rtts.sort_unstable_by(|a, b| a.get().total_cmp(&b.get()));
    let place = rtts.len().checked_sub(1)? / 2;
    rtts.get(place).copied()
}

/// How far the one is above the other; zero below.
pub(crate) fn above(rtt: Option<Millis>, baseline: Option<Millis>) -> Option<Millis> {
    let delta = rtt? - baseline?;
    Some(if delta > Millis::ZERO {
        delta
    } else {
        Millis::ZERO
    })
}
