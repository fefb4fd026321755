//! Reads what the shaper's queue does, apart from the deciding loop.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{debug, info, warn};
use wanctl_router::{CounterTracker, Interval, SteeringRouter};
use wanctl_steering::QueueObservation;
use wanctl_types::Timestamp;

use crate::chain::chain;
use crate::clock::Clock;

/// Shortest time from one reading to the next.
const FASTEST: Duration = Duration::from_millis(500);
/// Longest pause while readings fail.
const SLOWEST: Duration = Duration::from_secs(10);

/// The newest reading.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct QueueView {
    at: Timestamp,
    seen: Option<QueueObservation>,
    /// Failed readings in a row.
    pub(super) failures: u32,
}

impl QueueView {
    /// What the queue did, with its age at `now`.
    pub(super) fn observation(&self, now: Timestamp) -> Option<QueueObservation> {
        let age = now.saturating_since(self.at);
        self.seen.map(|seen| QueueObservation { age, ..seen })
    }
}

pub(super) struct QueueReader {
    pub(super) clock: Clock,
    pub(super) router: Arc<dyn SteeringRouter>,
    pub(super) interval: Duration,
    pub(super) views: watch::Sender<QueueView>,
}

impl QueueReader {
    pub(super) async fn run(self) {
        let mut tracker = CounterTracker::default();
        let mut pause = self.interval.max(FASTEST);
        loop {
            let read = self.router.download_counters().await;
            let now = self.clock.now();
            match read {
                Ok(counters) => {
                    pause = self.interval.max(FASTEST);
                    let seen = match tracker.read(now, counters) {
                        Interval::First | Interval::Reset => None,
                        Interval::Since(since) => Some(QueueObservation {
                            drops: since.dropped.unwrap_or(0),
                            interval: since.time,
                            queued: since.queued.unwrap_or(0),
                            age: Duration::ZERO,
                        }),
                    };
                    self.views.send_modify(|view| {
                        if view.failures > 0 {
                            info!("the queue can be read again");
                        }
                        *view = QueueView {
                            at: now,
                            seen,
                            failures: 0,
                        };
                    });
                }
                Err(error) => {
                    pause = pause.saturating_mul(2).min(SLOWEST);
                    self.views.send_modify(|view| {
                        if view.failures == 0 {
                            warn!(error = %chain(&error), "the queue cannot be read; decisions rest on what is measured");
                        } else {
                            debug!(error = %chain(&error), "the queue still cannot be read");
                        }
                        view.failures = view.failures.saturating_add(1);
                    });
                }
            }
            self.clock.sleep_until(now + pause).await;
        }
    }
}
