//! The probes of one WAN: schedule, socket and what came of them.

use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::task::Poll;

use tracing::debug;
use wanctl_controller::{Observation, ReflectorObservation};
use wanctl_probe::{ClosedRound, Received, RoundId, Rounds, RoundsStats, Transport};
use wanctl_telemetry::ReflectorSnapshot;
use wanctl_types::{Millis, Timestamp};

use crate::chain::chain;
use crate::clock::Clock;
use crate::ports::Refreshed;
use crate::ticker::Ticker;

/// Answers that are taken in one go: a second of eight reflectors, and some.
const MOST_WAITING: usize = 256;

/// A target of rounds: the address, or what keeps the place of one that is not known.
pub(super) fn place_of(address: Option<IpAddr>) -> IpAddr {
    address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

/// Sends rounds on absolute deadlines and turns closed ones into observations.
pub(crate) struct Probing {
    transport: Box<dyn Transport>,
    rounds: Rounds,
    ticker: Ticker,
    reflectors: Vec<ReflectorSnapshot>,
    /// Which of the configured reflectors these are.
    places: Range<usize>,
    /// Per reflector, the answer to the newest probe answered since a tick looked last.
    fresh: Vec<Option<Fresh>>,
    /// While receiving fails, the next attempt.
    muted_until: Option<Timestamp>,
}

/// An answer that no tick has looked at yet.
#[derive(Clone, Copy, Debug)]
struct Fresh {
    round: RoundId,
    rtt: Millis,
    received_at: Timestamp,
}

impl Probing {
    /// `hosts` are the reflectors as configured; `places` are those of them that `rounds` probes.
    pub(crate) fn new(
        transport: Box<dyn Transport>,
        rounds: Rounds,
        ticker: Ticker,
        hosts: &[String],
        places: Range<usize>,
    ) -> Self {
        let probed = hosts.get(places.clone()).unwrap_or_default();
        let reflectors: Vec<_> = probed
            .iter()
            .map(|host| ReflectorSnapshot {
                host: host.clone(),
                rtt: None,
                last_answer: None,
                sent: 0,
                lost: 0,
            })
            .collect();
        Self {
            transport,
            rounds,
            ticker,
            fresh: vec![None; reflectors.len()],
            reflectors,
            places,
            muted_until: None,
        }
    }

    /// Whether a round is to be opened.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        now >= self.ticker.deadline()
    }

    /// Opens a round if one is due.
    pub(crate) fn tick(&mut self, clock: &Clock, now: Timestamp) {
        if !self.ticker.take(now) {
            return;
        }
        let requests = self.rounds.open_round(now);
        let askable = self.rounds.targets().iter().zip(&mut self.reflectors);
        let asked = askable.filter(|(target, _)| !target.is_unspecified());
        asked.for_each(|(_, reflector)| reflector.sent += 1);
        for request in &requests {
            let request = self.rounds.restamp(request, clock.now());
            if let Err(error) = self.transport.send(&request) {
                debug!(error = %chain(&error), "a probe was not sent");
                self.rounds.handle_send_failure(&request, now);
            }
        }
    }

    /// When the loop must look again: for the next round, or for one that closes.
    pub(crate) fn next_deadline(&self) -> Timestamp {
        let tick = self.ticker.deadline();
        let close = self.rounds.poll_timeout();
        close.map_or(tick, |(at, _)| at.min(tick))
    }

    /// The next packet that claims to be an answer. Waits for ever while receiving has just
    /// failed, so that a broken socket does not make the loop spin.
    pub(crate) async fn receive(
        &mut self,
        now: Timestamp,
    ) -> Result<Received, wanctl_probe::Error> {
        if self.muted_until.is_some_and(|until| now < until) {
            return std::future::pending().await;
        }
        poll_fn(|cx| self.transport.poll_receive(cx)).await
    }

    /// Matches every answer that is already here: after a stall a round must not close over the
    /// heads of answers that came in time. Whatever fails here fails again when it is waited for.
    pub(crate) async fn accept_waiting(&mut self, clock: &Clock) {
        for _ in 0..MOST_WAITING {
            let polled = poll_fn(|cx| Poll::Ready(self.transport.poll_receive(cx))).await;
            match polled {
                Poll::Ready(Ok(reply)) => self.accept(clock, &reply),
                Poll::Ready(Err(_)) | Poll::Pending => return,
            }
        }
    }

    /// Matches an answer to its probe. One that matches none changes nothing.
    pub(crate) fn accept(&mut self, clock: &Clock, reply: &Received) {
        self.muted_until = None;
        let received_at = clock.ago(reply.waited);
        match self.rounds.handle_reply(reply, received_at) {
            Ok(sample) => {
                if let Some(reflector) = self.reflectors.get_mut(sample.reflector) {
                    reflector.rtt = Some(sample.rtt);
                    reflector.last_answer = Some(received_at);
                }
                self.keep_newest(
                    sample.reflector,
                    Fresh {
                        round: sample.round,
                        rtt: sample.rtt,
                        received_at,
                    },
                );
            }
            Err(rejected) => debug!(source = %reply.source, ?rejected, "reply ignored"),
        }
    }

    fn keep_newest(&mut self, reflector: usize, answer: Fresh) {
        if let Some(fresh) = self.fresh.get_mut(reflector)
            && fresh.is_none_or(|older| older.round <= answer.round)
        {
            *fresh = Some(answer);
        }
    }

    /// Receiving failed: the next attempt is made with the next round. True when it had not
    /// failed before.
    pub(crate) fn mute(&mut self) -> bool {
        let until = self.ticker.deadline();
        self.muted_until.replace(until).is_none()
    }

    /// Whether some reflector's address is not known yet.
    pub(crate) fn lacks_addresses(&self) -> bool {
        self.rounds.targets().iter().any(IpAddr::is_unspecified)
    }

    /// Goes on with new addresses and a new socket. What is outstanding is lost. A reflector that
    /// has no address now keeps the one it had.
    ///
    /// While others answer, only an address that was lacking is worth that. False when all stays
    /// as it was.
    ///
    /// # Errors
    ///
    /// No address; nothing changes then.
    pub(crate) fn renew(
        &mut self,
        renewed: Refreshed,
        silent: bool,
    ) -> Result<bool, wanctl_probe::Error> {
        let fresh = renewed.targets.get(self.places.clone()).unwrap_or_default();
        let old = self.rounds.targets().iter();
        let places = old.zip(fresh);
        let found = places
            .clone()
            .any(|(old, new)| old.is_unspecified() && new.is_some());
        if !silent && !found {
            return Ok(false);
        }
        let targets = places.map(|(old, new)| new.unwrap_or(*old)).collect();
        self.rounds.retarget(targets)?;
        self.transport = renewed.transport;
        self.muted_until = None;
        Ok(true)
    }

    /// The next round that is over.
    pub(crate) fn poll_closed(&mut self, now: Timestamp) -> Option<ClosedRound> {
        self.rounds.poll_closed(now)
    }

    /// What a closed round says.
    pub(crate) fn observe(&mut self, now: Timestamp, round: &ClosedRound) -> Observation {
        let mut observation = self.observe_silence();
        for (seen, answer) in observation.reflectors.iter_mut().zip(&round.answers) {
            if let Some(answer) = answer {
                seen.rtt = Some(answer.rtt);
                seen.age = now.saturating_since(answer.received_at);
            }
        }
        observation
    }

    /// What a tick sees: of each reflector the newest answer since the last tick, if there was
    /// one, and how long the probes sent since then have been on their way.
    pub(crate) fn observe_tick(&mut self, now: Timestamp) -> Observation {
        let mut observation = self.observe_silence();
        let seen = observation.reflectors.iter_mut();
        for ((index, seen), fresh) in seen.enumerate().zip(&mut self.fresh) {
            seen.overdue = self.rounds.overdue(index, now);
            if let Some(answer) = fresh.take() {
                seen.rtt = Some(answer.rtt);
                seen.age = now.saturating_since(answer.received_at);
            }
        }
        observation
    }

    /// Losses and probes on their way, without an answer.
    pub(crate) fn observe_silence(&mut self) -> Observation {
        let mut observation = Observation::default();
        let losses = self.rounds.take_losses();
        for ((index, reflector), lost) in self.reflectors.iter_mut().enumerate().zip(losses) {
            reflector.lost += u64::from(lost);
            let seen = ReflectorObservation {
                lost,
                outstanding: self.rounds.outstanding(index),
                ..ReflectorObservation::default()
            };
            if observation.reflectors.try_push(seen).is_err() {
                break;
            }
        }
        observation
    }

    /// Ticks skipped since the start.
    pub(crate) fn missed_ticks(&self) -> u64 {
        self.ticker.missed()
    }

    /// Counters of probes, replies and rounds.
    pub(crate) fn stats(&self) -> &RoundsStats {
        self.rounds.stats()
    }

    /// What each reflector does.
    pub(crate) fn reflectors(&self) -> &[ReflectorSnapshot] {
        &self.reflectors
    }
}
