//! What comes out of a round.

use core::fmt;

use arrayvec::ArrayVec;
use wanctl_types::{Millis, Timestamp};

use super::MAX_TARGETS;

/// A round's place in the order of opening, from zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoundId(u64);

impl RoundId {
    /// The plain number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    pub(super) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for RoundId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One matched reply.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Which target answered: its place in the list.
    pub reflector: usize,
    /// The round-trip time, between zero and the timeout.
    pub rtt: Millis,
    /// The round that asked.
    pub round: RoundId,
    /// Whether the round had been collected without this answer.
    pub late: bool,
}

/// One answer within a round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    /// The round-trip time, between zero and the timeout.
    pub rtt: Millis,
    /// When the kernel received the answer.
    pub received_at: Timestamp,
}

/// A round that waits for nothing more.
#[derive(Clone, Debug, PartialEq)]
pub struct ClosedRound {
    /// Which round.
    pub id: RoundId,
    /// When its requests left.
    pub opened_at: Timestamp,
    /// Per target, in order: its answer, or `None` if it has not answered.
    pub answers: ArrayVec<Option<Answer>, MAX_TARGETS>,
    /// Why it closed.
    pub cause: Closed,
    /// Whether a newer round with answers was collected before. What this one says is history.
    pub stale: bool,
}

/// Why a round closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Every request has been answered, or could not be sent.
    Complete,
    /// A quorum answered, and the rest had one more interval.
    Quorum,
    /// The timeout passed.
    Timeout,
    /// So many newer rounds were opened that this one had no place left.
    Superseded,
}

/// Why rounds must be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// A round closes.
    Close(Closed),
    /// The late answers of a collected round are waited for no longer.
    GiveUp,
}

/// Why a reply is no sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Rejected {
    /// It comes from an address that was not asked.
    #[error("from an address that was not asked")]
    UnknownSource,
    /// That address was not asked with this sequence number, or long ago.
    #[error("with a sequence number that is not in use")]
    UnknownSequence,
    /// It does not repeat the nonce of the request.
    #[error("with a nonce other than the request's")]
    WrongNonce,
    /// It does not repeat the send time of the request.
    #[error("with a send time other than the request's")]
    WrongSendTime,
    /// The request has been answered before.
    #[error("to a request answered before")]
    Duplicate,
    /// The timeout had passed, or the request had been given up.
    #[error("to a request given up before")]
    TooLate,
    /// It was received before the request was sent.
    #[error("received before its request was sent")]
    BeforeRequest,
}

impl Rejected {
    /// Every reason, in the order of declaration.
    pub const ALL: [Self; 7] = [
        Self::UnknownSource,
        Self::UnknownSequence,
        Self::WrongNonce,
        Self::WrongSendTime,
        Self::Duplicate,
        Self::TooLate,
        Self::BeforeRequest,
    ];

    /// A stable name for logs and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnknownSource => "unknown_source",
            Self::UnknownSequence => "unknown_sequence",
            Self::WrongNonce => "wrong_nonce",
            Self::WrongSendTime => "wrong_send_time",
            Self::Duplicate => "duplicate",
            Self::TooLate => "too_late",
            Self::BeforeRequest => "before_request",
        }
    }
}
