//! What was being done when something went wrong.

use core::fmt;

use wanctl_types::{Bps, QueueName};

/// A request to a router, as errors name it: it completes the sentence "cannot ...".
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// Look up one queue by its name.
    FindQueue(QueueName),
    /// Give a queue a rate.
    SetLimit {
        /// The queue.
        queue: QueueName,
        /// The rate it should have.
        limit: Bps,
    },
    /// Read the rates of both queues.
    ReadLimits,
    /// Read the counters of both queues.
    ReadCounters,
    /// Look up one mangle rule by its comment.
    FindRule {
        /// The whole comment.
        comment: String,
    },
    /// Enable or disable a mangle rule.
    SetRule {
        /// The whole comment.
        comment: String,
        /// Whether the rule should be enabled.
        enabled: bool,
    },
    /// Look up one route by its comment.
    FindRoute {
        /// The whole comment.
        comment: String,
    },
    /// Give a route a distance.
    SetDistance {
        /// The whole comment.
        comment: String,
        /// The distance it should have.
        distance: u8,
    },
    /// Read what on the router acts by itself: netwatch, schedulers, scripts.
    ReadOwners,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FindQueue(queue) => write!(f, "find queue {:?}", queue.as_str()),
            Self::SetLimit { queue, limit } => {
                write!(f, "set queue {:?} to {limit}", queue.as_str())
            }
            Self::ReadLimits => f.write_str("read the rates of the queues"),
            Self::ReadCounters => f.write_str("read the counters of the queues"),
            Self::FindRule { comment } => write!(f, "find the mangle rule {comment:?}"),
            Self::SetRule { comment, enabled } => {
                let verb = if *enabled { "enable" } else { "disable" };
                write!(f, "{verb} the mangle rule {comment:?}")
            }
            Self::FindRoute { comment } => write!(f, "find the route {comment:?}"),
            Self::SetDistance { comment, distance } => {
                write!(f, "set the route {comment:?} to distance {distance}")
            }
            Self::ReadOwners => f.write_str("read netwatch, schedulers and scripts"),
        }
    }
}
