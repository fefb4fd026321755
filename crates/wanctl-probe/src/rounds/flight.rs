//! One round from its requests to its end.

use std::net::IpAddr;
use std::time::Duration;

use arrayvec::ArrayVec;
use wanctl_types::{Millis, Timestamp};

use super::outcome::{Answer, Closed, ClosedRound, Rejected, RoundId, Sample, Wake};
use super::{MAX_TARGETS, RoundsConfig};
use crate::{EchoRequest, Received};

#[derive(Clone, Debug)]
pub(super) struct Flight {
    id: RoundId,
    opened_at: Timestamp,
    stage: Stage,
    /// In target order, with consecutive sequence numbers.
    probes: ArrayVec<Probe, MAX_TARGETS>,
    /// When the latest probe was settled; the opening before any was.
    settled_at: Timestamp,
}

/// How far a round is from the caller's point of view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Fewer than a quorum have answered.
    Waiting,
    /// The answer that made the quorum came then.
    Quorate { since: Timestamp },
    /// Delivered; only late answers can come.
    Collected,
}

#[derive(Clone, Copy, Debug)]
struct Probe {
    request: EchoRequest,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Outstanding,
    Answered(Answer),
    Lost,
}

impl Flight {
    pub(super) fn new(
        id: RoundId,
        opened_at: Timestamp,
        requests: ArrayVec<EchoRequest, MAX_TARGETS>,
    ) -> Self {
        let probe = |request: EchoRequest| Probe {
            request,
            fate: if request.target.is_unspecified() {
                Fate::Lost
            } else {
                Fate::Outstanding
            },
        };
        Self {
            id,
            opened_at,
            stage: Stage::Waiting,
            probes: requests.into_iter().map(probe).collect(),
            settled_at: opened_at,
        }
    }

    /// The place of the probe that has this sequence number.
    pub(super) fn index_of(&self, sequence: u16) -> Option<usize> {
        let first = self.probes.first()?.request.sequence;
        let index = usize::from(sequence.wrapping_sub(first));
        (index < self.probes.len()).then_some(index)
    }

    /// Whether the probe at this place went to `source`.
    pub(super) fn asked(&self, index: usize, source: IpAddr) -> bool {
        self.probes
            .get(index)
            .is_some_and(|probe| probe.request.target == source)
    }

    /// Whether the probe at this place is outstanding.
    pub(super) fn awaits(&self, index: usize) -> bool {
        self.probes.get(index).is_some_and(Probe::is_outstanding)
    }

    /// When the probe at this place left, if it is outstanding.
    pub(super) fn awaited_since(&self, index: usize) -> Option<Timestamp> {
        let probe = self.probes.get(index).filter(|p| p.is_outstanding())?;
        Some(probe.request.sent_at)
    }

    /// Whether the probe at this place was answered.
    pub(super) fn has_answer_from(&self, index: usize) -> bool {
        self.probes
            .get(index)
            .is_some_and(|probe| probe.answer().is_some())
    }

    pub(super) fn is_collected(&self) -> bool {
        self.stage == Stage::Collected
    }

    /// When the last answer may arrive.
    pub(super) fn deadline(&self, timeout: Duration) -> Timestamp {
        self.opened_at + timeout
    }

    /// When the round closes if nothing more arrives, and why; `None` once collected.
    pub(super) fn closing(&self, config: RoundsConfig) -> Option<(Timestamp, Closed)> {
        let deadline = self.deadline(config.timeout);
        let is_settled = !self.probes.iter().any(Probe::is_outstanding);
        match self.stage {
            Stage::Collected => None,
            Stage::Waiting | Stage::Quorate { .. } if is_settled => {
                Some((self.settled_at, Closed::Complete))
            }
            Stage::Quorate { since } if since + config.interval <= deadline => {
                Some((since + config.interval, Closed::Quorum))
            }
            Stage::Waiting | Stage::Quorate { .. } => Some((deadline, Closed::Timeout)),
        }
    }

    /// When this round must be looked at next, and why.
    pub(super) fn wake(&self, config: RoundsConfig) -> Option<(Timestamp, Wake)> {
        if let Some((at, cause)) = self.closing(config) {
            return Some((at, Wake::Close(cause)));
        }
        let waits = self.probes.iter().any(Probe::is_outstanding);
        waits.then(|| (self.deadline(config.timeout), Wake::GiveUp))
    }

    /// Moves the send time of the probe at this place, if it is this request, up to `now`.
    pub(super) fn restamp(
        &mut self,
        index: usize,
        request: &EchoRequest,
        now: Timestamp,
    ) -> Option<EchoRequest> {
        let probe = self.outstanding(index, request)?;
        probe.request.sent_at = request.sent_at.max(now);
        Some(probe.request)
    }

    /// Settles the probe at this place with a reply to it.
    pub(super) fn answer(
        &mut self,
        index: usize,
        reply: &Received,
        at: Timestamp,
        config: RoundsConfig,
    ) -> Result<Sample, Rejected> {
        let deadline = self.deadline(config.timeout);
        let probe = self
            .probes
            .get_mut(index)
            .ok_or(Rejected::UnknownSequence)?;
        let rtt = probe.check(reply, at, deadline)?;
        probe.fate = Fate::Answered(Answer {
            rtt,
            received_at: at,
        });
        self.settled_at = self.settled_at.max(at);
        self.note_quorum(config.quorum);
        Ok(Sample {
            reflector: index,
            rtt,
            round: self.id,
            late: self.is_collected(),
        })
    }

    /// Settles the probe at this place as lost, if it is this request; returns its place.
    pub(super) fn fail(
        &mut self,
        index: usize,
        request: &EchoRequest,
        now: Timestamp,
        timeout: Duration,
    ) -> Option<usize> {
        let settled_at = now.min(self.deadline(timeout));
        self.outstanding(index, request)?.fate = Fate::Lost;
        self.settled_at = self.settled_at.max(settled_at);
        Some(index)
    }

    /// Settles everything outstanding as lost; returns the places.
    pub(super) fn give_up(&mut self) -> ArrayVec<usize, MAX_TARGETS> {
        let outstanding = self
            .probes
            .iter_mut()
            .enumerate()
            .filter(|(_, p)| p.is_outstanding());
        outstanding
            .map(|(index, probe)| {
                probe.fate = Fate::Lost;
                index
            })
            .collect()
    }

    /// Hands the round over; `None` if it was handed over before.
    pub(super) fn close(&mut self, cause: Closed) -> Option<ClosedRound> {
        if self.is_collected() {
            return None;
        }
        self.stage = Stage::Collected;
        Some(ClosedRound {
            id: self.id,
            opened_at: self.opened_at,
            answers: self.probes.iter().map(Probe::answer).collect(),
            cause,
            stale: false,
        })
    }

    /// The probe at this place, if it is this request and still outstanding.
    fn outstanding(&mut self, index: usize, request: &EchoRequest) -> Option<&mut Probe> {
        self.probes
            .get_mut(index)
            .filter(|probe| probe.is_outstanding() && probe.request == *request)
    }

    fn note_quorum(&mut self, quorum: usize) {
        let answered = self.probes.iter().filter(|probe| probe.answer().is_some());
        if self.stage == Stage::Waiting && answered.count() >= quorum {
            self.stage = Stage::Quorate {
                since: self.settled_at,
            };
        }
    }
}

impl Probe {
    fn is_outstanding(&self) -> bool {
        self.fate == Fate::Outstanding
    }

    fn answer(&self) -> Option<Answer> {
        match self.fate {
            Fate::Answered(answer) => Some(answer),
            Fate::Outstanding | Fate::Lost => None,
        }
    }

    /// The round-trip time, if the reply answers this probe, for the first time and in time.
    fn check(
        &self,
        reply: &Received,
        at: Timestamp,
        deadline: Timestamp,
    ) -> Result<Millis, Rejected> {
        let sent_at = self.request.sent_at;
        match self.fate {
            _ if reply.nonce != self.request.nonce => Err(Rejected::WrongNonce),
            _ if reply.sent_at != sent_at => Err(Rejected::WrongSendTime),
            Fate::Answered(_) => Err(Rejected::Duplicate),
            Fate::Lost => Err(Rejected::TooLate),
            Fate::Outstanding if at < sent_at => Err(Rejected::BeforeRequest),
            Fate::Outstanding if at > deadline => Err(Rejected::TooLate),
            Fate::Outstanding => Ok(Millis::from_duration(at.saturating_since(sent_at))),
        }
    }
}
