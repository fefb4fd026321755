//! A router on virtual time: takes every rate after a fixed latency, unless the script has it
//! otherwise.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use wanctl_daemon::Clock;
use wanctl_router::{
    Applied, Backend, Capabilities, Counters, Error, Limits, Observed, Outcome, QueueCounters,
};
use wanctl_types::{Bps, Bytes, Direction, PerDirection, Timestamp};

use super::Shared;
use super::script::{Asked, RouterScript, RouterTrouble};
use crate::{Link, QueueCounts};

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
    pub(super) counter_readings: Vec<Timestamp>,
    /// Resets of the counters still to come, the next one last.
    resets: Vec<Timestamp>,
    /// What was counted up to the last of them.
    counted_before: PerDirection<Bytes>,
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
        let mut resets: Vec<_> = script
            .resets
            .iter()
            .map(|at| Timestamp::ZERO + *at)
            .collect();
        resets.sort_by_key(|at| std::cmp::Reverse(*at));
        let device = Device {
            limits,
            edits,
            resets,
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

    /// What the queues count now, since the last reset.
    fn count(&self) -> PerDirection<QueueCounts> {
        let now = self.clock.now();
        self.device.with(|device| {
            self.link.with(|link| {
                while let Some(at) = device.resets.pop_if(|at| *at <= now) {
                    link.advance_to(at);
                    device.counted_before = PerDirection::from_fn(|d| link.queue_counts(d).bytes);
                }
                link.advance_to(now);
                PerDirection::from_fn(|direction| {
                    let mut counts = link.queue_counts(direction);
                    let before = device.counted_before[direction].get();
                    counts.bytes = Bytes::new(counts.bytes.get().saturating_sub(before));
                    counts
                })
            })
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

    async fn observe(&self) -> Result<Observed, Error> {
        let now = self.clock.now();
        self.device.with(|device| device.readings.push(now));
        let trouble = self.script.trouble(now);
        self.answer_time(trouble, &Asked::Reading).await;
        if let Some(error) = trouble.and_then(|trouble| trouble.error(&Asked::Reading)) {
            return Err(error);
        }
        let limits = self.device.with(|device| {
            device.advance_to(self.clock.now());
            device.limits
        });
        let read = |direction| {
            let missing = trouble.and_then(|trouble| trouble.missing(direction));
            missing.map_or(Ok(limits[direction]), Err)
        };
        Ok(Observed {
            directions: PerDirection::from_fn(read),
        })
    }

    async fn counters(&self) -> Result<PerDirection<Counters>, Error> {
        let now = self.clock.now();
        self.device.with(|device| device.counter_readings.push(now));
        let trouble = self.script.trouble(now);
        // The device counts half-way between question and answer.
        self.clock.sleep_until(now + self.latency / 2).await;
        let counts = self.count();
        let delay = trouble.map_or(Duration::ZERO, |trouble| trouble.delay(&Asked::Counters));
        self.clock.sleep_until(now + self.latency + delay).await;
        if let Some(error) = trouble.and_then(|trouble| trouble.error(&Asked::Counters)) {
            return Err(error);
        }
        Ok(counts.map(|counts| Counters {
            bytes: Some(counts.bytes),
            packets: None,
            dropped: Some(0),
            backlog: Some(counts.backlog),
            queued_packets: None,
        }))
    }
}
