//! What can happen to the router of a virtual run.

use std::ops::Range;
use std::time::Duration;

use wanctl_router::{ConnectFailure, Error, Limits, Operation};
use wanctl_types::{Bps, Direction, PerDirection, QueueName, Timestamp};

/// How long the client of a virtual router waits for an answer to a write, and to a reading.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(15));

/// Who the router calls itself in errors.
const HOST: &str = "virtual:443";

/// What happens to the router, and when.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RouterScript {
    /// What goes wrong. Of several at once the first counts.
    pub faults: Vec<RouterFault>,
    /// When somebody else sets rates, counted from the start; `None` leaves a direction alone.
    pub edits: Vec<(Duration, Limits)>,
    /// When the queues' counters go back to zero, counted from the start, ascending.
    pub resets: Vec<Duration>,
}

/// One trouble, for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterFault {
    /// When, counted from the start: requests sent from the start of it on and before its end.
    pub during: Range<Duration>,
    /// What becomes of them.
    pub trouble: RouterTrouble,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouterTrouble {
    /// No connection comes about.
    Unreachable,
    /// There is no answer until the client gives up: 3 s for a write, 15 s for a reading.
    Silent,
    /// The credentials are refused.
    Unauthorized,
    /// The queues are not found.
    NotFound,
    /// One queue is not found; the other takes its rates and can be read.
    Missing(Direction),
    /// Status 500.
    ServerError,
    /// The answer is gibberish, and nothing is done.
    Garbled,
    /// Writes are carried out, yet an error is answered.
    AppliedButError,
    /// Writes are answered as wished, yet nothing is done.
    OkButNotApplied,
    /// Readings take so much longer.
    SlowReadings(Duration),
    /// Counters cannot be read, for want of rights to them; all else is well.
    NoCounters,
}

impl RouterScript {
    /// Nothing but this one trouble.
    #[must_use]
    pub fn fault(during: Range<Duration>, trouble: RouterTrouble) -> Self {
        Self {
            faults: vec![RouterFault { during, trouble }],
            ..Self::default()
        }
    }

    /// Somebody sets both rates.
    #[must_use]
    pub fn edit(at: Duration, rates: PerDirection<Bps>) -> Self {
        Self {
            edits: vec![(at, rates.map(Some))],
            ..Self::default()
        }
    }

    /// Somebody resets the counters.
    #[must_use]
    pub fn reset(at: Duration) -> Self {
        Self {
            resets: vec![at],
            ..Self::default()
        }
    }

    /// The router is away for a while and comes back with these rates and counters at zero.
    #[must_use]
    pub fn reboot(during: Range<Duration>, rates: PerDirection<Bps>) -> Self {
        let edits = vec![(during.end, rates.map(Some))];
        Self {
            edits,
            resets: vec![during.end],
            ..Self::fault(during, RouterTrouble::Unreachable)
        }
    }

    /// What becomes of a request sent now.
    pub(super) fn trouble(&self, now: Timestamp) -> Option<RouterTrouble> {
        let now = now.since_origin();
        let mut faults = self.faults.iter();
        let met = faults.find(|fault| fault.during.contains(&now))?;
        Some(met.trouble)
    }
}

impl RouterTrouble {
    /// Whether a write to this direction has an effect.
    pub(super) fn lets_through(self, direction: Direction) -> bool {
        match self {
            Self::AppliedButError | Self::SlowReadings(_) | Self::NoCounters => true,
            Self::Missing(missing) => missing != direction,
            Self::Unreachable
            | Self::Silent
            | Self::Unauthorized
            | Self::NotFound
            | Self::ServerError
            | Self::Garbled
            | Self::OkButNotApplied => false,
        }
    }

    /// How much longer than usual an answer to a request takes.
    pub(super) fn delay(self, asked: &Asked) -> Duration {
        match (self, asked) {
            (Self::Silent, Asked::Write(..)) => PATIENCE.0,
            (Self::Silent, Asked::Reading | Asked::Counters) => PATIENCE.1,
            (Self::SlowReadings(delay), Asked::Reading | Asked::Counters) => delay,
            _ => Duration::ZERO,
        }
    }

    /// What a reading says of this direction's queue if it is not there.
    pub(super) fn missing(self, direction: Direction) -> Option<Error> {
        (self == Self::Missing(direction)).then(|| Error::NotFound {
            operation: Operation::ReadLimits,
            what: format!("the {direction} queue"),
        })
    }

    /// What is answered instead of success.
    pub(super) fn error(self, asked: &Asked) -> Option<Error> {
        let operation = asked.operation();
        let rejected = |status, message: &str| Error::Rejected {
            operation: asked.operation(),
            status,
            message: message.to_owned(),
            detail: String::new(),
        };
        let not_found = || rejected(404, "Not Found");
        Some(match (self, asked) {
            (Self::OkButNotApplied | Self::SlowReadings(_), _)
            | (Self::AppliedButError, Asked::Reading | Asked::Counters)
            | (Self::Missing(_), Asked::Reading)
            | (Self::NoCounters, Asked::Reading | Asked::Write(..)) => return None,
            (Self::NoCounters, Asked::Counters) => rejected(400, "unknown parameter"),
            (Self::Missing(missing), Asked::Write(direction, _)) if missing != *direction => {
                return None;
            }
            (Self::Missing(_) | Self::NotFound, _) => not_found(),
            (Self::AppliedButError, Asked::Write(..)) => rejected(400, "Bad Request"),
            (Self::ServerError, _) => rejected(500, "Internal Server Error"),
            (Self::Unreachable, _) => Error::Connect {
                operation,
                host: HOST.to_owned(),
                kind: ConnectFailure::Refused,
            },
            (Self::Silent, _) => Error::Timeout {
                operation,
                host: HOST.to_owned(),
                limit: self.delay(asked),
            },
            (Self::Unauthorized, _) => Error::Unauthorized {
                operation,
                host: HOST.to_owned(),
                user: "wanctl".to_owned(),
            },
            (Self::Garbled, _) => Error::Protocol {
                operation,
                what: "the answer is not JSON".to_owned(),
                excerpt: "<html>".to_owned(),
            },
        })
    }
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asked {
    Reading,
    Counters,
    Write(Direction, Bps),
}

impl Asked {
    fn operation(self) -> Operation {
        match self {
            Self::Reading => Operation::ReadLimits,
            Self::Counters => Operation::ReadCounters,
            Self::Write(direction, limit) => {
                QueueName::new(direction.to_string()).map_or(Operation::ReadLimits, |queue| {
                    Operation::SetLimit { queue, limit }
                })
            }
        }
    }
}
