//! Brings the router to the intended rates, apart from the control loop.

mod ledger;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use wanctl_router::{
    Applied, Backend, Error, Failure, Limits, Observed, Operation, Outcome, Permit, Reachability,
    Verdict, WriteGuard,
};
use wanctl_types::{Bps, Direction, PerDirection, Timestamp};

use crate::clock::Clock;
use ledger::{Drift, Ledger};

/// From one reading of the router's rates to the next while nothing is amiss.
const READING_INTERVAL: Duration = Duration::from_secs(5);
/// The longest a reading may take.
const READING_LIMIT: Duration = Duration::from_secs(3);
/// How long a decrease waits for a reading that is under way. Giving a request up costs a
/// connection, so an answer about to come is worth a moment.
const READING_GRACE: Duration = Duration::from_millis(50);
/// How long a write in flight may still take once the daemon stops.
const SETTLE_TIME: Duration = Duration::from_millis(700);

type Intended = Option<PerDirection<Bps>>;

/// What is known of the router.
#[derive(Clone, Debug, Default)]
pub(crate) struct RouterStatus {
    /// The rate each queue last said it has; `None` when unknown.
    pub(crate) applied: PerDirection<Option<Bps>>,
    /// Whether it answers and does what it is asked.
    pub(crate) reachability: Reachability,
    /// Since when it has owed an answer; `None` while nothing is asked.
    pub(crate) asked_since: Option<Timestamp>,
    /// The last error, until all is well again.
    pub(crate) last_error: Option<String>,
    /// How long the last accepted write took.
    pub(crate) last_latency: Option<Duration>,
    /// Accepted writes.
    pub(crate) updates: u64,
    /// Refused or unanswered requests.
    pub(crate) errors: u64,
    /// Times an increase was put off by the write budget.
    pub(crate) deferred: u64,
    /// Times a queue had a rate that was not ordered here.
    pub(crate) drift: u64,
}

/// Takes the newest intended rates, writes what the guard lets through, and reads back what the
/// router has: every few seconds, and after each failure before anything is written again.
pub(crate) struct RouterTask {
    wan: String,
    clock: Clock,
    backend: Arc<dyn Backend>,
    guard: WriteGuard,
    intended: watch::Receiver<Intended>,
    status: watch::Sender<RouterStatus>,
    reachability: Reachability,
    ledger: Ledger,
    /// When the rates are to be read again.
    next_reading: Timestamp,
    /// Failures already logged since all was well.
    logged: BTreeSet<(Asked, &'static str)>,
    /// The drift logged last, until a reading finds none.
    drifted: PerDirection<Option<Drift>>,
}

enum Next {
    Write(Limits),
    Read,
    Wait(Option<Timestamp>),
}

/// What was asked of the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Asked {
    Rates,
    Download,
    Upload,
}

impl RouterTask {
    pub(crate) fn new(
        wan: String,
        clock: Clock,
        backend: Arc<dyn Backend>,
        guard: WriteGuard,
        intended: watch::Receiver<Intended>,
        status: watch::Sender<RouterStatus>,
    ) -> Self {
        Self {
            next_reading: clock.now() + READING_INTERVAL,
            wan,
            clock,
            backend,
            guard,
            intended,
            status,
            reachability: Reachability::default(),
            ledger: Ledger::default(),
            logged: BTreeSet::new(),
            drifted: PerDirection::default(),
        }
    }

    /// Runs until `shutdown`; a write in flight then gets a short time to settle.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            match self.next() {
                Next::Write(limits) => {
                    self.note_question(Some(self.clock.now()));
                    let Some(applied) = self.write(limits, &shutdown).await else {
                        break;
                    };
                    self.note_question(None);
                    self.settle(limits, &applied);
                }
                Next::Read => {
                    self.note_question(Some(self.clock.now()));
                    let read = self.read(&shutdown).await;
                    self.note_question(None);
                    if let Some(read) = read {
                        self.reconcile(read);
                    }
                }
                Next::Wait(until) => self.wait(until, &shutdown).await,
            }
        }
    }

    fn note_question(&self, since: Option<Timestamp>) {
        self.status.send_modify(|status| status.asked_since = since);
    }

    fn next(&mut self) -> Next {
        let Some(intended) = *self.intended.borrow_and_update() else {
            return Next::Wait(None);
        };
        let now = self.clock.now();
        match self.reachability.permit(now) {
            Permit::Anything => self.next_of_anything(now, intended),
            Permit::Reading => Next::Read,
            Permit::Nothing {
                until,
                answers: true,
            } => self.next_in_pause(now, intended, until),
            Permit::Nothing {
                until,
                answers: false,
            } => Next::Wait(Some(until)),
        }
    }

    /// A reading that is due comes before an increase and after a decrease.
    fn next_of_anything(&mut self, now: Timestamp, intended: PerDirection<Bps>) -> Next {
        let known = self.ledger.known();
        if now >= self.next_reading && !lowers(intended, known) {
            return Next::Read;
        }
        match self.guard.next(now, intended, known) {
            Verdict::Write(limits) => Next::Write(limits),
            Verdict::Unchanged => {
                self.change(Reachability::settled);
                Next::Wait(Some(self.next_reading))
            }
            Verdict::Deferred { until } => {
                self.status.send_modify(|status| status.deferred += 1);
                Next::Wait(Some(until.min(self.next_reading)))
            }
        }
    }

    /// One queue's rejection does not hold the other one up.
    fn next_in_pause(
        &mut self,
        now: Timestamp,
        intended: PerDirection<Bps>,
        until: Timestamp,
    ) -> Next {
        let known = self.ledger.known();
        let left_alone = PerDirection::from_fn(|d| known[d].or(Some(intended[d])));
        match self.guard.next(now, intended, left_alone) {
            Verdict::Write(limits) => Next::Write(limits),
            Verdict::Unchanged => Next::Wait(Some(until)),
            Verdict::Deferred { until: slot } => Next::Wait(Some(until.min(slot))),
        }
    }

    async fn write(&self, limits: Limits, shutdown: &CancellationToken) -> Option<Applied> {
        let write = self.backend.apply(limits);
        tokio::pin!(write);
        tokio::select! {
            biased;
            applied = &mut write => return Some(applied),
            () = shutdown.cancelled() => {}
        }
        let settled = tokio::time::timeout(SETTLE_TIME, write).await;
        if settled.is_err() {
            warn!(
                wan = self.wan,
                "the router did not answer the last write before the stop"
            );
        }
        settled.ok()
    }

    /// Takes note of what a write came to.
    fn settle(&mut self, limits: Limits, applied: &Applied) {
        let mut worst = None;
        for direction in Direction::BOTH {
            match (limits[direction], &applied.directions[direction]) {
                (_, None) | (None, Some(_)) => {}
                (Some(_), Some(Ok(outcome))) => self.accepted(direction, *outcome),
                (Some(asked), Some(Err(error))) => {
                    self.ledger.failed(direction, asked);
                    self.note_error(Asked::from(direction), error);
                    worst = worst.max(Some(Failure::of(error)));
                }
            }
        }
        let now = self.clock.now();
        self.change(|reachability| match worst {
            Some(failure) => reachability.failed(failure, now),
            None => reachability.settled(),
        });
    }

    fn accepted(&mut self, direction: Direction, outcome: Outcome) {
        debug!(wan = self.wan, %direction, rate = %outcome.observed, latency = ?outcome.latency, "rate applied");
        self.ledger.accepted(direction, outcome.observed);
        self.status.send_modify(|status| {
            status.last_latency = Some(outcome.latency);
            status.updates += 1;
        });
    }

    /// Reads the rates. `None` when the daemon stops, or when a decrease would have had to wait.
    async fn read(&mut self, shutdown: &CancellationToken) -> Option<Result<Observed, Error>> {
        let may_be_overtaken = self.reachability.permit(self.clock.now()) == Permit::Anything;
        let overtaking = overtaking(&self.clock, &mut self.intended, self.ledger.known());
        let read = tokio::select! {
            biased;
            () = shutdown.cancelled() => return None,
            read = tokio::time::timeout(READING_LIMIT, self.backend.observe()) => read,
            () = overtaking, if may_be_overtaken => {
                debug!(wan = self.wan, "a reading of the router's rates was given up for a decrease");
                self.next_reading = self.clock.now() + READING_INTERVAL;
                return None;
            }
        };
        Some(read.unwrap_or_else(|_| Err(unanswered())))
    }

    /// Takes note of what a reading came to.
    fn reconcile(&mut self, read: Result<Observed, Error>) {
        let now = self.clock.now();
        let demanded = self.reachability.permit(now) == Permit::Reading;
        self.next_reading = now + READING_INTERVAL;
        let failure = match read {
            Ok(observed) => self.take_rates(&observed),
            Err(Error::Unsupported { .. }) => None,
            Err(error) => {
                self.note_error(Asked::Rates, &error);
                Some(Failure::of(&error))
            }
        };
        match failure {
            None => self.change(Reachability::answered),
            // A queue that cannot be read may still take a rate: writing shows it.
            Some(Failure::Rejection) if demanded && self.has_something_to_write() => {
                self.change(Reachability::answered);
            }
            Some(failure) => self.change(|reachability| reachability.failed(failure, now)),
        }
    }

    /// Takes each queue's rate on its own; returns the gravest failure.
    fn take_rates(&mut self, observed: &Observed) -> Option<Failure> {
        let mut worst = None;
        for (direction, rate) in observed.directions.iter() {
            match rate {
                Ok(rate) => {
                    let drift = self.ledger.observed(direction, *rate);
                    self.note_drift(direction, drift);
                }
                Err(error) => {
                    self.note_error(Asked::Rates, error);
                    worst = worst.max(Some(Failure::of(error)));
                }
            }
        }
        worst
    }

    /// Whether a rate is wanted that the router is not known to have. Without one, nothing but a
    /// reading can show that it is well again.
    fn has_something_to_write(&self) -> bool {
        let known = self.ledger.known();
        let intended = *self.intended.borrow();
        intended.is_some_and(|wanted| wanted.map(Some) != known)
    }

    fn note_drift(&mut self, direction: Direction, drift: Option<Drift>) {
        if let Some(Drift { expected, observed }) = drift {
            self.status.send_modify(|status| status.drift += 1);
            if self.drifted[direction] != drift {
                warn!(wan = self.wan, %direction, %expected, %observed, "the router has another rate than was set; setting it again");
            }
        }
        self.drifted[direction] = drift;
    }

    /// Logs each kind of failure once until all is well again.
    fn note_error(&mut self, asked: Asked, error: &Error) {
        if self.logged.insert((asked, error.kind())) {
            match asked {
                Asked::Rates => {
                    warn!(wan = self.wan, %error, "the router's rates could not be read");
                }
                Asked::Download | Asked::Upload => {
                    warn!(wan = self.wan, %error, "a rate could not be applied");
                }
            }
        }
        self.status.send_modify(|status| {
            status.errors += 1;
            status.last_error = Some(error.to_string());
        });
    }

    /// Moves the state machine and publishes where it stands.
    fn change(&mut self, event: impl FnOnce(&mut Reachability)) {
        let before = self.reachability;
        event(&mut self.reachability);
        let after = self.reachability;
        let is_lost = |state| matches!(state, Reachability::Unreachable { .. });
        if is_lost(before) && !is_lost(after) {
            info!(wan = self.wan, "the router answers again");
        }
        if after == Reachability::Reachable {
            self.logged.clear();
        }
        self.status.send_modify(|status| {
            status.applied = self.ledger.known();
            status.reachability = after;
            if after == Reachability::Reachable {
                status.last_error = None;
            }
        });
    }

    async fn wait(&mut self, until: Option<Timestamp>, shutdown: &CancellationToken) {
        let clock = self.clock.clone();
        let timer = async {
            match until {
                Some(deadline) => clock.sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = shutdown.cancelled() => {}
            changed = self.intended.changed() => {
                if changed.is_err() {
                    shutdown.cancelled().await;
                }
            }
            () = timer => {}
        }
    }
}

impl From<Direction> for Asked {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Download => Self::Download,
            Direction::Upload => Self::Upload,
        }
    }
}

/// Whether a known rate is to be lowered. A queue without a limit counts as the fastest.
fn lowers(intended: PerDirection<Bps>, known: Limits) -> bool {
    Direction::BOTH.into_iter().any(|direction| {
        let intended = intended[direction];
        known[direction]
            .is_some_and(|rate| rate > intended || (rate == Bps::ZERO && rate != intended))
    })
}

/// Ends a moment after a decrease is wanted.
async fn overtaking(clock: &Clock, intended: &mut watch::Receiver<Intended>, known: Limits) {
    let wanted = |intended: &Intended| intended.is_some_and(|rates| lowers(rates, known));
    if intended.wait_for(wanted).await.is_err() {
        std::future::pending::<()>().await;
    }
    clock.sleep_until(clock.now() + READING_GRACE).await;
}

fn unanswered() -> Error {
    Error::Timeout {
        operation: Operation::ReadLimits,
        host: "the router".to_owned(),
        limit: READING_LIMIT,
    }
}
