//! Brings the router to the intended rates, apart from the control loop.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use wanctl_router::{Applied, Backend, Error, Limits, Outcome, Verdict, WriteGuard};
use wanctl_types::{Bps, Direction, PerDirection, Timestamp};

use crate::clock::Clock;

/// The first pause after a failed write; doubles up to [`MAX_RETRY`].
const FIRST_RETRY: Duration = Duration::from_millis(250);
/// The longest pause after a failed write.
const MAX_RETRY: Duration = Duration::from_secs(5);
/// The shortest pause after the router refused the credentials.
const AUTHENTICATION_RETRY: Duration = Duration::from_secs(30);
/// How long a write in flight may still take once the daemon stops.
const SETTLE_TIME: Duration = Duration::from_millis(700);

/// What is known of the router.
#[derive(Clone, Debug, Default)]
pub(crate) struct RouterStatus {
    /// The rate each queue last said it has; `None` when unknown.
    pub(crate) applied: PerDirection<Option<Bps>>,
    /// Whether the last request was answered.
    pub(crate) reachable: Option<bool>,
    /// The last error, until a request succeeds.
    pub(crate) last_error: Option<String>,
    /// How long the last accepted write took.
    pub(crate) last_latency: Option<Duration>,
    /// Accepted writes.
    pub(crate) updates: u64,
    /// Refused or unanswered writes.
    pub(crate) errors: u64,
    /// Times an increase was put off by the write budget.
    pub(crate) deferred: u64,
}

/// Takes the newest intended rates and writes what the guard lets through.
pub(crate) struct RouterTask {
    pub(crate) wan: String,
    pub(crate) clock: Clock,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) guard: WriteGuard,
    pub(crate) intended: watch::Receiver<Option<PerDirection<Bps>>>,
    pub(crate) status: watch::Sender<RouterStatus>,
}

enum Next {
    Write(Limits),
    Wait(Option<Timestamp>),
}

impl RouterTask {
    /// Runs until `shutdown`; a write in flight then gets a short time to settle.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let mut retry = Retry::default();
        while !shutdown.is_cancelled() {
            match self.next() {
                Next::Write(limits) => {
                    let Some(applied) = self.write(limits, &shutdown).await else {
                        break;
                    };
                    let now = self.clock.now();
                    let failed = self.settle(&applied);
                    if let Some(resume) = retry.after(failed, now) {
                        self.pause(resume, &shutdown).await;
                    }
                }
                Next::Wait(until) => self.wait(until, &shutdown).await,
            }
        }
    }

    fn next(&mut self) -> Next {
        let Some(intended) = *self.intended.borrow_and_update() else {
            return Next::Wait(None);
        };
        let applied = self.status.borrow().applied;
        match self.guard.next(self.clock.now(), intended, applied) {
            Verdict::Write(limits) => Next::Write(limits),
            Verdict::Unchanged => Next::Wait(None),
            Verdict::Deferred { until } => {
                self.status.send_modify(|status| status.deferred += 1);
                Next::Wait(Some(until))
            }
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

    /// Publishes what happened; returns how it failed, if it did.
    fn settle(&self, applied: &Applied) -> Option<Failure> {
        let mut failure = None;
        for direction in Direction::BOTH {
            match &applied.directions[direction] {
                None => {}
                Some(Ok(outcome)) => self.accepted(direction, *outcome),
                Some(Err(error)) => {
                    self.refused(direction, error);
                    failure = Some(Failure::of(error));
                }
            }
        }
        failure
    }

    fn accepted(&self, direction: Direction, outcome: Outcome) {
        debug!(wan = self.wan, %direction, rate = %outcome.observed, latency = ?outcome.latency, "rate applied");
        self.status.send_modify(|status| {
            status.applied[direction] = Some(outcome.observed);
            status.last_latency = Some(outcome.latency);
            status.updates += 1;
            if status.reachable == Some(false) {
                info!(wan = self.wan, "the router answers again");
            }
            status.reachable = Some(true);
            status.last_error = None;
        });
    }

    fn refused(&self, direction: Direction, error: &Error) {
        let text = error.to_string();
        self.status.send_modify(|status| {
            if status.last_error.as_deref() != Some(text.as_str()) {
                warn!(wan = self.wan, %direction, %error, "the rate could not be applied");
            }
            status.applied[direction] = None;
            status.errors += 1;
            status.reachable = Some(!error.is_transport());
            status.last_error = Some(text);
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

    async fn pause(&self, resume: Timestamp, shutdown: &CancellationToken) {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => {}
            () = self.clock.sleep_until(resume) => {}
        }
    }
}

/// How a write failed, as far as the pause after it is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    Authentication,
    Other,
}

impl Failure {
    fn of(error: &Error) -> Self {
        if error.is_authentication() {
            Self::Authentication
        } else {
            Self::Other
        }
    }
}

/// Pauses between failed writes.
#[derive(Debug, Default)]
struct Retry {
    in_a_row: u32,
}

impl Retry {
    /// When to go on after a write that ended at `now`; at once after a success.
    fn after(&mut self, failure: Option<Failure>, now: Timestamp) -> Option<Timestamp> {
        let Some(failure) = failure else {
            self.in_a_row = 0;
            return None;
        };
        let pause = FIRST_RETRY
            .saturating_mul(1 << self.in_a_row.min(8))
            .min(MAX_RETRY);
        self.in_a_row = self.in_a_row.saturating_add(1);
        let floor = match failure {
            Failure::Authentication => AUTHENTICATION_RETRY,
            Failure::Other => Duration::ZERO,
        };
        Some(now + pause.max(floor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_a_bound_and_a_success_resets_them() {
        let mut retry = Retry::default();
        let pauses: Vec<_> = (0..7)
            .map(|_| retry.after(Some(Failure::Other), Timestamp::ZERO))
            .map(|resume| resume.unwrap().since_origin().as_millis())
            .collect();
        assert_eq!(pauses, [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
        assert_eq!(retry.after(None, Timestamp::ZERO), None);
        assert_eq!(
            retry.after(Some(Failure::Other), Timestamp::ZERO),
            Some(Timestamp::ZERO + FIRST_RETRY)
        );
    }

    #[test]
    fn wrong_credentials_are_not_hammered() {
        let mut retry = Retry::default();
        assert_eq!(
            retry.after(Some(Failure::Authentication), Timestamp::ZERO),
            Some(Timestamp::ZERO + AUTHENTICATION_RETRY)
        );
    }
}
