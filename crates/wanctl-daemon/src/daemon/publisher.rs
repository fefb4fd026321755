//! Joins what the WANs publish into one immutable snapshot of the process.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{info, warn};
use wanctl_config::WanConfig;
use wanctl_controller::Controller;
use wanctl_telemetry::{LogGuard, Snapshot, WanSnapshot};
use wanctl_types::Timestamp;

use super::histories::HistoryWatcher;
use crate::clock::Clock;
use crate::wan::initial_snapshot;

/// How often the snapshot is renewed, in real time.
const INTERVAL: Duration = Duration::from_millis(100);

/// Renews the process's snapshot.
pub(super) struct Publisher {
    clock: Clock,
    started: Timestamp,
    wans: Vec<watch::Sender<WanSnapshot>>,
    history: HistoryWatcher,
    logs: Option<Arc<LogGuard>>,
    snapshots: watch::Sender<Arc<Snapshot>>,
}

impl Publisher {
    pub(super) fn new(
        clock: Clock,
        wans: &[WanConfig],
        history: HistoryWatcher,
        logs: Option<Arc<LogGuard>>,
        snapshots: watch::Sender<Arc<Snapshot>>,
    ) -> Self {
        let publisher = Self {
            started: clock.now(),
            clock,
            wans: wans.iter().map(first).collect(),
            history,
            logs,
            snapshots,
        };
        publisher.publish();
        publisher
    }

    /// Where each WAN puts its own part, in the order of the configurations.
    pub(super) fn senders(&self) -> impl Iterator<Item = watch::Sender<WanSnapshot>> {
        self.wans.iter().cloned()
    }

    pub(super) async fn run(self) {
        let mut clock_set = true;
        loop {
            self.tell_clock(&mut clock_set);
            tokio::time::sleep(INTERVAL).await;
            self.publish();
        }
    }

    /// One line when civil time turns out to be unset, one when it is set.
    fn tell_clock(&self, was_set: &mut bool) {
        let is_set = self.clock.wall_is_set();
        match (std::mem::replace(was_set, is_set), is_set) {
            (true, false) => warn!(
                "the system's clock is not set; records are misdated until it is, control goes on"
            ),
            (false, true) => info!("the system's clock is set; records are dated right from here"),
            (true, true) | (false, false) => {}
        }
    }

    fn publish(&self) {
        let now = self.clock.now();
        self.snapshots.send_replace(Arc::new(Snapshot {
            version: crate::VERSION,
            uptime: now.saturating_since(self.started),
            published_at: now,
            clock_set: self.clock.wall_is_set(),
            log_lines_lost: self.logs.as_ref().map_or(0, |logs| logs.lost_lines()),
            wans: self.wans.iter().map(|wan| wan.borrow().clone()).collect(),
            history: self.history.snapshot(),
        }));
    }
}

/// A process without WANs.
pub(super) fn empty() -> Snapshot {
    Snapshot {
        version: crate::VERSION,
        uptime: Duration::ZERO,
        published_at: Timestamp::ZERO,
        clock_set: true,
        log_lines_lost: 0,
        wans: Vec::new(),
        history: None,
    }
}

fn first(wan: &WanConfig) -> watch::Sender<WanSnapshot> {
    let controller = Controller::new(wan.controller.clone());
    watch::Sender::new(initial_snapshot(&wan.name, &controller.state()))
}

#[cfg(test)]
mod tests {
    use wanctl_controller::{ControllerState, QueueState};
    use wanctl_telemetry::{Condition, HealthReport, HealthStatus};
    use wanctl_types::{Millis, PerDirection, RateBound, WanName, Zone};

    use super::super::histories::Histories;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_stands_still_is_not_healthy_for_long() {
        let wan = watch::Sender::new(WanSnapshot {
            last_step: Some(Timestamp::ZERO),
            last_completed: Some(Timestamp::ZERO),
            ..idle()
        });
        let publisher = Publisher {
            clock: Clock::system(),
            started: Timestamp::ZERO,
            wans: vec![wan],
            history: Histories::start(&[], &Clock::system()).unwrap().watcher(),
            logs: None,
            snapshots: watch::Sender::new(Arc::new(empty())),
        };
        let shown = publisher.snapshots.subscribe();
        let mut statuses = Vec::new();
        for _ in 0..2 {
            tokio::time::advance(Duration::from_secs(2)).await;
            publisher.publish();
            statuses.push(HealthReport::new(&shown.borrow()).status);
        }
        assert_eq!(statuses, [HealthStatus::Healthy, HealthStatus::Degraded]);
        let shown = shown.borrow();
        let conditions = shown.wans.first().map(|wan| shown.conditions(wan));
        assert_eq!(conditions, Some(vec![Condition::Blind]));
    }

    fn idle() -> WanSnapshot {
        let queue = QueueState {
            rate: RateBound::from_mbps(20.0).unwrap(),
            green_streak: 0,
            soft_red_streak: 0,
            red_streak: 0,
            last_zone: Zone::Green,
        };
        let state = ControllerState {
            queues: PerDirection::new(queue, queue),
            baseline: Millis::ZERO,
            load: Millis::ZERO,
            previous_load: Millis::ZERO,
            outage_cycles: 0,
            adaptive: None,
        };
        initial_snapshot(&WanName::new("still").unwrap(), &state)
    }
}
