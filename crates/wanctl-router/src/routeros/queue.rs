//! What is remembered about one queue.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use wanctl_types::{Bps, QueueName};

use super::QUEUES;
use super::call::Call;
use super::reply::Row;
use super::value::ItemId;
use crate::Error;

/// A queue the daemon shapes with.
#[derive(Debug)]
pub(super) struct Queue {
    name: QueueName,
    id: Mutex<Option<ItemId>>,
    /// Whether the router last said that the queue shapes nothing.
    idle: AtomicBool,
}

impl Queue {
    pub(super) const fn new(name: QueueName) -> Self {
        Self {
            name,
            id: Mutex::new(None),
            idle: AtomicBool::new(false),
        }
    }

    pub(super) const fn name(&self) -> &QueueName {
        &self.name
    }

    pub(super) fn id(&self) -> Option<ItemId> {
        self.id
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn forget(&self) {
        self.remember(None);
    }

    fn remember(&self, id: Option<ItemId>) {
        *self.id.lock().unwrap_or_else(PoisonError::into_inner) = id;
    }

    /// Picks this queue out of a listing and remembers its id.
    pub(super) fn locate(&self, rows: Vec<Row>, call: &Call) -> Result<Found, Error> {
        let mut mine = rows
            .into_iter()
            .filter(|row| row.text("name").as_deref() == Some(self.name.as_str()))
            .collect::<Vec<_>>();
        let Some(row) = mine.pop() else {
            self.forget();
            return Err(call.not_found(self.describe()));
        };
        if !mine.is_empty() {
            self.forget();
            mine.push(row);
            return Err(call.ambiguous(self.describe(), mine.iter().map(Row::label).collect()));
        }
        let id = row.id(call)?;
        self.remember(Some(id.clone()));
        Ok(Found { id, row })
    }

    /// Warns once when the router says that the queue shapes nothing.
    pub(super) fn note_state(&self, row: &Row) {
        let idle = row.flag("disabled") || row.flag("invalid");
        if self.idle.swap(idle, Ordering::Relaxed) != idle {
            if idle {
                tracing::warn!(queue = %self.name, "the queue is disabled or invalid: its rate has no effect");
            } else {
                tracing::info!(queue = %self.name, "the queue shapes again");
            }
        }
    }

    fn describe(&self) -> String {
        format!("queue {:?} in {QUEUES}", self.name.as_str())
    }
}

/// A queue as the router has it.
pub(super) struct Found {
    pub(super) id: ItemId,
    pub(super) row: Row,
}

impl Found {
    pub(super) fn limit(&self) -> Option<Bps> {
        self.row.rate("max-limit")
    }

    /// The rate, or an error that shows what stands in its place.
    pub(super) fn known_limit(&self, queue: &Queue, call: &Call) -> Result<Bps, Error> {
        self.limit().ok_or_else(|| {
            let text = self.row.text("max-limit").unwrap_or_default();
            let what = format!("queue {:?} has no readable max-limit", queue.name.as_str());
            call.protocol(what, text.as_bytes())
        })
    }
}
