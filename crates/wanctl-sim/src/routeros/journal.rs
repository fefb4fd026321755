//! What was asked of the device.

use std::collections::VecDeque;

use super::console::Verb;

/// Requests remembered one by one.
const REMEMBERED: usize = 10_000;

/// One request and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoggedRequest {
    /// What was to be done.
    pub verb: Verb,
    /// The path below `/rest`.
    pub path: String,
    /// The status answered; `None` when the connection was closed without an answer.
    pub status: Option<u16>,
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestCounts {
    /// Requests of any kind, refused ones included.
    pub total: u64,
    /// Those that may have changed something.
    pub writes: u64,
    /// TCP connections.
    pub connections: u64,
}

/// The last requests and the counts of all.
#[derive(Debug, Default)]
pub(super) struct Journal {
    pub(super) counts: RequestCounts,
    recent: VecDeque<LoggedRequest>,
}

impl Journal {
    pub(super) fn note(&mut self, verb: Verb, path: &[String], status: Option<u16>) {
        self.counts.total += 1;
        self.counts.writes += u64::from(verb.writes(path));
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(LoggedRequest {
            verb,
            path: path.join("/"),
            status,
        });
    }

    pub(super) fn recent(&self) -> Vec<LoggedRequest> {
        self.recent.iter().cloned().collect()
    }
}
