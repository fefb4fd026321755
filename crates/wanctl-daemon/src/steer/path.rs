//! The probes of one WAN: four rounds a second through its own socket, and what came of them.

use std::net::{IpAddr, Ipv4Addr};
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
use crate::world::{WorldError, addresses, known};

/// Answers of one target that are kept between two steps; further ones are only counted.
const MOST_ANSWERS: usize = 64;
/// From a failed attempt to open a socket to the next.
const REOPEN: Duration = Duration::from_secs(5);
/// A WAN that is silent for so long gets a new socket: its interface may be another one.
/// As often is a name looked up that has no address.
const RENEW: Duration = Duration::from_secs(30);
/// Keeps the place of a target that has no address: it is asked nothing and does not answer.
const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

type Opened = Result<(Vec<Option<IpAddr>>, Box<dyn Transport>), WorldError>;

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

    /// Opens a socket when there is none, and a new one when nothing has answered for long or a
    /// target has no address yet.
    fn look_after(&mut self, now: Timestamp) {
        let Some(config) = &self.config else {
            return;
        };
        if self.opening.as_ref().is_some_and(JoinHandle::is_finished) {
            self.opened(now);
            return;
        }
        let wanted = match &self.link {
            Some(link) => link.lacks_addresses() || self.is_silent(now),
            None => true,
        };
        if self.opening.is_none() && now >= self.open_at && wanted {
            self.open_at = now + RENEW;
            let (world, config) = (Arc::clone(&self.world), config.clone());
            let (wan, first) = (self.wan.clone(), self.link.is_none());
            self.opening = Some(tokio::spawn(async move {
                let found = world.resolve(&config).await;
                let targets = addresses(&config.reflectors, found, |host, error| {
                    if first {
                        warn!(%wan, host, error = %chain(error), "this target has no address now and does not answer; it is looked up again");
                    }
                })?;
                let transport = world.transport(&config, &known(&targets))?;
                Ok((targets, transport))
            }));
        }
    }

    fn is_silent(&self, now: Timestamp) -> bool {
        let silent = |meter: &Meter| now.saturating_since(meter.heard) >= RENEW;
        self.meters.iter().all(silent)
    }

    /// Takes what the task has opened; it has finished, so nothing waits.
    fn opened(&mut self, now: Timestamp) {
        let Some(mut task) = self.opening.take() else {
            return;
        };
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let outcome = match std::pin::Pin::new(&mut task).poll(&mut cx) {
            Poll::Ready(Ok(outcome)) => outcome.and_then(|opened| self.link(now, opened)),
            Poll::Ready(Err(_)) | Poll::Pending => return,
        };
        match outcome {
            Ok(link) => {
                if std::mem::take(&mut self.failing) {
                    info!(wan = %self.wan, "can be probed again");
                }
                self.link = link.or_else(|| self.link.take());
            }
            Err(error) => {
                self.open_at = now + REOPEN;
                if !std::mem::replace(&mut self.failing, true) {
                    warn!(wan = %self.wan, error = %chain(&error), "cannot be probed; tried again");
                }
            }
        }
    }

    /// A target that has no address now keeps the one it had. `None` when others answer and no
    /// lacking address was found: what there is may stay.
    fn link(
        &self,
        now: Timestamp,
        (targets, transport): (Vec<Option<IpAddr>>, Box<dyn Transport>),
    ) -> Result<Option<Link>, WorldError> {
        let Some(config) = &self.config else {
            return Err(WorldError::Other("it is not probed".into()));
        };
        let old = |place: usize| {
            let link = self.link.as_ref()?;
            link.rounds.targets().get(place).copied()
        };
        let mut found = false;
        let place = |(place, new): (usize, Option<IpAddr>)| {
            let old = old(place).unwrap_or(NOWHERE);
            found |= old.is_unspecified() && new.is_some();
            new.unwrap_or(old)
        };
        let targets: Vec<_> = targets.into_iter().enumerate().map(place).collect();
        if self.link.is_some() && !found && !self.is_silent(now) {
            return Ok(None);
        }
        let schedule = RoundsConfig {
            interval: config.interval,
            timeout: config.timeout,
            quorum: targets.len().max(1),
        };
        let rounds = Rounds::new(schedule, targets, self.seed)?;
        Ok(Some(Link { transport, rounds }))
    }
}

impl Link {
    fn lacks_addresses(&self) -> bool {
        self.rounds.targets().iter().any(IpAddr::is_unspecified)
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    use async_trait::async_trait;
    use wanctl_config::SteerWan;
    use wanctl_probe::EchoRequest;
    use wanctl_router::{RouterOsConfig, SteeringRouter};

    use super::*;
    use crate::shaper::{NoFeed, ShaperFeed};

    type Asked = Arc<Mutex<Vec<IpAddr>>>;

    /// Knows the second target at once and the first one later.
    #[derive(Default)]
    struct Names {
        known: AtomicBool,
        opened: Mutex<u32>,
        asked: Asked,
    }

    struct Echo {
        asked: Asked,
        replies: Vec<Received>,
    }

    impl Transport for Echo {
        fn send(&mut self, request: &EchoRequest) -> Result<(), wanctl_probe::Error> {
            self.asked.lock().unwrap().push(request.target);
            self.replies.push(Received {
                source: request.target,
                sequence: request.sequence,
                nonce: request.nonce,
                sent_at: request.sent_at,
                waited: Duration::ZERO,
            });
            Ok(())
        }

        fn poll_receive(
            &mut self,
            _cx: &mut Context<'_>,
        ) -> Poll<Result<Received, wanctl_probe::Error>> {
            let reply = self.replies.pop();
            reply.map_or(Poll::Pending, |reply| Poll::Ready(Ok(reply)))
        }
    }

    #[async_trait]
    impl SteerWorld for Names {
        async fn resolve(&self, _config: &ProbeConfig) -> Vec<Result<IpAddr, WorldError>> {
            let first = if self.known.load(Ordering::Relaxed) {
                Ok(address(1))
            } else {
                Err(WorldError::Other("no such name".into()))
            };
            vec![first, Ok(address(2))]
        }

        fn transport(
            &self,
            _config: &ProbeConfig,
            _targets: &[IpAddr],
        ) -> Result<Box<dyn Transport>, WorldError> {
            *self.opened.lock().unwrap() += 1;
            Ok(Box::new(Echo {
                asked: Arc::clone(&self.asked),
                replies: Vec::new(),
            }))
        }

        fn router(&self, _config: &RouterOsConfig) -> Result<Arc<dyn SteeringRouter>, WorldError> {
            Err(WorldError::Other("no router".into()))
        }

        fn shaper(&self, _clock: &Clock, _wan: &SteerWan) -> Box<dyn ShaperFeed> {
            Box::new(NoFeed)
        }
    }

    fn address(host: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, host))
    }

    /// A minute of rounds; whom they asked, and who answered in the last of them.
    async fn minute(path: &mut PathProbe, clock: &Clock, asked: &Asked) -> [bool; 2] {
        for _ in 0..240 {
            tokio::time::sleep(Duration::from_millis(250)).await;
            path.tick(clock, clock.now());
            let mut cx = Context::from_waker(std::task::Waker::noop());
            while let Poll::Ready(reply) = path.poll(&mut cx) {
                path.accept(clock, &reply);
            }
        }
        let asked = std::mem::take(&mut *asked.lock().unwrap());
        assert!(!asked.contains(&NOWHERE));
        [1, 2].map(|host| asked.contains(&address(host)))
    }

    #[tokio::test(start_paused = true)]
    async fn a_target_without_an_address_keeps_the_others_neither_waiting_nor_from_answering() {
        let clock = Clock::system();
        let names = Arc::new(Names::default());
        let hosts = vec!["one.example".to_owned(), "192.0.2.2".to_owned()];
        let mut config = ProbeConfig::new(hosts);
        config.interval = Duration::from_millis(250);
        let world = Arc::clone(&names) as Arc<dyn SteerWorld>;
        let wan = WanName::new("cable").unwrap();
        let mut path = PathProbe::new(wan, Some(config), 2, world, clock.now(), 7);

        let asked = minute(&mut path, &clock, &names.asked).await;
        assert_eq!(asked, [false, true]);
        let seen = path.observe(clock.now());
        let silent: Vec<_> = seen
            .targets
            .iter()
            .map(|target| target.answered == 0)
            .collect();
        assert_eq!(silent, [true, false], "{seen:?}");
        let first = path.link.as_ref().map(|link| link.rounds.stats().rounds);
        assert!(
            first > Some(200),
            "a look-up in vain replaced the socket: {first:?}"
        );

        names.known.store(true, Ordering::Relaxed);
        let _looked_up = minute(&mut path, &clock, &names.asked).await;
        let opened = *names.opened.lock().unwrap();
        let asked = minute(&mut path, &clock, &names.asked).await;
        assert_eq!(asked, [true, true]);
        let seen = path.observe(clock.now());
        assert!(
            seen.targets.iter().all(|target| target.answered > 0),
            "{seen:?}"
        );
        let after = *names.opened.lock().unwrap();
        assert_eq!(after, opened, "all is known and answers: nothing to open");
    }
}
