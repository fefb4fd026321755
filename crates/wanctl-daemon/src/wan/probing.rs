//! The probes of one WAN: schedule, socket and what came of them.

use std::future::poll_fn;

use tracing::debug;
use wanctl_controller::{Observation, ReflectorObservation};
use wanctl_probe::{ClosedRound, Received, Rounds, RoundsStats, Transport};
use wanctl_telemetry::ReflectorSnapshot;
use wanctl_types::Timestamp;

use crate::chain::chain;
use crate::clock::Clock;
use crate::ticker::Ticker;

/// Sends rounds on absolute deadlines and turns closed ones into observations.
pub(crate) struct Probing {
    transport: Box<dyn Transport>,
    rounds: Rounds,
    ticker: Ticker,
    reflectors: Vec<ReflectorSnapshot>,
    receive_failures: u64,
}

impl Probing {
    /// `hosts` are the reflectors as configured, one per target of `rounds`.
    pub(crate) fn new(
        transport: Box<dyn Transport>,
        rounds: Rounds,
        ticker: Ticker,
        hosts: &[String],
    ) -> Self {
        let reflectors = hosts
            .iter()
            .zip(rounds.targets())
            .map(|(host, _)| ReflectorSnapshot {
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
            reflectors,
            receive_failures: 0,
        }
    }

    /// Opens a round if one is due.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        if !self.ticker.take(now) {
            return;
        }
        let requests = self.rounds.open_round(now);
        for (request, reflector) in requests.iter().zip(&mut self.reflectors) {
            reflector.sent += 1;
            if let Err(error) = self.transport.send(request) {
                debug!(error = %chain(&error), "a probe was not sent");
                self.rounds.handle_send_failure(request, now);
            }
        }
    }

    /// When the loop must look again: for the next round, or for one that closes.
    pub(crate) fn next_deadline(&self) -> Timestamp {
        let tick = self.ticker.deadline();
        let close = self.rounds.poll_timeout();
        close.map_or(tick, |(at, _)| at.min(tick))
    }

    /// The next packet that claims to be an answer.
    pub(crate) async fn receive(&mut self) -> Result<Received, wanctl_probe::Error> {
        poll_fn(|cx| self.transport.poll_receive(cx)).await
    }

    /// Matches an answer to its probe. One that matches none changes nothing.
    pub(crate) fn accept(&mut self, clock: &Clock, reply: &Received) {
        let received_at = clock.ago(reply.waited);
        match self.rounds.handle_reply(reply, received_at) {
            Ok(sample) => {
                if let Some(reflector) = self.reflectors.get_mut(sample.reflector) {
                    reflector.rtt = Some(sample.rtt);
                    reflector.last_answer = Some(received_at);
                }
            }
            Err(rejected) => debug!(source = %reply.source, ?rejected, "reply ignored"),
        }
    }

    /// Returns how often receiving has failed so far.
    pub(crate) fn count_receive_failure(&mut self) -> u64 {
        self.receive_failures += 1;
        self.receive_failures
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
