//! What can go wrong between the daemon and a router.

use core::fmt;
use core::time::Duration;

use wanctl_types::{Bps, QueueName};

use crate::Operation;

/// Why a router did not do, or may not have done, what it was asked.
///
/// Every message names the operation and its object and says what to look at. No variant ever
/// holds a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration does not make a client.
    #[error("cannot prepare a router client: {detail}")]
    Setup {
        /// Which part, and what is wrong with it.
        detail: String,
    },

    /// No connection came about.
    #[error("cannot {operation}: no connection to {host}: {kind}; {}", .kind.advice())]
    Connect {
        /// What was being done.
        operation: Operation,
        /// Host and port.
        host: String,
        /// What kind of failure.
        kind: ConnectFailure,
    },

    /// The TLS handshake failed.
    #[error(
        "cannot {operation}: TLS with {host} failed: {detail}; check router.verify_ssl, the \
         device's certificate and that the port speaks TLS"
    )]
    Tls {
        /// What was being done.
        operation: Operation,
        /// Host and port.
        host: String,
        /// The handshake's complaint.
        detail: String,
    },

    /// The answer did not come in time. A write may or may not have been carried out.
    #[error(
        "cannot {operation}: {host} did not answer within {limit:?}; check the load of the router \
         and the path to it"
    )]
    Timeout {
        /// What was being done.
        operation: Operation,
        /// Host and port.
        host: String,
        /// The time it was given.
        limit: Duration,
    },

    /// The connection broke. A write may or may not have been carried out.
    #[error("cannot {operation}: the connection to {host} broke: {detail}")]
    ConnectionLost {
        /// What was being done.
        operation: Operation,
        /// Host and port.
        host: String,
        /// How it broke.
        detail: String,
    },

    /// The router refused the credentials.
    #[error(
        "cannot {operation}: {host} refused user {user:?}; check router.user, router.password and \
         that the user's group has the rest-api policy"
    )]
    Unauthorized {
        /// What was being done.
        operation: Operation,
        /// Host and port.
        host: String,
        /// Who asked.
        user: String,
    },

    /// The user is known but may not do this.
    #[error(
        "cannot {operation}: user {user:?} is not allowed to: {detail}; give its group the read \
         and write policies and check the addresses it may log in from"
    )]
    PermissionDenied {
        /// What was being done.
        operation: Operation,
        /// Who asked.
        user: String,
        /// The router's words.
        detail: String,
    },

    /// Nothing has the given name.
    #[error(
        "cannot {operation}: {what} does not exist on the router; create it or correct the configuration"
    )]
    NotFound {
        /// What was being done.
        operation: Operation,
        /// Object and menu.
        what: String,
    },

    /// Several things have the name that should tell them apart.
    #[error(
        "cannot {operation}: {what} exists {} times ({}); give each its own",
        .matches.len(), .matches.join(", ")
    )]
    Ambiguous {
        /// What was being done.
        operation: Operation,
        /// Object and menu.
        what: String,
        /// The ids that carry it.
        matches: Vec<String>,
    },

    /// The remembered id no longer means the object, and did not after looking it up again.
    #[error(
        "cannot {operation}: id {id} is no longer that object ({detail}); another program may be \
         re-creating it"
    )]
    StaleId {
        /// What was being done.
        operation: Operation,
        /// The id that was used.
        id: String,
        /// What showed it.
        detail: String,
    },

    /// The router understood and refused.
    #[error(
        "cannot {operation}: the router answered {status} {message}{}{}",
        if .detail.is_empty() { "" } else { ": " }, .detail
    )]
    Rejected {
        /// What was being done.
        operation: Operation,
        /// HTTP status.
        status: u16,
        /// The router's summary.
        message: String,
        /// The router's explanation; may be empty.
        detail: String,
    },

    /// This backend cannot do it at all.
    #[error("this backend does not support {what}")]
    Unsupported {
        /// The request.
        what: String,
    },

    /// The answer makes no sense.
    #[error(
        "cannot {operation}: {what}: \"{excerpt}\"; check that host and port are the router's web \
         service"
    )]
    Protocol {
        /// What was being done.
        operation: Operation,
        /// What is wrong with the answer.
        what: String,
        /// The beginning of the answer, control characters escaped.
        excerpt: String,
    },

    /// The write was accepted, yet the queue has another rate.
    #[error(
        "queue {:?} was set to {wanted} but reads {observed}; another program may be changing it",
        .queue.as_str()
    )]
    NotApplied {
        /// The queue.
        queue: QueueName,
        /// The rate it should have.
        wanted: Bps,
        /// The rate it has.
        observed: Bps,
    },

    /// The write was accepted, yet the rule did not change.
    #[error(
        "mangle rule {comment:?} should be {} but is not; another program may be changing it",
        if *.enabled { "enabled" } else { "disabled" }
    )]
    RuleNotApplied {
        /// The whole comment.
        comment: String,
        /// Whether it should be enabled.
        enabled: bool,
    },

    /// The write was accepted, yet the route did not move.
    #[error(
        "route {comment:?} was set to distance {wanted} but reads {observed}; another program may \
         be changing it"
    )]
    RouteNotApplied {
        /// The whole comment.
        comment: String,
        /// The distance it should have.
        wanted: u8,
        /// The distance it has.
        observed: u8,
    },

    /// A route that is disabled has no distance.
    #[error(
        "route {comment:?} is disabled; enable it on the router, distance is all that is moved here"
    )]
    RouteDisabled {
        /// The whole comment.
        comment: String,
    },
}

impl Error {
    /// Whether the same request may succeed soon although nobody intervenes. Otherwise the
    /// configuration, the router's settings or its users have to change first.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Connect { .. }
            | Self::Timeout { .. }
            | Self::ConnectionLost { .. }
            | Self::StaleId { .. }
            | Self::Protocol { .. }
            | Self::NotApplied { .. }
            | Self::RuleNotApplied { .. }
            | Self::RouteNotApplied { .. } => true,
            Self::Rejected { status, .. } => matches!(*status, 408 | 429 | 500..),
            Self::Setup { .. }
            | Self::Tls { .. }
            | Self::Unauthorized { .. }
            | Self::PermissionDenied { .. }
            | Self::NotFound { .. }
            | Self::Ambiguous { .. }
            | Self::Unsupported { .. }
            | Self::RouteDisabled { .. } => false,
        }
    }

    /// Whether the router was not reached, or lost before it answered.
    #[must_use]
    pub const fn is_transport(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. }
                | Self::Tls { .. }
                | Self::Timeout { .. }
                | Self::ConnectionLost { .. }
        )
    }

    /// Whether credentials or rights are the trouble. Asking again fast fills the router's log
    /// with critical entries and may get the address blocked.
    #[must_use]
    pub const fn is_authentication(&self) -> bool {
        matches!(
            self,
            Self::Unauthorized { .. } | Self::PermissionDenied { .. }
        )
    }

    /// A stable word for health documents, metrics and records.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Setup { .. } => "setup",
            Self::Connect { kind, .. } => kind.as_str(),
            Self::Tls { .. } => "tls_failure",
            Self::Timeout { .. } => "timeout",
            Self::ConnectionLost { .. } => "connection_lost",
            Self::Unauthorized { .. } => "auth_failure",
            Self::PermissionDenied { .. } => "permission_denied",
            Self::NotFound { .. } => "not_found",
            Self::Ambiguous { .. } => "ambiguous",
            Self::StaleId { .. } => "stale_id",
            Self::Rejected { .. } => "rejected",
            Self::Unsupported { .. } => "unsupported",
            Self::Protocol { .. } => "protocol",
            Self::NotApplied { .. } => "not_applied",
            Self::RuleNotApplied { .. } => "rule_not_applied",
            Self::RouteNotApplied { .. } => "route_not_applied",
            Self::RouteDisabled { .. } => "route_disabled",
        }
    }

    /// [`Error::kind`] reduced to the six words the reference program's health document knows:
    /// `timeout`, `connection_refused`, `network_unreachable`, `dns_failure`, `auth_failure`
    /// and `unknown`.
    #[must_use]
    pub const fn failure_type(&self) -> &'static str {
        match self {
            Self::Connect {
                kind: ConnectFailure::Other(_),
                ..
            }
            | Self::Setup { .. }
            | Self::Tls { .. }
            | Self::ConnectionLost { .. }
            | Self::NotFound { .. }
            | Self::Ambiguous { .. }
            | Self::StaleId { .. }
            | Self::Rejected { .. }
            | Self::Unsupported { .. }
            | Self::Protocol { .. }
            | Self::NotApplied { .. }
            | Self::RuleNotApplied { .. }
            | Self::RouteNotApplied { .. }
            | Self::RouteDisabled { .. } => "unknown",
            Self::Connect { .. } | Self::Timeout { .. } => self.kind(),
            Self::Unauthorized { .. } | Self::PermissionDenied { .. } => "auth_failure",
        }
    }
}

/// Why no connection came about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectFailure {
    /// The host answered that nothing listens there.
    Refused,
    /// No route to the host.
    Unreachable,
    /// The name has no address.
    Dns,
    /// No answer in time.
    Timeout,
    /// Anything else, in the system's words.
    Other(String),
}

impl ConnectFailure {
    const fn as_str(&self) -> &'static str {
        match self {
            Self::Refused => "connection_refused",
            Self::Unreachable => "network_unreachable",
            Self::Dns => "dns_failure",
            Self::Timeout => "timeout",
            Self::Other(_) => "connect_failure",
        }
    }

    const fn advice(&self) -> &'static str {
        match self {
            Self::Refused => {
                "check router.port and that the router's www-ssl (or www) service is enabled"
            }
            Self::Unreachable => "check the route to the router",
            Self::Dns => "check router.host and the name server",
            Self::Timeout => "check that the router is up and its firewall admits this host",
            Self::Other(_) => "check router.host and router.port",
        }
    }
}

impl fmt::Display for ConnectFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("connection refused"),
            Self::Unreachable => f.write_str("network unreachable"),
            Self::Dns => f.write_str("the name has no address"),
            Self::Timeout => f.write_str("no answer in time"),
            Self::Other(detail) => f.write_str(detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect(kind: ConnectFailure) -> Error {
        Error::Connect {
            operation: Operation::ReadLimits,
            host: "gw:443".to_owned(),
            kind,
        }
    }

    #[test]
    fn errors_travel_between_threads_and_stay_small() {
        fn travels<T: Send + Sync + 'static>() {}
        travels::<Error>();
        assert!(size_of::<Error>() <= 128);
    }

    #[test]
    fn messages_name_operation_object_and_remedy() {
        let refused = connect(ConnectFailure::Refused);
        assert_eq!(
            refused.to_string(),
            "cannot read the rates of the queues: no connection to gw:443: connection refused; \
             check router.port and that the router's www-ssl (or www) service is enabled"
        );
        let rejected = Error::Rejected {
            operation: Operation::FindRule {
                comment: "a b".to_owned(),
            },
            status: 400,
            message: "Bad Request".to_owned(),
            detail: String::new(),
        };
        assert_eq!(
            rejected.to_string(),
            "cannot find the mangle rule \"a b\": the router answered 400 Bad Request"
        );
    }

    #[test]
    fn the_reference_words_are_kept() {
        for (kind, word) in [
            (ConnectFailure::Refused, "connection_refused"),
            (ConnectFailure::Unreachable, "network_unreachable"),
            (ConnectFailure::Dns, "dns_failure"),
            (ConnectFailure::Timeout, "timeout"),
            (ConnectFailure::Other("odd".to_owned()), "unknown"),
        ] {
            assert_eq!(connect(kind).failure_type(), word);
        }
        let denied = Error::PermissionDenied {
            operation: Operation::ReadLimits,
            user: "u".to_owned(),
            detail: "not enough permissions (9)".to_owned(),
        };
        assert_eq!(
            (denied.kind(), denied.failure_type()),
            ("permission_denied", "auth_failure")
        );
        assert!(denied.is_authentication() && !denied.is_retryable() && !denied.is_transport());
    }
}
