//! A router on virtual time: takes every rate after a fixed latency, unless the script has it
//! otherwise.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use wanctl_daemon::Clock;
use wanctl_router::{
    Applied, Backend, Capabilities, Counters, Error, Limits, Outcome, QueueCounters,
};
use wanctl_types::{Bps, Direction, PerDirection, Timestamp};

use super::Shared;
use super::script::{Asked, RouterScript, RouterTrouble};
use crate::Link;

/// Sets the limits of a simulated link.
#[derive(Clone)]
pub(crate) struct VirtualRouter {
    clock: Clock,
    link: Shared<Link>,
    latency: Duration,
    script: Arc<RouterScript>,
    device: Shared<Device>,
}

/// What the router has, and what it was asked.
#[derive(Debug, Default)]
pub(super) struct Device {
    limits: PerDirection<Bps>,
    /// Edits of others still to come, the next one last.
    edits: Vec<(Timestamp, Limits)>,
    /// Every rate that any queue ever had, and since when.
    pub(super) history: Vec<(Timestamp, PerDirection<Bps>)>,
    pub(super) writes: Vec<(Timestamp, Limits)>,
    pub(super) readings: Vec<Timestamp>,
}

impl VirtualRouter {
    pub(crate) fn new(
        clock: &Clock,
        link: &Shared<Link>,
        latency: Duration,
        script: &RouterScript,
    ) -> Self {
        let limits = link.with(|link| PerDirection::from_fn(|d| link.limit(d)));
        let mut edits: Vec<_> = script
            .edits
            .iter()
            .map(|(at, limits)| (Timestamp::ZERO + *at, *limits))
            .collect();
        edits.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        link.with(|link| schedule(link, &edits));
        let device = Device {
            limits,
            edits,
            history: vec![(Timestamp::ZERO, limits)],
            ..Device::default()
        };
        Self {
            clock: clock.clone(),
            link: link.clone(),
            latency,
            script: Arc::new(script.clone()),
            device: Shared::new(device),
        }
    }

    /// What became of the router by now.
    pub(super) fn finish(&self) -> Device {
        self.device.with(|device| {
            device.advance_to(self.clock.now());
            std::mem::take(device)
        })
    }

    async fn answer_time(&self, trouble: Option<RouterTrouble>, asked: &Asked) {
        let delay = trouble.map_or(Duration::ZERO, |trouble| trouble.delay(asked));
        let answered = self.clock.now() + self.latency + delay;
        self.clock.sleep_until(answered).await;
    }

    async fn set(
        &self,
        trouble: Option<RouterTrouble>,
        direction: Direction,
        rate: Bps,
    ) -> Result<Outcome, Error> {
        let sent = self.clock.now();
        let asked = Asked::Write(direction, rate);
        self.answer_time(trouble, &asked).await;
        let now = self.clock.now();
        if trouble.is_none_or(|trouble| trouble.lets_through(direction)) {
            self.device.with(|device| device.set(direction, rate, now));
            self.link.with(|link| link.set_limit(direction, rate, now));
        }
        match trouble.and_then(|trouble| trouble.error(&asked)) {
            Some(error) => Err(error),
            None => Ok(Outcome {
                observed: rate,
                latency: now.saturating_since(sent),
            }),
        }
    }
}

impl Device {
    /// Carries out what others did meanwhile.
    fn advance_to(&mut self, now: Timestamp) {
        while let Some((at, limits)) = self.edits.pop_if(|(at, _)| *at <= now) {
            self.limits = PerDirection::from_fn(|d| limits[d].unwrap_or(self.limits[d]));
            self.history.push((at, self.limits));
        }
    }

    fn set(&mut self, direction: Direction, rate: Bps, now: Timestamp) {
        self.advance_to(now);
        self.limits[direction] = rate;
        self.history.push((now, self.limits));
    }
}

fn schedule(link: &mut Link, edits: &[(Timestamp, Limits)]) {
    for (at, limits) in edits {
        for (direction, limit) in limits.iter() {
            if let Some(limit) = limit {
                link.set_limit(direction, *limit, *at);
            }
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
        let now = self.clock.now();
        self.device.with(|device| device.writes.push((now, limits)));
        let trouble = self.script.trouble(now);
        let set = async |direction| match limits[direction] {
            Some(rate) => Some(self.set(trouble, direction, rate).await),
            None => None,
        };
        let (download, upload) = tokio::join!(set(Direction::Download), set(Direction::Upload));
        Applied {
            directions: PerDirection::new(download, upload),
        }
    }

    async fn observe(&self) -> Result<PerDirection<Bps>, Error> {
        let now = self.clock.now();
        self.device.with(|device| device.readings.push(now));
        let trouble = self.script.trouble(now);
        self.answer_time(trouble, &Asked::Reading).await;
        if let Some(error) = trouble.and_then(|trouble| trouble.error(&Asked::Reading)) {
            return Err(error);
        }
        Ok(self.device.with(|device| {
            device.advance_to(self.clock.now());
            device.limits
        }))
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
                    queued_packets: None,
                }
            })
        }))
    }
}
