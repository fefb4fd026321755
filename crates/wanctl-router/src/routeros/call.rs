//! One operation under way: what it is, and how much time it has left.

use std::time::Duration;

use tokio::time::Instant;

use super::reply::excerpt;
use super::value::ItemId;
use crate::{Error, Operation};

/// An operation with a deadline, shared by all requests it takes.
pub(super) struct Call {
    pub(super) operation: Operation,
    pub(super) limit: Duration,
    started: Instant,
}

impl Call {
    pub(super) fn new(operation: Operation, limit: Duration) -> Self {
        Self {
            operation,
            limit,
            started: Instant::now(),
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub(super) fn remaining(&self) -> Duration {
        self.limit.saturating_sub(self.elapsed())
    }

    pub(super) fn protocol(&self, what: impl Into<String>, body: &[u8]) -> Error {
        Error::Protocol {
            operation: self.operation.clone(),
            what: what.into(),
            excerpt: excerpt(body),
        }
    }

    pub(super) fn stale(&self, id: &ItemId, detail: &str) -> Error {
        Error::StaleId {
            operation: self.operation.clone(),
            id: id.to_string(),
            detail: detail.to_owned(),
        }
    }

    pub(super) fn not_found(&self, what: String) -> Error {
        Error::NotFound {
            operation: self.operation.clone(),
            what,
        }
    }

    pub(super) fn ambiguous(&self, what: String, matches: Vec<String>) -> Error {
        Error::Ambiguous {
            operation: self.operation.clone(),
            what,
            matches,
        }
    }
}
