//! Probes that left together, until they are answered or waited for no longer.

use std::collections::VecDeque;
use std::time::Duration;

use wanctl_types::Timestamp;

use super::observe::Answers;
use crate::bench::ProbeReply;

/// When a round closes: complete, at a quorum and one interval, or at the timeout.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closing {
    /// Reflectors that are asked.
    pub(super) reflectors: usize,
    /// Time between two rounds.
    pub(super) interval: Duration,
    /// How long an answer may take.
    pub(super) timeout: Duration,
    /// Answers after which the rest have one interval more.
    pub(super) quorum: usize,
}

/// Sorts answers into rounds by the time their probes left. A round that nobody answers is never
/// known of.
#[derive(Clone, Debug)]
pub(super) struct Rounds {
    closing: Closing,
    /// By the time of opening.
    open: VecDeque<Round>,
    newest_collected: Option<Timestamp>,
}

#[derive(Clone, Debug)]
struct Round {
    opened_at: Timestamp,
    answers: Answers,
    answered: usize,
    quorate_since: Option<Timestamp>,
    settled_at: Timestamp,
    collected: bool,
}

impl Rounds {
    pub(super) fn new(closing: Closing) -> Self {
        Self {
            closing,
            open: VecDeque::new(),
            newest_collected: None,
        }
    }

    /// Takes answers in, in the order of their arrival.
    pub(super) fn take(&mut self, replies: &[ProbeReply]) {
        for reply in replies {
            let closing = self.closing;
            if let Some(round) = self.round(reply.sent_at) {
                round.take(reply, closing);
            }
        }
    }

    /// The answers of the next round that is over at `now`, the oldest first. One that a newer one
    /// with answers has overtaken is dropped.
    pub(super) fn poll(&mut self, now: Timestamp) -> Option<Answers> {
        self.forget(now);
        let closing = self.closing;
        loop {
            let over = |round: &&mut Round| !round.collected && round.closes_at(closing) <= now;
            let round = self.open.iter_mut().find(over)?;
            round.collected = true;
            let opened_at = round.opened_at;
            let stale = self
                .newest_collected
                .is_some_and(|newest| opened_at < newest);
            if !stale {
                self.newest_collected = Some(opened_at);
                return Some(round.answers);
            }
        }
    }

    /// The round that a probe belongs to, opened now if it is the first known of it.
    fn round(&mut self, sent_at: Timestamp) -> Option<&mut Round> {
        let half = self.closing.interval / 2;
        let together = |round: &Round| {
            let (a, b) = (round.opened_at, sent_at);
            a.saturating_since(b).max(b.saturating_since(a)) < half
        };
        let place = match self.open.iter().position(together) {
            Some(place) => place,
            None => self.insert(sent_at),
        };
        self.open.get_mut(place)
    }

    fn insert(&mut self, opened_at: Timestamp) -> usize {
        let place = self
            .open
            .partition_point(|round| round.opened_at < opened_at);
        self.open.insert(place, Round::new(opened_at));
        place
    }

    /// Collected rounds stay until no late answer can come.
    fn forget(&mut self, now: Timestamp) {
        let timeout = self.closing.timeout;
        while let Some(round) = self.open.front() {
            if !round.collected || round.opened_at + timeout * 2 > now {
                return;
            }
            self.open.pop_front();
        }
    }
}

impl Round {
    fn new(opened_at: Timestamp) -> Self {
        Self {
            opened_at,
            answers: Answers::default(),
            answered: 0,
            quorate_since: None,
            settled_at: opened_at,
            collected: false,
        }
    }

    fn take(&mut self, reply: &ProbeReply, closing: Closing) {
        let Some(answer) = self.answers.get_mut(reply.reflector) else {
            return;
        };
        if answer.replace(*reply).is_some() {
            return;
        }
        self.answered += 1;
        self.settled_at = self.settled_at.max(reply.received_at);
        if self.answered >= closing.quorum {
            self.quorate_since.get_or_insert(reply.received_at);
        }
    }

    fn closes_at(&self, closing: Closing) -> Timestamp {
        let deadline = self.opened_at + closing.timeout;
        if self.answered >= closing.reflectors {
            return self.settled_at;
        }
        match self.quorate_since {
            Some(since) => deadline.min(since + closing.interval),
            None => deadline,
        }
    }
}
