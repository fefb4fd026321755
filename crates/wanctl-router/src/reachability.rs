//! Whether the router can be asked, and when to ask again after a failure.

use std::time::Duration;

use wanctl_types::Timestamp;

use crate::Error;

/// Pauses while the router does not answer. The longest one bounds how long the end of an outage
/// goes unnoticed.
const OUTAGE: Pauses = Pauses {
    first: Duration::from_millis(250),
    longest: Duration::from_secs(5),
};

/// Pauses while the router answers but does not do what it is asked.
const REJECTION: Pauses = Pauses {
    first: Duration::from_millis(500),
    longest: Duration::from_secs(5),
};

/// The pause after refused credentials. Each attempt is a critical line in the router's log, and
/// several at short intervals may get the address blocked.
const REFUSAL_PAUSE: Duration = Duration::from_secs(30);

/// How a request failed, as far as asking again is concerned; the gravest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// The router answered and did not do it.
    Rejection,
    /// There was no answer.
    Outage,
    /// Credentials or rights were refused.
    Refusal,
}

impl Failure {
    /// The kind of an error.
    #[must_use]
    pub const fn of(error: &Error) -> Self {
        if error.is_authentication() {
            Self::Refusal
        } else if error.is_transport() {
            Self::Outage
        } else {
            Self::Rejection
        }
    }
}

/// What is known of the router's readiness. It reads no clock and sends nothing.
///
/// ```text
///                settled
///  Unknown ────────────────► Reachable ◄─────────────── settled ──┐
///     │                          │                                │
///     │ failed                   │ failed    ┌─ Unreachable ─┐    │
///     └──────────────────────────┴──────────►├─ Rejecting ───┼─► OnTrial
///                                            └─ Refused ─────┘    │
///                                                   ▲   answered  │
///                                                   └── failed ───┘
/// ```
///
/// - After a failure the next request, not before `retry_at`, only reads. Once it is answered the
///   router is on trial: the next write decides.
/// - Failures in a row lengthen the pause, whatever was answered in between, until a write is
///   accepted or there is nothing to write.
/// - Without an answer: 250 ms, doubling up to 5 s. Answered but not done: 500 ms, doubling up to
///   5 s. Credentials refused: 30 s each time, and never counted as an outage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reachability {
    /// Nothing was asked yet.
    #[default]
    Unknown,
    /// The last request was answered and done.
    Reachable,
    /// The last request was not answered.
    Unreachable {
        /// Since when.
        since: Timestamp,
        /// Failures in a row, at least 1.
        failures: u32,
        /// When to ask again.
        retry_at: Timestamp,
    },
    /// The last request was answered and not done.
    Rejecting {
        /// Since when.
        since: Timestamp,
        /// Failures in a row, at least 1.
        failures: u32,
        /// When to ask again.
        retry_at: Timestamp,
    },
    /// Credentials or rights were refused.
    Refused {
        /// Since when.
        since: Timestamp,
        /// When to ask again.
        retry_at: Timestamp,
    },
    /// A reading was answered after a failure; the next write decides.
    OnTrial {
        /// Since when the failures last.
        since: Timestamp,
        /// Failures in a row.
        failures: u32,
        /// The last of them.
        last: Failure,
    },
}

/// What may be asked of the router now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Permit {
    /// Anything.
    Anything,
    /// A reading; writes wait for its answer.
    Reading,
    /// Nothing before then. Unless the router is out of reach, what it did not reject may be
    /// written all the same.
    Nothing {
        /// The end of the pause.
        until: Timestamp,
        /// Whether the last request was answered and the credentials were accepted.
        answers: bool,
    },
}

impl Reachability {
    /// What may be asked at `now`.
    pub fn permit(&self, now: Timestamp) -> Permit {
        let (until, answers) = match *self {
            Self::Unknown | Self::Reachable | Self::OnTrial { .. } => return Permit::Anything,
            Self::Unreachable { retry_at, .. } | Self::Refused { retry_at, .. } => {
                (retry_at, false)
            }
            Self::Rejecting { retry_at, .. } => (retry_at, true),
        };
        if now < until {
            Permit::Nothing { until, answers }
        } else {
            Permit::Reading
        }
    }

    /// A request failed at `now`.
    pub fn failed(&mut self, failure: Failure, now: Timestamp) {
        let failures = self.failures();
        let since = self.since(failure).unwrap_or(now);
        *self = match failure {
            Failure::Outage => Self::Unreachable {
                since,
                failures: failures.saturating_add(1),
                retry_at: now + OUTAGE.after(failures),
            },
            Failure::Rejection => Self::Rejecting {
                since,
                failures: failures.saturating_add(1),
                retry_at: now + REJECTION.after(failures),
            },
            Failure::Refusal => Self::Refused {
                since,
                retry_at: now + REFUSAL_PAUSE,
            },
        };
    }

    /// A reading came to an end and writing may be tried: it was answered, or rejected in a way
    /// that says nothing about writing.
    pub fn answered(&mut self) {
        let (since, failures, last) = match *self {
            Self::Unknown => {
                *self = Self::Reachable;
                return;
            }
            Self::Reachable | Self::OnTrial { .. } => return,
            Self::Unreachable {
                since, failures, ..
            } => (since, failures, Failure::Outage),
            Self::Rejecting {
                since, failures, ..
            } => (since, failures, Failure::Rejection),
            Self::Refused { since, .. } => (since, 0, Failure::Refusal),
        };
        *self = Self::OnTrial {
            since,
            failures,
            last,
        };
    }

    /// Everything that was asked has been done, or there was nothing to do. During a pause this
    /// tells nothing of the request that failed.
    pub fn settled(&mut self) {
        match self {
            Self::Unknown | Self::Reachable | Self::OnTrial { .. } => *self = Self::Reachable,
            Self::Unreachable { .. } | Self::Rejecting { .. } | Self::Refused { .. } => {}
        }
    }

    /// Failures in a row that lengthen the next pause.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        match self {
            Self::Unknown | Self::Reachable | Self::Refused { .. } => 0,
            Self::Unreachable { failures, .. }
            | Self::Rejecting { failures, .. }
            | Self::OnTrial { failures, .. } => *failures,
        }
    }

    /// The last failure, unless all has been well since.
    #[must_use]
    pub const fn failure(&self) -> Option<Failure> {
        match self {
            Self::Unknown | Self::Reachable => None,
            Self::Unreachable { .. } => Some(Failure::Outage),
            Self::Rejecting { .. } => Some(Failure::Rejection),
            Self::Refused { .. } => Some(Failure::Refusal),
            Self::OnTrial { last, .. } => Some(*last),
        }
    }

    /// Since when requests have failed in this way.
    fn since(&self, failure: Failure) -> Option<Timestamp> {
        if self.failure() != Some(failure) {
            return None;
        }
        match *self {
            Self::Unknown | Self::Reachable => None,
            Self::Unreachable { since, .. }
            | Self::Rejecting { since, .. }
            | Self::Refused { since, .. }
            | Self::OnTrial { since, .. } => Some(since),
        }
    }
}

/// Pauses that double.
struct Pauses {
    first: Duration,
    longest: Duration,
}

impl Pauses {
    /// The pause after a failure that so many others preceded.
    fn after(&self, failures: u32) -> Duration {
        let doubled = self.first.saturating_mul(1 << failures.min(8));
        doubled.min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_millis(millis)
    }

    /// Fails at the end of each pause; returns the pauses in milliseconds.
    fn pauses(failure: Failure, number: usize) -> Vec<u128> {
        let mut state = Reachability::default();
        let mut now = at(0);
        let mut fail = || {
            state.failed(failure, now);
            let Permit::Nothing { until, .. } = state.permit(now) else {
                panic!("no pause after a failure");
            };
            assert_eq!(state.permit(until), Permit::Reading);
            let pause = until.saturating_since(now);
            now = until;
            state.answered();
            pause.as_millis()
        };
        (0..number).map(|_| fail()).collect()
    }

    #[test]
    fn pauses_double_to_a_bound_even_when_readings_are_answered_in_between() {
        let outage = [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000];
        assert_eq!(pauses(Failure::Outage, 7), outage);
        let rejection = [500, 1_000, 2_000, 4_000, 5_000, 5_000];
        assert_eq!(pauses(Failure::Rejection, 6), rejection);
    }

    #[test]
    fn refused_credentials_are_never_hammered() {
        assert_eq!(pauses(Failure::Refusal, 3), [30_000; 3]);
    }

    #[test]
    fn a_success_on_trial_forgets_the_failures_and_one_during_a_pause_does_not() {
        let mut state = Reachability::Reachable;
        state.failed(Failure::Rejection, at(0));
        state.settled();
        assert_eq!(state.failures(), 1);
        state.answered();
        assert_eq!(state.permit(at(500)), Permit::Anything);
        state.settled();
        assert_eq!(state, Reachability::Reachable);
        state.failed(Failure::Outage, at(900));
        assert_eq!(state.failures(), 1);
    }

    #[test]
    fn a_refusal_is_no_outage() {
        let mut state = Reachability::default();
        state.failed(Failure::Refusal, at(0));
        assert_eq!(
            (state.failure(), state.failures()),
            (Some(Failure::Refusal), 0)
        );
        state.failed(Failure::Outage, at(30_000));
        assert_eq!(state.failures(), 1);
    }

    #[test]
    fn errors_are_told_apart() {
        let unsupported = Error::Unsupported {
            what: String::new(),
        };
        assert_eq!(Failure::of(&unsupported), Failure::Rejection);
        assert!(Failure::Rejection < Failure::Outage && Failure::Outage < Failure::Refusal);
    }

    #[derive(Clone, Copy, Debug)]
    enum Event {
        Failed(Failure),
        Answered,
        Settled,
    }

    fn events() -> impl Strategy<Value = Vec<(u64, Event)>> {
        let failure = prop_oneof![
            Just(Failure::Rejection),
            Just(Failure::Outage),
            Just(Failure::Refusal)
        ];
        let event = prop_oneof![
            3 => failure.prop_map(Event::Failed),
            2 => Just(Event::Answered),
            1 => Just(Event::Settled),
        ];
        proptest::collection::vec((0_u64..20_000, event), 1..100)
    }

    proptest! {
        #[test]
        fn every_pause_is_bounded_and_no_failure_shortens_it(events in events()) {
            let mut state = Reachability::default();
            let mut now = Timestamp::ZERO;
            for (millis, event) in events {
                now = now + Duration::from_millis(millis);
                let before = state.failures();
                match event {
                    Event::Answered => state.answered(),
                    Event::Settled => state.settled(),
                    Event::Failed(failure) => {
                        let earlier = state.since(failure);
                        state.failed(failure, now);
                        prop_assert_eq!(state.failure(), Some(failure));
                        prop_assert_eq!(state.since(failure), earlier.or(Some(now)));
                        let Permit::Nothing { until, answers } = state.permit(now) else {
                            return Err(TestCaseError::fail("no pause"));
                        };
                        prop_assert_eq!(answers, failure == Failure::Rejection);
                        let pause = until.saturating_since(now);
                        if failure == Failure::Refusal {
                            prop_assert_eq!(pause, REFUSAL_PAUSE);
                        } else {
                            prop_assert!((OUTAGE.first..=OUTAGE.longest).contains(&pause));
                            prop_assert!(state.failures() == before.saturating_add(1));
                        }
                    }
                }
            }
        }

        /// Whatever came before and however long the outage, its end is noticed within the
        /// longest pause, and the number of requests during it is bounded.
        #[test]
        fn the_end_of_an_outage_is_noticed_in_time(events in events(), seconds in 1_u64..600) {
            let mut state = Reachability::default();
            let mut now = Timestamp::ZERO;
            for (millis, event) in events {
                now = now + Duration::from_millis(millis);
                match event {
                    Event::Failed(failure) => state.failed(failure, now),
                    Event::Answered => state.answered(),
                    Event::Settled => state.settled(),
                }
            }
            state.failed(Failure::Outage, now);
            let end = now + Duration::from_secs(seconds);
            let mut requests = 0;
            while let Permit::Nothing { until, .. } = state.permit(now) {
                now = until;
                if now >= end {
                    break;
                }
                requests += 1;
                state.failed(Failure::Outage, now);
            }
            prop_assert!(now.saturating_since(end) <= OUTAGE.longest);
            prop_assert!(requests <= seconds / 5 + 5, "{requests} requests");
        }
    }
}
