//! The schedule of probing and the table of what is outstanding, on virtual time.
//!
//! # Theory
//!
//! Every interval one *round* is opened: one echo request per reflector. A new round does not
//! wait for an older one, so a reflector that is slow or silent never slows the others down.
//!
//! ```text
//!              all settled ────────────────► Complete
//!  open ─────► quorum, then one interval ──► Quorum      ──► late answers are still matched,
//!              timeout ────────────────────► Timeout         until the timeout of the round
//! ```
//!
//! The grace of one interval after the quorum exists because answers spread: closing at the
//! quorum itself would always cut off the farthest reflector; waiting for the timeout would
//! deliver a sample that is a second old whenever one packet is lost.
//!
//! A lost packet can therefore keep a round open while newer ones close. Such a round is
//! delivered as [`stale`](ClosedRound::stale): its losses count, its answers must not move
//! control, which has already acted on fresher ones.
//!
//! # Memory
//!
//! The table is a ring of the latest `timeout / interval` rounds and a few more, allocated once.
//! Rounds stay in it after they have closed, so that an answer that comes too late or twice is
//! told from one that was never asked for.

mod flight;
mod nonce;
mod outcome;
mod stats;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use arrayvec::ArrayVec;
use wanctl_types::Timestamp;

use crate::{EchoRequest, Error, Received};
use flight::Flight;
use nonce::SplitMix64;

pub use outcome::{Answer, Closed, ClosedRound, Rejected, RoundId, Sample, Wake};
pub use stats::RoundsStats;

/// How many reflectors one WAN may have.
pub const MAX_TARGETS: usize = 8;

/// How many intervals may fit into the timeout. Keeps every outstanding sequence number unique:
/// eight targets use less than a sixth of the 65,536 numbers there are.
pub const MAX_ROUNDS: usize = 1_024;

/// Rounds kept beyond `timeout / interval`: room for ticks that come late, then early.
const SLACK: usize = 4;

/// When rounds open and close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundsConfig {
    /// Time from one round to the next, and the grace after a quorum; 1 µs or more.
    pub interval: Duration,
    /// How long an answer may take before its probe is given up as lost; 1 µs or more.
    pub timeout: Duration,
    /// Answers that close a round early; 1 or more. Above the number of targets it never does.
    pub quorum: usize,
}

/// Opens rounds, matches their answers, closes them. Reads no clock and does no I/O.
#[derive(Clone, Debug)]
pub struct Rounds {
    config: RoundsConfig,
    targets: Targets,
    nonces: SplitMix64,
    next_sequence: u16,
    next_round: RoundId,
    /// Oldest first; never grows beyond `slots`.
    flights: VecDeque<Flight>,
    slots: usize,
    /// Rounds pushed out of the ring before anybody collected them, oldest first.
    superseded: VecDeque<ClosedRound>,
    newest_collected: Option<RoundId>,
    losses: [u32; MAX_TARGETS],
    stats: RoundsStats,
}

type Targets = ArrayVec<IpAddr, MAX_TARGETS>;

impl Rounds {
    /// Probes these targets, in this order; `seed` decides the nonces and the first sequence
    /// number, and should be unpredictable outside tests.
    ///
    /// An unspecified address (`0.0.0.0`, `::`) keeps the place of a reflector whose address is not
    /// known: it is asked nothing and has no answer in any round, and no round waits for it.
    ///
    /// # Errors
    ///
    /// A configuration that makes no schedule, no target that can be asked, or more than
    /// [`MAX_TARGETS`] places.
    pub fn new(config: RoundsConfig, targets: Vec<IpAddr>, seed: u64) -> Result<Self, Error> {
        let slots = slots(config)?;
        let mut nonces = SplitMix64::new(seed);
        Ok(Self {
            config,
            targets: check_targets(targets)?,
            next_sequence: nonces.next_u16(),
            nonces,
            next_round: RoundId::default(),
            flights: VecDeque::with_capacity(slots),
            slots,
            superseded: VecDeque::with_capacity(slots),
            newest_collected: None,
            losses: [0; MAX_TARGETS],
            stats: RoundsStats::default(),
        })
    }

    /// Opens a round at `now`, whatever is still outstanding; returns the requests to send, in
    /// the order of the targets that can be asked. When rounds are opened so much faster than configured that the table is
    /// full, the oldest one closes as [`Closed::Superseded`].
    pub fn open_round(&mut self, now: Timestamp) -> ArrayVec<EchoRequest, MAX_TARGETS> {
        self.make_room();
        let mut requests = self.requests(now);
        self.flights
            .push_back(Flight::new(self.next_round, now, requests.clone()));
        requests.retain(|request| !request.target.is_unspecified());
        self.stats.rounds += 1;
        self.stats.sent += requests.len() as u64;
        self.next_round = self.next_round.next();
        requests
    }

    /// Notes that a request leaves only at `now`, because others left before it, and returns it
    /// with that send time: to be sent in place of the one given. Its round still closes as if all
    /// had left when it opened. A request that is not outstanding is returned as it is.
    #[must_use = "this is the request to send"]
    pub fn restamp(&mut self, request: &EchoRequest, now: Timestamp) -> EchoRequest {
        find(&mut self.flights, request.sequence)
            .and_then(|(flight, index)| flight.restamp(index, request, now))
            .unwrap_or(*request)
    }

    /// Settles a request that could not be sent: that probe is lost at once.
    pub fn handle_send_failure(&mut self, request: &EchoRequest, now: Timestamp) {
        let timeout = self.config.timeout;
        let lost = find(&mut self.flights, request.sequence)
            .and_then(|(flight, index)| flight.fail(index, request, now, timeout));
        if let Some(reflector) = lost {
            self.stats.send_failures += 1;
            count_losses(&mut self.losses, &mut self.stats, [reflector]);
        }
    }

    /// Matches a reply. `received_at` is when the kernel got it, on the clock of
    /// [`open_round`](Self::open_round).
    ///
    /// The round-trip time is measured from the send time kept here, never from the one that
    /// the reply repeats; it lies between zero and the timeout.
    ///
    /// # Errors
    ///
    /// Why the reply is no sample. Nothing changes then but the count of such replies.
    pub fn handle_reply(
        &mut self,
        reply: &Received,
        received_at: Timestamp,
    ) -> Result<Sample, Rejected> {
        let matched = self.match_reply(reply, received_at);
        match &matched {
            Ok(sample) => self.stats.count_answer(sample.late),
            Err(kind) => self.stats.count_rejected(*kind),
        }
        matched
    }

    /// When [`poll_closed`](Self::poll_closed) must be called next, and why; `None` when
    /// nothing is outstanding. May lie in the past.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Timestamp, Wake)> {
        let superseded = self
            .superseded
            .front()
            .map(|round| (round.opened_at, Wake::Close(round.cause)));
        superseded
            .into_iter()
            .chain(self.wakes())
            .min_by_key(|(at, _)| *at)
    }

    /// The next round closed at `now`, oldest first. Call until `None`.
    pub fn poll_closed(&mut self, now: Timestamp) -> Option<ClosedRound> {
        self.give_up_late_answers(now);
        let mut round = match self.superseded.pop_front() {
            Some(round) => round,
            None => self.collect(now)?,
        };
        round.stale = self
            .newest_collected
            .is_some_and(|newest| round.id < newest);
        // A round without answers brings no news that an older one's answers could be behind.
        if round.answers.iter().any(Option::is_some) {
            self.newest_collected = self.newest_collected.max(Some(round.id));
        }
        self.stats.count_closed(&round);
        Some(round)
    }

    /// How many probes to this reflector are neither answered nor given up.
    #[must_use]
    pub fn outstanding(&self, reflector: usize) -> u32 {
        let waiting = self
            .flights
            .iter()
            .filter(|flight| flight.awaits(reflector));
        u32::try_from(waiting.count()).unwrap_or(u32::MAX)
    }

    /// How long the oldest probe to this reflector has been on its way, at `now`, that left after
    /// every answered one; `None` when there is none. Its round trip will be at least as long.
    /// Probes given up as lost are not on their way any more.
    #[must_use]
    pub fn overdue(&self, reflector: usize, now: Timestamp) -> Option<Duration> {
        let newest_first = self.flights.iter().rev();
        newest_first
            .take_while(|flight| !flight.has_answer_from(reflector))
            .filter_map(|flight| flight.awaited_since(reflector))
            .last()
            .map(|sent_at| now.saturating_since(sent_at))
    }

    /// Losses per reflector since they were last taken: no answer within the timeout, or the
    /// request could not be sent.
    pub fn take_losses(&mut self) -> ArrayVec<u32, MAX_TARGETS> {
        let taken = self.losses.into_iter().take(self.targets.len()).collect();
        self.losses = [0; MAX_TARGETS];
        taken
    }

    /// Counters since the start.
    #[must_use]
    pub const fn stats(&self) -> &RoundsStats {
        &self.stats
    }

    /// The targets of the next round, in order.
    #[must_use]
    pub fn targets(&self) -> &[IpAddr] {
        &self.targets
    }

    /// Probes these targets from the next round on. A reflector is known by its place in the
    /// list: the new address at a place continues its counts. Rounds in flight keep theirs.
    ///
    /// # Errors
    ///
    /// No target that can be asked, or more than [`MAX_TARGETS`]; the old targets stay then.
    pub fn retarget(&mut self, targets: Vec<IpAddr>) -> Result<(), Error> {
        self.targets = check_targets(targets)?;
        Ok(())
    }

    fn requests(&mut self, now: Timestamp) -> ArrayVec<EchoRequest, MAX_TARGETS> {
        let Self {
            targets,
            nonces,
            next_sequence,
            ..
        } = self;
        let request = |target: &IpAddr| {
            let sequence = *next_sequence;
            *next_sequence = sequence.wrapping_add(1);
            EchoRequest {
                target: *target,
                sequence,
                nonce: nonces.next_u64(),
                sent_at: now,
            }
        };
        targets.iter().map(request).collect()
    }

    fn make_room(&mut self) {
        if self.flights.len() < self.slots {
            return;
        }
        let Some(mut oldest) = self.flights.pop_front() else {
            return;
        };
        count_losses(&mut self.losses, &mut self.stats, oldest.give_up());
        let Some(round) = oldest.close(Closed::Superseded) else {
            return;
        };
        if self.superseded.len() == self.slots {
            self.superseded.pop_front();
            self.stats.uncollected += 1;
        }
        self.superseded.push_back(round);
    }

    fn match_reply(&mut self, reply: &Received, at: Timestamp) -> Result<Sample, Rejected> {
        match find(&mut self.flights, reply.sequence) {
            Some((flight, index)) if flight.asked(index, reply.source) => {
                flight.answer(index, reply, at, self.config)
            }
            Some(_) | None if self.targets.contains(&reply.source) => {
                Err(Rejected::UnknownSequence)
            }
            Some(_) | None => Err(Rejected::UnknownSource),
        }
    }

    fn wakes(&self) -> impl Iterator<Item = (Timestamp, Wake)> {
        self.flights
            .iter()
            .filter_map(|flight| flight.wake(self.config))
    }

    /// Late answers to collected rounds are waited for no longer.
    fn give_up_late_answers(&mut self, now: Timestamp) {
        let timeout = self.config.timeout;
        let Self {
            flights,
            losses,
            stats,
            ..
        } = self;
        for flight in flights {
            if flight.is_collected() && now >= flight.deadline(timeout) {
                count_losses(losses, stats, flight.give_up());
            }
        }
    }

    fn collect(&mut self, now: Timestamp) -> Option<ClosedRound> {
        let config = self.config;
        let due = |flight: &Flight| flight.closing(config).filter(|(at, _)| *at <= now);
        let (flight, (_, cause)) = self
            .flights
            .iter_mut()
            .find_map(|flight| due(flight).map(|closing| (flight, closing)))?;
        let round = flight.close(cause);
        let past_deadline = now >= flight.deadline(config.timeout);
        let lost = if past_deadline {
            flight.give_up()
        } else {
            ArrayVec::new()
        };
        count_losses(&mut self.losses, &mut self.stats, lost);
        round
    }
}

fn count_losses(
    losses: &mut [u32; MAX_TARGETS],
    stats: &mut RoundsStats,
    reflectors: impl IntoIterator<Item = usize>,
) {
    for reflector in reflectors {
        stats.lost += 1;
        if let Some(count) = losses.get_mut(reflector) {
            *count = count.saturating_add(1);
        }
    }
}

/// The round and the place in it that a sequence number was used for last.
fn find(flights: &mut VecDeque<Flight>, sequence: u16) -> Option<(&mut Flight, usize)> {
    flights
        .iter_mut()
        .rev()
        .find_map(|flight| flight.index_of(sequence).map(|index| (flight, index)))
}

fn check_targets(targets: Vec<IpAddr>) -> Result<Targets, Error> {
    let known = targets.iter().any(|target| !target.is_unspecified());
    match targets.len() {
        1..=MAX_TARGETS if known => Ok(targets.into_iter().collect()),
        1..=MAX_TARGETS => Err(Error::Targets { count: 0 }),
        count => Err(Error::Targets { count }),
    }
}

/// How many rounds the table holds.
fn slots(config: RoundsConfig) -> Result<usize, Error> {
    let RoundsConfig {
        interval,
        timeout,
        quorum,
    } = config;
    if quorum == 0 {
        return Err(Error::Quorum);
    }
    let in_flight = match (interval.as_micros(), timeout.as_micros()) {
        (0, _) | (_, 0) => None,
        (interval, timeout) => usize::try_from(timeout.div_ceil(interval)).ok(),
    };
    match in_flight {
        Some(rounds) if rounds <= MAX_ROUNDS => Ok(rounds + SLACK),
        Some(_) | None => Err(Error::Schedule { interval, timeout }),
    }
}
