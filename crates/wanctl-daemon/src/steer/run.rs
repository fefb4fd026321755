//! The loop.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use wanctl_config::SteerConfig;
use wanctl_probe::Received;
use wanctl_steering::{Observation, Outcome, Settled, Steering, Transition};
use wanctl_storage::{CycleSink, ReasonText, SteeringMove, SteeringRecord};
use wanctl_types::Timestamp;

use super::actuator::{Found, Order, Report};
use super::path::PathProbe;
use super::queue::QueueView;
use super::state::{SteerFile, SteerImage, TransitionRecord};
use super::tape::{Line, SteerTape};
use super::view::{SteerView, state_name};
use crate::clock::Clock;
use crate::pulse::Pulse;
use crate::shaper::ShaperFeed;
use crate::state::local_time;
use crate::ticker::Ticker;

/// From one reading of the router to the next.
const RECONCILE: Duration = Duration::from_mins(1);
/// From a reading that was interrupted to the next.
const AGAIN: Duration = Duration::from_secs(2);
/// From one write of the state to the next while nothing moves.
const SAVE: Duration = Duration::from_secs(30);
/// A single cycle waits for the first verdict at most so long.
const ONESHOT_LIMIT: Duration = Duration::from_secs(10);

/// Everything the loop holds.
pub(super) struct SteerLoop {
    pub(super) clock: Clock,
    pub(super) config: Arc<SteerConfig>,
    pub(super) steering: Steering,
    pub(super) paths: Vec<PathProbe>,
    pub(super) feeds: Vec<Box<dyn ShaperFeed>>,
    pub(super) queue: watch::Receiver<QueueView>,
    pub(super) orders: mpsc::Sender<Order>,
    pub(super) reports: mpsc::UnboundedReceiver<Report>,
    pub(super) views: watch::Sender<Arc<SteerView>>,
    pub(super) sink: Option<CycleSink>,
    pub(super) tape: Option<SteerTape>,
    pub(super) file: SteerFile,
    pub(super) image: SteerImage,
    /// Whether the state that was loaded is recent enough to be held against the router.
    pub(super) trusted: bool,
    pub(super) pulse: Pulse,
    pub(super) oneshot: bool,
    pub(super) progress: Progress,
}

/// How far the loop is.
pub(super) struct Progress {
    pub(super) ticker: Ticker,
    pub(super) wake: Option<Timestamp>,
    pub(super) reconcile_at: Timestamp,
    pub(super) reading: bool,
    pub(super) save_at: Timestamp,
    pub(super) saving: Option<JoinHandle<()>>,
    pub(super) moved: Option<SteeringMove>,
    pub(super) started: Timestamp,
    pub(super) first_reading: bool,
    /// Whether the router has answered, in whatever way.
    pub(super) answered: bool,
}

enum Event {
    Shutdown,
    Reply(usize, Received),
    Report(Report),
    Timer,
}

impl SteerLoop {
    /// Runs until `shutdown`, or until a single cycle is done.
    pub(super) async fn run(&mut self, shutdown: &CancellationToken) {
        loop {
            match self.next_event(shutdown).await {
                Event::Shutdown => break,
                Event::Reply(path, reply) => {
                    if let Some(path) = self.paths.get_mut(path) {
                        path.accept(&self.clock, &reply);
                    }
                }
                Event::Report(report) => self.heard(report),
                Event::Timer => {}
            }
            self.accept_waiting().await;
            let now = self.clock.now();
            self.pulse.beat(now);
            for path in &mut self.paths {
                path.tick(&self.clock, now);
            }
            let cycle = self.progress.ticker.take(now);
            if cycle || self.progress.wake.is_some_and(|wake| now >= wake) {
                self.step(now, cycle);
            }
            self.reconcile(now);
            self.save(now);
            if self.oneshot && self.is_done(now) {
                break;
            }
        }
        self.pulse.rest();
        self.finish().await;
    }

    async fn next_event(&mut self, shutdown: &CancellationToken) -> Event {
        let Self {
            clock,
            paths,
            reports,
            progress,
            ..
        } = self;
        let probes = paths.iter().map(PathProbe::next_deadline);
        let own = [Some(progress.ticker.deadline()), progress.wake];
        let deadline = probes.chain(own.into_iter().flatten()).min();
        let deadline = deadline.unwrap_or_else(|| clock.now());
        tokio::select! {
            biased;
            () = shutdown.cancelled() => Event::Shutdown,
            (path, reply) = poll_fn(|cx| poll_paths(paths, cx)) => Event::Reply(path, reply),
            Some(report) = reports.recv() => Event::Report(report),
            () = clock.sleep_until(deadline) => Event::Timer,
        }
    }

    /// Takes every answer that is already here before anything is judged by its absence.
    async fn accept_waiting(&mut self) {
        for _ in 0..256 {
            let polled = poll_fn(|cx| Poll::Ready(poll_paths(&mut self.paths, cx))).await;
            let Poll::Ready((path, reply)) = polled else {
                return;
            };
            if let Some(path) = self.paths.get_mut(path) {
                path.accept(&self.clock, &reply);
            }
        }
    }

    fn step(&mut self, now: Timestamp, cycle: bool) {
        let mut observation = Observation::default();
        for (path, feed) in self.paths.iter_mut().zip(&self.feeds) {
            let mut seen = path.observe(now);
            seen.shaper = feed.latest(now);
            observation.wans.push(seen);
        }
        let queue = *self.queue.borrow();
        if let Some(primary) = observation.wans.first_mut() {
            primary.queue = queue.observation(now);
        }
        let decision = self.steering.step(now, &observation);
        if let Some(tape) = &mut self.tape {
            tape.put(Line::SteeringStep {
                now,
                observation: Box::new(observation.clone()),
                decision: Box::new(decision.clone()),
            });
        }
        for request in &decision.requests {
            info!(action = %request.action, reason = %request.reason, "decided");
            if self.orders.try_send(Order::Do(*request)).is_err() {
                // The task that talks to the router is gone or drowned: that is a refusal.
                self.settle(
                    request.id,
                    Settled::Refused,
                    Some("no one talks to the router".to_owned()),
                );
            }
        }
        self.progress.wake = decision.wake.map(|(at, _)| at);
        if cycle {
            let seen = observation.wans.first().and_then(|wan| wan.queue);
            let seen = seen.map(|queue| (queue.drops, queue.queued));
            self.image.note(&decision, seen, self.config.history_size);
            self.record(&decision);
        }
        self.views.send_modify(|view| {
            let view = Arc::make_mut(view);
            if cycle {
                match decision.outcome {
                    Outcome::Completed => {
                        view.counters.completed += 1;
                        view.counters.blind_in_a_row = 0;
                    }
                    Outcome::Blind => {
                        view.counters.blind += 1;
                        view.counters.blind_in_a_row =
                            view.counters.blind_in_a_row.saturating_add(1);
                    }
                }
            }
            view.decided = Some(now);
            view.observation = observation;
            view.decision = Some(decision);
            view.queue_failures = queue.failures;
        });
    }

    fn record(&mut self, decision: &wanctl_steering::Decision) {
        let Some(sink) = &self.sink else {
            return;
        };
        sink.record_steering(SteeringRecord {
            time: self.clock.wall(),
            clock_set: self.clock.wall_is_set(),
            rtt: decision.rtt,
            baseline: decision.baseline,
            delta: decision.delta,
            steered: !self.config.shadow && !self.steering.active().is_primary(),
            state: decision.level.code(),
            moved: self.progress.moved.take(),
        });
    }

    fn heard(&mut self, report: Report) {
        match report {
            Report::Settled { id, settled, error } => self.settle(id, settled, error),
            Report::Found(found) => self.found(found),
            Report::Interrupted => {
                self.progress.reading = false;
                self.progress.reconcile_at = self.clock.now() + AGAIN;
            }
        }
    }

    fn settle(&mut self, id: wanctl_steering::ActionId, settled: Settled, error: Option<String>) {
        let now = self.clock.now();
        if let Some(tape) = &mut self.tape {
            tape.put(Line::SteeringSettled { now, id, settled });
        }
        let moved = self.steering.settle(now, id, settled);
        if let Some(error) = &error {
            warn!(%id, error, "the router did not do what was decided");
            // A refusal does not prove that nothing changed.
            self.progress.reconcile_at = now;
        }
        self.views.send_modify(|view| {
            let view = Arc::make_mut(view);
            view.counters.refused += u64::from(settled == Settled::Refused);
            match error {
                Some(error) => view.troubles = vec![error],
                None => view.troubles.clear(),
            }
        });
        if let Some(moved) = moved {
            self.moved(now, &moved);
        }
    }

    fn moved(&mut self, now: Timestamp, moved: &Transition) {
        let name = |wan| state_name(&self.config, wan);
        let (from, to) = (name(moved.from), name(moved.to));
        let reason = moved.reason.to_string();
        let shadow = self.config.shadow;
        info!(from, to, reason, shadow, "eligible traffic moved");
        let at = local_time(self.clock.wall());
        let progress = self.steering_progress();
        self.image.moved(
            TransitionRecord {
                timestamp: at.clone(),
                from: from.clone(),
                to: to.clone(),
                bad_count: progress.0,
                good_count: progress.1,
                reason: reason.clone(),
            },
            self.config.history_size,
        );
        self.progress.save_at = now;
        if !shadow {
            self.progress.moved = Some(SteeringMove {
                reason: ReasonText::format(&reason),
                from: ReasonText::format(&from),
                to: ReasonText::format(&to),
            });
        }
        let active = self.steering.active();
        self.views.send_modify(|view| {
            let view = Arc::make_mut(view);
            view.active = active;
            view.active_since = now;
            view.last_transition = Some(at);
            view.last_reason = Some(reason);
            view.counters.moves += 1;
        });
    }

    fn steering_progress(&self) -> (u64, u64) {
        let view = self.views.borrow();
        let progress = view.decision.as_ref().map(|decision| decision.progress);
        progress.map_or((0, 0), |progress| (progress.bad, progress.good))
    }

    /// Has the router read at the start, every minute, and after a refusal.
    fn reconcile(&mut self, now: Timestamp) {
        let moving = self
            .views
            .borrow()
            .decision
            .as_ref()
            .is_some_and(|decision| decision.moving);
        if now < self.progress.reconcile_at || self.progress.reading || moving {
            return;
        }
        self.progress.reconcile_at = now + RECONCILE;
        let known = self.trusted || !self.progress.first_reading;
        let desired = (known && !self.config.shadow).then(|| self.steering.active());
        self.progress.reading = self.orders.try_send(Order::Reconcile { desired }).is_ok();
    }

    fn found(&mut self, found: Found) {
        let now = self.clock.now();
        self.progress.reading = false;
        let told = std::mem::replace(&mut self.progress.answered, true);
        // Until the rules have been read once, nobody knows how they should be.
        let first = self.progress.first_reading && found.active.is_some();
        if first {
            self.progress.first_reading = false;
        }
        if first
            && !self.trusted
            && !self.config.shadow
            && let Some(active) = found.active
        {
            if !active.is_primary() {
                warn!(wan = %active, "the router already steers; going on from there");
            }
            self.steering.adopt(now, active);
            if let Some(tape) = &mut self.tape {
                tape.put(Line::SteeringAdopted { now, active });
            }
        }
        if !(self.config.shadow || self.config.routes_shadow) {
            for (wan, demoted) in &found.routes {
                self.steering.adopt_route(*wan, *demoted);
                if let Some(tape) = &mut self.tape {
                    let (wan, demoted) = (*wan, *demoted);
                    tape.put(Line::SteeringRoute { wan, demoted });
                }
            }
        }
        if !told || !found.troubles.is_empty() {
            for trouble in &found.troubles {
                warn!(trouble, "the router's objects");
            }
        }
        let active = self.steering.active();
        self.views.send_modify(|view| {
            let view = Arc::make_mut(view);
            if view.active != active {
                view.active = active;
                view.active_since = now;
            }
            view.counters.drift += u64::from(found.drifted);
            view.router_reachable = Some(found.reachable);
            view.troubles = found.troubles;
        });
        self.image.state_name = state_name(&self.config, active);
    }

    fn save(&mut self, now: Timestamp) {
        let busy = self
            .progress
            .saving
            .as_ref()
            .is_some_and(|saving| !saving.is_finished());
        if now < self.progress.save_at || busy {
            return;
        }
        self.progress.save_at = now + SAVE;
        self.renew_image(now);
        let (file, image) = (self.file.clone(), self.image.clone());
        self.progress.saving = Some(tokio::task::spawn_blocking(move || save(&file, &image)));
    }

    fn renew_image(&mut self, now: Timestamp) {
        self.image.engine = Some(self.steering.state(now));
        self.image.saved = self.clock.wall();
        self.image.counts[2] = self.queue.borrow().failures.into();
    }

    fn is_done(&self, now: Timestamp) -> bool {
        let view = self.views.borrow();
        let waited = now.saturating_since(self.progress.started) >= ONESHOT_LIMIT;
        let decided = view
            .decision
            .as_ref()
            .is_some_and(|decision| decision.outcome == Outcome::Completed && !decision.moving);
        (decided && self.progress.answered) || waited
    }

    /// The last record, the state and the recording.
    async fn finish(&mut self) {
        let decision = self.views.borrow().decision.clone();
        if let (Some(decision), true) = (decision, self.progress.moved.is_some()) {
            self.record(&decision);
        }
        if let Some(saving) = self.progress.saving.take() {
            drop(saving.await);
        }
        self.renew_image(self.clock.now());
        let (file, image) = (self.file.clone(), self.image.clone());
        drop(tokio::task::spawn_blocking(move || save(&file, &image)).await);
        if let Some(tape) = self.tape.take() {
            let finish = tokio::task::spawn_blocking(move || tape.finish());
            if tokio::time::timeout(Duration::from_millis(500), finish)
                .await
                .is_err()
            {
                error!("the recording could not be finished; its end is missing");
            }
        }
    }
}

fn save(file: &SteerFile, image: &SteerImage) {
    if let Err(error) = file.save(image) {
        warn!(file = %file.path().display(), %error, "the state cannot be stored; a restart would forget it");
    }
}

fn poll_paths(paths: &mut [PathProbe], cx: &mut Context<'_>) -> Poll<(usize, Received)> {
    for (place, path) in paths.iter_mut().enumerate() {
        if let Poll::Ready(reply) = path.poll(cx) {
            return Poll::Ready((place, reply));
        }
    }
    Poll::Pending
}
