//! Where the results of a step go. Nothing here waits.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::sync::watch;
use wanctl_controller::{Controller, ControllerState, Decision, Observation, Outcome};
use wanctl_router::{Failure, Reachability};
use wanctl_storage::{CycleRecord, ReasonText, Recorded};
use wanctl_telemetry::{
    CountersState, CycleCounters, DirectionSnapshot, ReflectorSnapshot, RouterSnapshot,
    RouterState, WanSnapshot,
};
use wanctl_types::{Bps, Direction, PerDirection, Timestamp, WanName};

use super::Probing;
use super::journal::{Journal, Totals};
use super::work::WorkWindow;
use crate::clock::Clock;
use crate::ports::History;
use crate::router_task::RouterStatus;
use crate::state::StateImage;
use crate::tape::Tape;

/// Control steps from one look at the loop's own work to the next: a second.
const STEPS_PER_WORK_CHECK: u64 = 20;

/// A router that owes an answer for longer has not carried out what it was asked.
const PATIENCE: Duration = Duration::from_millis(500);

/// The loop's ends of all channels.
pub(crate) struct Outputs {
    pub(crate) limits: watch::Sender<Option<PerDirection<Bps>>>,
    pub(crate) images: watch::Sender<Option<StateImage>>,
    pub(crate) router: watch::Receiver<RouterStatus>,
    pub(crate) snapshot: watch::Sender<WanSnapshot>,
    pub(crate) history: Option<Box<dyn History>>,
    pub(crate) tape: Option<Tape>,
    /// Whether the router's counters are read.
    pub(crate) counters_state: CountersState,
    journal: Journal,
    counters: CycleCounters,
    consecutive_failures: u32,
    last_outcome: Option<Outcome>,
    last_completed: Option<Timestamp>,
    work_p99: Duration,
}

impl Outputs {
    pub(crate) fn new(
        limits: watch::Sender<Option<PerDirection<Bps>>>,
        images: watch::Sender<Option<StateImage>>,
        router: watch::Receiver<RouterStatus>,
        snapshot: watch::Sender<WanSnapshot>,
    ) -> Self {
        Self {
            limits,
            images,
            router,
            snapshot,
            history: None,
            tape: None,
            counters_state: CountersState::Off,
            journal: Journal::default(),
            counters: CycleCounters::default(),
            consecutive_failures: 0,
            last_outcome: None,
            last_completed: None,
            work_p99: Duration::ZERO,
        }
    }

    /// Looks, about once a second, at how long the loop's turns take.
    pub(crate) fn note_work(&mut self, work: &mut WorkWindow) {
        if self.steps().is_multiple_of(STEPS_PER_WORK_CHECK) {
            self.work_p99 = work.p99();
        }
    }

    /// Sends one step's results to everybody who waits for them.
    pub(crate) fn publish(
        &mut self,
        clock: &Clock,
        now: Timestamp,
        observation: &Observation,
        decision: &Decision,
        controller: &Controller,
        probing: &Probing,
    ) {
        self.count(now, decision.outcome);
        if decision.outcome == Outcome::Completed {
            self.send_limits(decision.rates());
        }
        self.record(clock, decision);
        if let Some(tape) = &self.tape {
            tape.step(now, observation, decision);
        }
        self.send_image(clock, controller);
        self.log(decision);
        self.send_snapshot(clock, now, decision, probing);
    }

    pub(crate) fn count_silent_round(&mut self) {
        self.counters.silent_rounds += 1;
    }

    /// Steps made.
    pub(crate) fn steps(&self) -> u64 {
        let counters = &self.counters;
        counters.completed + counters.frozen + counters.failed
    }

    pub(crate) fn last_outcome(&self) -> Option<Outcome> {
        self.last_outcome
    }

    /// Whether any step has said what the rates should be.
    pub(crate) fn has_limits(&self) -> bool {
        self.limits.borrow().is_some()
    }

    /// Whether the router does not answer, or refuses whatever it is asked.
    pub(crate) fn is_router_lost(&self, now: Timestamp) -> bool {
        let router = self.router.borrow();
        let owed = |since| now.saturating_since(since) > PATIENCE;
        if router.asked_since.is_some_and(owed) {
            return true;
        }
        match router.reachability {
            Reachability::Unreachable { .. } | Reachability::Refused { .. } => true,
            Reachability::Unknown
            | Reachability::Reachable
            | Reachability::Rejecting { .. }
            | Reachability::OnTrial { .. } => false,
        }
    }

    /// Waits until the router has answered a write, one way or the other.
    pub(crate) async fn router_answer(&mut self) {
        let answered = |status: &RouterStatus| status.updates + status.errors > 0;
        // The router task outlives the loop; were it gone, there would be nothing to wait for.
        drop(self.router.wait_for(answered).await);
    }

    fn count(&mut self, now: Timestamp, outcome: Outcome) {
        self.last_outcome = Some(outcome);
        match outcome {
            Outcome::Completed => {
                self.counters.completed += 1;
                self.last_completed = Some(now);
            }
            Outcome::Frozen => self.counters.frozen += 1,
            Outcome::Failed | _ => self.counters.failed += 1,
        }
        self.consecutive_failures = match outcome {
            Outcome::Completed | Outcome::Frozen => 0,
            Outcome::Failed | _ => self.consecutive_failures.saturating_add(1),
        };
    }

    /// Wakes the router task only when a rate changed.
    fn send_limits(&self, rates: PerDirection<Bps>) {
        self.limits.send_if_modified(|limits| {
            let changed = *limits != Some(rates);
            *limits = Some(rates);
            changed
        });
    }

    fn record(&mut self, clock: &Clock, decision: &Decision) {
        let (Some(history), Some(rtt)) = (&mut self.history, decision.rtt) else {
            return;
        };
        let directions = &decision.directions;
        let recorded = history.record(CycleRecord {
            time: clock.wall(),
            clock_set: clock.wall_is_set(),
            rtt,
            baseline: decision.baseline,
            delta: decision.delta(),
            rates: decision.rates(),
            zones: directions.map(|direction| direction.zone),
            transitions: directions.map(|direction| direction.transition.map(ReasonText::format)),
        });
        if recorded == Recorded::Dropped {
            self.counters.records_dropped += 1;
        }
    }

    pub(crate) fn send_image(&self, clock: &Clock, controller: &Controller) {
        let image = StateImage {
            controller: controller.state(),
            applied: self.router.borrow().applied,
            time: clock.wall(),
        };
        self.images.send_replace(Some(image));
    }

    fn log(&mut self, decision: &Decision) {
        let Self {
            journal, snapshot, ..
        } = self;
        journal.step(&snapshot.borrow().name, decision);
    }

    /// Whether there is room in the log for one more line about the provider in this minute.
    pub(crate) fn may_tell(&mut self) -> bool {
        self.journal.may_tell()
    }

    /// Writes the summary of a minute that is over.
    pub(crate) fn end_minute(&mut self, now: Timestamp, probing: &Probing) {
        if !self.journal.is_over(now) {
            return;
        }
        let router = self.router.borrow();
        let reflectors = probing.reflectors().iter();
        let totals = Totals {
            writes: router.updates,
            write_errors: router.errors,
            sent: reflectors.clone().map(|reflector| reflector.sent).sum(),
            lost: reflectors.map(|reflector| reflector.lost).sum(),
            silent_rounds: self.counters.silent_rounds,
            missed_ticks: probing.missed_ticks(),
        };
        let Self {
            journal, snapshot, ..
        } = self;
        journal.summarize(now, &snapshot.borrow(), totals);
    }

    fn send_snapshot(&self, clock: &Clock, now: Timestamp, decision: &Decision, probing: &Probing) {
        let router = self.router.borrow();
        self.snapshot.send_modify(|snapshot| {
            snapshot.baseline = decision.baseline;
            snapshot.load = decision.load;
            snapshot.consecutive_failures = self.consecutive_failures;
            snapshot.last_step = Some(now);
            snapshot.last_completed = self.last_completed.or(snapshot.last_completed);
            snapshot.counters = CycleCounters {
                missed_ticks: probing.missed_ticks(),
                router_updates: router.updates,
                router_errors: router.errors,
                router_drift: router.drift,
                writes_deferred: router.deferred,
                ..self.counters
            };
            for direction in Direction::BOTH {
                let shown = &mut snapshot.directions[direction];
                let decided = &decision.directions[direction];
                shown.zone = decided.zone;
                shown.intended = decided.rate;
                shown.applied = router.applied[direction];
                if let Some(transition) = decided.transition {
                    note_reason(&mut shown.last_reason, transition);
                }
            }
            refresh_reflectors(&mut snapshot.reflectors, probing.reflectors());
            refresh_router(&mut snapshot.router, &router);
            snapshot.router.counters = self.counters_state;
            snapshot.cycle_duration = clock.now().saturating_since(now);
            snapshot.cycle_p99 = self.work_p99;
        });
    }
}

/// The state of a WAN that has not made a step yet.
#[must_use]
pub fn initial_snapshot(name: &WanName, state: &ControllerState) -> WanSnapshot {
    let queues = &state.queues;
    WanSnapshot {
        name: name.clone(),
        baseline: state.baseline,
        load: state.load,
        directions: PerDirection::new(queues.download, queues.upload).map(|queue| {
            DirectionSnapshot {
                zone: queue.last_zone,
                intended: queue.rate.truncate(),
                applied: None,
                last_reason: None,
            }
        }),
        consecutive_failures: 0,
        last_step: None,
        last_completed: None,
        counters: CycleCounters::default(),
        cycle_duration: Duration::ZERO,
        cycle_p99: Duration::ZERO,
        reflectors: Vec::new(),
        router: RouterSnapshot::default(),
    }
}

/// Reuses the text's memory.
fn note_reason(last: &mut Option<String>, transition: impl std::fmt::Display) {
    let text = last.get_or_insert_default();
    text.clear();
    if write!(text, "{transition}").is_err() {
        text.clear();
    }
}

fn refresh_reflectors(shown: &mut Vec<ReflectorSnapshot>, current: &[ReflectorSnapshot]) {
    if shown.len() != current.len() {
        shown.clear();
        shown.extend_from_slice(current);
    }
    for (shown, current) in shown.iter_mut().zip(current) {
        shown.rtt = current.rtt;
        shown.last_answer = current.last_answer;
        shown.sent = current.sent;
        shown.lost = current.lost;
    }
}

fn refresh_router(shown: &mut RouterSnapshot, status: &RouterStatus) {
    shown.state = state_of(status.reachability);
    shown.last_latency = status.last_latency;
    if shown.last_error != status.last_error {
        shown.last_error.clone_from(&status.last_error);
    }
}

/// On trial, the last failure still counts, unless it was that the router did not answer.
fn state_of(reachability: Reachability) -> RouterState {
    match (reachability, reachability.failure()) {
        (Reachability::Unknown, _) => RouterState::Unknown,
        (_, None) | (Reachability::OnTrial { .. }, Some(Failure::Outage)) => RouterState::Reachable,
        (_, Some(Failure::Outage)) => RouterState::Unreachable,
        (_, Some(Failure::Rejection)) => RouterState::Rejecting,
        (_, Some(Failure::Refusal)) => RouterState::Refused,
    }
}
