//! The probes of one WAN: four rounds a second through its own socket, and what came of them.

use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arrayvec::ArrayVec;
use tokio::task::JoinHandle;
use tracing::{debug, info, warn};
use wanctl_probe::{ProbeConfig, Received, Rounds, RoundsConfig, Transport};
use wanctl_steering::{MAX_TARGETS, TargetObservation, WanObservation};
use wanctl_types::{Millis, Timestamp, WanName};

use super::world::SteerWorld;
use crate::chain::chain;
use crate::clock::Clock;
use crate::ticker::Ticker;
use crate::world::WorldError;

/// Answers of one target that are kept between two steps; further ones are only counted.
const MOST_ANSWERS: usize = 64;
/// From a failed attempt to open a socket to the next.
const REOPEN: Duration = Duration::from_secs(5);
/// A WAN that is silent for so long gets a new socket: its interface may be another one.
const RENEW: Duration = Duration::from_secs(30);

type Opened = Result<(Vec<IpAddr>, Box<dyn Transport>), WorldError>;

/// One WAN's probes.
pub(super) struct PathProbe {
    wan: WanName,
    config: Option<ProbeConfig>,
    world: Arc<dyn SteerWorld>,
    seed: u64,
    link: Option<Link>,
    opening: Option<JoinHandle<Opened>>,
    open_at: Timestamp,
    failing: bool,
    ticker: Ticker,
    meters: ArrayVec<Meter, MAX_TARGETS>,
    muted: bool,
}

struct Link {
    transport: Box<dyn Transport>,
    rounds: Rounds,
}

/// One target since the last step.
#[derive(Clone, Debug)]
struct Meter {
    rtts: ArrayVec<f64, MOST_ANSWERS>,
    last: Option<f64>,
    varied: f64,
    variations: u32,
    answered: u32,
    heard: Timestamp,
}

impl PathProbe {
    pub(super) fn new(
        wan: WanName,
        config: Option<ProbeConfig>,
        targets: usize,
        world: Arc<dyn SteerWorld>,
        now: Timestamp,
        seed: u64,
    ) -> Self {
        let interval = config
            .as_ref()
            .map_or(Duration::from_hours(1), |config| config.interval);
        let meter = Meter {
            rtts: ArrayVec::new(),
            last: None,
            varied: 0.0,
            variations: 0,
            answered: 0,
            heard: now,
        };
        Self {
            wan,
            config,
            world,
            seed,
            link: None,
            opening: None,
            open_at: now,
            failing: false,
            ticker: Ticker::new(now, interval),
            meters: std::iter::repeat_n(meter, targets.min(MAX_TARGETS)).collect(),
            muted: false,
        }
    }

    /// When something is due.
    pub(super) fn next_deadline(&self) -> Timestamp {
        self.ticker.deadline()
    }

    /// The next packet that claims to be an answer; `Pending` without a socket.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Received> {
        let Some(link) = self.link.as_mut().filter(|_| !self.muted) else {
            return Poll::Pending;
        };
        match link.transport.poll_receive(cx) {
            Poll::Ready(Ok(reply)) => Poll::Ready(reply),
            Poll::Ready(Err(error)) => {
                // Asked again with the next round, so that a broken socket does not spin.
                debug!(wan = %self.wan, error = %chain(&error), "answers cannot be received");
                self.muted = true;
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Matches an answer to its probe.
    pub(super) fn accept(&mut self, clock: &Clock, reply: &Received) {
        let Some(link) = &mut self.link else {
            return;
        };
        let received_at = clock.ago(reply.waited);
        match link.rounds.handle_reply(reply, received_at) {
            Ok(sample) => {
                if let Some(meter) = self.meters.get_mut(sample.reflector) {
                    meter.take(sample.rtt.get(), received_at);
                }
            }
            Err(rejected) => debug!(wan = %self.wan, ?rejected, "reply ignored"),
        }
    }

    /// Sends a round if one is due, and looks after the socket.
    pub(super) fn tick(&mut self, clock: &Clock, now: Timestamp) {
        if !self.ticker.take(now) {
            return;
        }
        self.muted = false;
        self.look_after(now);
        let Some(link) = &mut self.link else {
            return;
        };
        while link.rounds.poll_closed(now).is_some() {}
        for request in link.rounds.open_round(now) {
            let request = link.rounds.restamp(&request, clock.now());
            if let Err(error) = link.transport.send(&request) {
                debug!(wan = %self.wan, error = %chain(&error), "a probe was not sent");
                link.rounds.handle_send_failure(&request, now);
            }
        }
    }

    /// What happened since the last step.
    pub(super) fn observe(&mut self, now: Timestamp) -> WanObservation {
        let mut seen = WanObservation::default();
        if self.config.is_none() {
            return seen;
        }
        let losses = self
            .link
            .as_mut()
            .map(|link| {
                while link.rounds.poll_closed(now).is_some() {}
                link.rounds.take_losses()
            })
            .unwrap_or_default();
        for (place, meter) in self.meters.iter_mut().enumerate() {
            let lost = losses.get(place).copied().unwrap_or(0);
            seen.targets.push(meter.observe(now, lost));
        }
        seen
    }

    /// Opens a socket when there is none, and a new one when nothing has answered for long.
    fn look_after(&mut self, now: Timestamp) {
        let Some(config) = &self.config else {
            return;
        };
        if self.opening.as_ref().is_some_and(JoinHandle::is_finished) {
            self.opened(now);
            return;
        }
        let silent = self
            .meters
            .iter()
            .all(|meter| now.saturating_since(meter.heard) >= RENEW);
        if self.opening.is_none() && now >= self.open_at && (self.link.is_none() || silent) {
            self.open_at = now + RENEW;
            let (world, config) = (Arc::clone(&self.world), config.clone());
            self.opening = Some(tokio::spawn(async move {
                let targets = world.resolve(&config).await?;
                let transport = world.transport(&config, &targets)?;
                Ok((targets, transport))
            }));
        }
    }

    /// Takes what the task has opened; it has finished, so nothing waits.
    fn opened(&mut self, now: Timestamp) {
        let Some(mut task) = self.opening.take() else {
            return;
        };
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let outcome = match std::pin::Pin::new(&mut task).poll(&mut cx) {
            Poll::Ready(Ok(outcome)) => outcome.and_then(|opened| self.link(opened)),
            Poll::Ready(Err(_)) | Poll::Pending => return,
        };
        match outcome {
            Ok(link) => {
                if std::mem::take(&mut self.failing) {
                    info!(wan = %self.wan, "can be probed again");
                }
                self.link = Some(link);
            }
            Err(error) => {
                self.open_at = now + REOPEN;
                if !std::mem::replace(&mut self.failing, true) {
                    warn!(wan = %self.wan, error = %chain(&error), "cannot be probed; tried again");
                }
            }
        }
    }

    fn link(
        &self,
        (targets, transport): (Vec<IpAddr>, Box<dyn Transport>),
    ) -> Result<Link, WorldError> {
        let Some(config) = &self.config else {
            return Err(WorldError::Other("it is not probed".into()));
        };
        let schedule = RoundsConfig {
            interval: config.interval,
            timeout: config.timeout,
            quorum: targets.len().max(1),
        };
        let rounds = Rounds::new(schedule, targets, self.seed)?;
        Ok(Link { transport, rounds })
    }
}

impl Meter {
    fn take(&mut self, rtt: f64, at: Timestamp) {
        self.heard = self.heard.max(at);
        self.answered = self.answered.saturating_add(1);
        if let Some(last) = self.last.replace(rtt) {
            self.varied += (rtt - last).abs();
            self.variations += 1;
        }
        // Beyond that number a median hardly moves.
        let _full = self.rtts.try_push(rtt);
    }

    fn observe(&mut self, now: Timestamp, lost: u32) -> TargetObservation {
        self.rtts.sort_unstable_by(f64::total_cmp);
        let median = self.rtts.get(self.rtts.len() / 2).copied();
        let variation = (self.variations > 0).then(|| self.varied / f64::from(self.variations));
        let seen = TargetObservation {
            rtt: median.and_then(Millis::new),
            variation: variation.and_then(Millis::new),
            answered: self.answered,
            lost,
            silent: now.saturating_since(self.heard),
        };
        self.rtts.clear();
        (self.varied, self.variations, self.answered) = (0.0, 0, 0);
        seen
    }
}
