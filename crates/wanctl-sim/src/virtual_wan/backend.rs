//! A router on virtual time: takes every rate after a fixed latency.

use std::time::Duration;

use async_trait::async_trait;
use wanctl_daemon::Clock;
use wanctl_router::{
    Applied, Backend, Capabilities, Counters, Error, Limits, Outcome, QueueCounters,
};
use wanctl_types::{Bps, Direction, PerDirection, Timestamp};

use super::Shared;
use crate::Link;

/// Sets the limits of a simulated link.
#[derive(Clone)]
pub(super) struct VirtualRouter {
    clock: Clock,
    link: Shared<Link>,
    latency: Duration,
    writes: Shared<Vec<(Timestamp, Limits)>>,
}

impl VirtualRouter {
    pub(super) fn new(clock: &Clock, link: &Shared<Link>, latency: Duration) -> Self {
        Self {
            clock: clock.clone(),
            link: link.clone(),
            latency,
            writes: Shared::default(),
        }
    }

    /// Every write so far.
    pub(super) fn writes(&self) -> Vec<(Timestamp, Limits)> {
        self.writes.with(|writes| writes.clone())
    }

    fn set(&self, direction: Direction, rate: Bps) -> Outcome {
        let now = self.clock.now();
        self.link.with(|link| link.set_limit(direction, rate, now));
        Outcome {
            observed: rate,
            latency: self.latency,
        }
    }
}

#[async_trait]
impl Backend for VirtualRouter {
    fn capabilities(&self) -> Capabilities {
        let counters = QueueCounters {
            bytes: true,
            backlog: true,
            drops: false,
        };
        Capabilities::new(counters, false, Duration::ZERO)
    }

    async fn apply(&self, limits: Limits) -> Applied {
        self.writes
            .with(|writes| writes.push((self.clock.now(), limits)));
        self.clock
            .sleep_until(self.clock.now() + self.latency)
            .await;
        Applied {
            directions: PerDirection::from_fn(|direction| {
                limits[direction].map(|rate| Ok(self.set(direction, rate)))
            }),
        }
    }

    async fn observe(&self) -> Result<PerDirection<Bps>, Error> {
        Ok(self
            .link
            .with(|link| PerDirection::from_fn(|d| link.limit(d))))
    }

    async fn counters(&self) -> Result<PerDirection<Counters>, Error> {
        let now = self.clock.now();
        Ok(self.link.with(|link| {
            link.advance_to(now);
            PerDirection::from_fn(|direction| {
                let counted = link.counters(direction);
                Counters {
                    bytes: Some(counted.delivered),
                    packets: None,
                    dropped: Some(0),
                    backlog: Some(counted.shaper_backlog),
                }
            })
        }))
    }
}
