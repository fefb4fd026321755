//! What is done while no reflector answers.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};
use wanctl_controller::Reachability;
use wanctl_probe::{ReserveAnswer, ReserveChecks};
use wanctl_types::{Timestamp, WanName};

type Check = Pin<Box<dyn Future<Output = ReserveAnswer> + Send>>;

/// Runs the reserve checks, one at a time, while ICMP is silent. The end of a check is one
/// control step; rounds that close silently meanwhile are part of it.
pub(crate) struct Silence {
    checks: Option<Arc<dyn ReserveChecks>>,
    interval: Duration,
    running: Option<Check>,
    last_start: Option<Timestamp>,
    last_found: Option<Kind>,
    since: Option<Timestamp>,
}

/// What a check found, without its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Tcp,
    GatewayOnly,
    Nothing,
}

impl Silence {
    /// `checks` is `None` where the configuration switches them off; `interval` is the shortest
    /// time from the start of one check to the start of the next.
    pub(crate) fn new(checks: Option<Arc<dyn ReserveChecks>>, interval: Duration) -> Self {
        Self {
            checks,
            interval,
            running: None,
            last_start: None,
            last_found: None,
            since: None,
        }
    }

    /// Whether there is nothing to check, so that a silent round is a step of its own.
    pub(crate) fn is_unchecked(&self) -> bool {
        self.checks.is_none()
    }

    /// A round closed without an answer: starts a check unless one is running or ran just now.
    /// True when this is how the silence began.
    pub(crate) fn begin_check(&mut self, now: Timestamp) -> bool {
        let began = self.since.is_none();
        self.since.get_or_insert(now);
        let resting = self
            .last_start
            .is_some_and(|start| now.saturating_since(start) < self.interval);
        if self.running.is_none() && !resting {
            self.running = self.checks.clone().map(start);
            self.last_start = Some(now);
        }
        began
    }

    /// A reflector answered: drops the check under way. True when the silence was broken by it.
    pub(crate) fn end(&mut self) -> bool {
        self.running = None;
        self.last_start = None;
        self.last_found = None;
        self.since.take().is_some()
    }

    /// When the silence began; `None` while reflectors answer.
    pub(crate) fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// The answer of the check under way; waits for ever when there is none.
    pub(crate) async fn answer(&mut self) -> ReserveAnswer {
        let Some(check) = &mut self.running else {
            return std::future::pending().await;
        };
        let answer = check.await;
        self.running = None;
        answer
    }

    /// One log line when a check finds something else than the one before, if `may_tell`.
    pub(crate) fn log_change(
        &mut self,
        wan: &WanName,
        found: Reachability,
        may_tell: impl FnOnce() -> bool,
    ) {
        let kind = match found {
            Reachability::Tcp(_) => Kind::Tcp,
            Reachability::GatewayOnly => Kind::GatewayOnly,
            Reachability::Nothing => Kind::Nothing,
        };
        if self.last_found.replace(kind) == Some(kind) || !may_tell() {
            return;
        }
        match kind {
            Kind::Tcp => info!(%wan, "TCP still connects: its connect time stands in for the RTT"),
            Kind::GatewayOnly => warn!(%wan, "only the gateway answers"),
            Kind::Nothing => warn!(%wan, "nothing answers: the WAN looks down"),
        }
    }
}

fn start(checks: Arc<dyn ReserveChecks>) -> Check {
    Box::pin(async move { checks.check().await })
}
