//! RouterOS 7 over its REST interface.

mod call;
mod fault;
mod http;
mod mangle;
mod queue;
mod reply;
mod route;
mod steering;
mod trust;
mod value;

use core::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use wanctl_types::{Bps, Bytes, Direction, PerDirection};

use self::call::Call;
use self::http::Http;
use self::queue::{Found, Queue};
use self::reply::Row;
use self::value::{ItemId, encode};
use crate::{
    Applied, Backend, Capabilities, Counters, Error, Limits, Observed, Operation, Outcome,
    QueueCounters, RouterOsConfig,
};

/// Longest time for setting one queue's rate, looking the queue up included.
const ACTUATION_LIMIT: Duration = Duration::from_secs(3);

/// Shortest sensible time between two changes: a mid-range device answers some 50 requests a
/// second and a change of both directions takes two.
const MIN_INTERVAL: Duration = Duration::from_millis(50);

/// What a reading of the rates asks for.
const LIMITS: &str = "disabled,invalid,max-limit";
/// What a reading of the counters asks for, several times a second.
const COUNTERS: &str = "bytes,packets,dropped,queued-bytes";

/// Where queues live.
const QUEUES: &str = "/queue/tree";

/// A RouterOS device reached over HTTP or HTTPS.
///
/// - A request may take [`RouterOsConfig::timeout`]; setting a rate never more than 3 s, and
///   connecting never more than 2 s of it.
/// - Queues are found by name once. Every later reading refreshes the remembered id, a lost
///   connection forgets it, and the answer to a write must bear the queue's name.
/// - The answer to a write is the read-back; nothing is assumed.
/// - Nothing is sent twice by itself, except once after a stale id.
/// - Environment variables naming proxies are ignored and redirects are not followed: the
///   credentials go to the configured address only.
pub struct RouterOsRest {
    http: Http,
    timeout: Duration,
    queues: PerDirection<Queue>,
}

impl RouterOsRest {
    /// Prepares a client. No connection is made yet.
    ///
    /// # Errors
    ///
    /// [`Error::Setup`] when host, user or TLS settings do not make a client.
    pub fn new(config: RouterOsConfig) -> Result<Self, Error> {
        let timeout = config.timeout;
        let queues = config.queues.clone().map(Queue::new);
        Ok(Self {
            http: Http::new(config)?,
            timeout,
            queues,
        })
    }

    /// Sets one direction's rate, looking the queue up again once when its id is stale.
    async fn set(&self, direction: Direction, limit: Bps) -> Result<Outcome, Error> {
        if limit == Bps::ZERO {
            return Err(Error::Unsupported {
                what: format!("a {direction} rate of 0: a RouterOS queue would have no limit"),
            });
        }
        let queue = &self.queues[direction];
        let operation = Operation::SetLimit {
            queue: queue.name().clone(),
            limit,
        };
        let call = Call::new(operation, self.timeout.min(ACTUATION_LIMIT));
        let mut written = self.write(queue, limit, &call).await;
        if let Err(Error::StaleId { .. }) = written {
            queue.forget();
            written = self.write(queue, limit, &call).await;
        }
        let observed = written?;
        if observed != limit {
            return Err(Error::NotApplied {
                queue: queue.name().clone(),
                wanted: limit,
                observed,
            });
        }
        Ok(Outcome {
            observed,
            latency: call.elapsed(),
        })
    }

    /// Writes a rate and returns the one read back.
    async fn write(&self, queue: &Queue, limit: Bps, call: &Call) -> Result<Bps, Error> {
        let id = match queue.id() {
            Some(id) => id,
            None => self.find(queue, call).await?.id,
        };
        let body = json!({ "max-limit": limit.get().to_string() });
        match self.patch(call, QUEUES, &id, &body).await {
            Ok(answer) => self.read_back(queue, &id, limit, &answer, call).await,
            Err(refused @ (Error::Rejected { .. } | Error::Protocol { .. })) => {
                // A refusal does not prove that nothing changed.
                match self.find(queue, call).await {
                    Ok(found) if found.limit() == Some(limit) => Ok(limit),
                    Ok(_) | Err(_) => Err(refused),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// The rate after a write: from the answer, or from a reading when the answer lacks it.
    async fn read_back(
        &self,
        queue: &Queue,
        id: &ItemId,
        limit: Bps,
        answer: &[u8],
        call: &Call,
    ) -> Result<Bps, Error> {
        let echo = reply::rows(answer)
            .ok()
            .and_then(|rows| rows.into_iter().next())
            .unwrap_or_default();
        match (echo.text("name"), echo.rate("max-limit")) {
            (Some(name), _) if name != queue.name().as_str() => {
                tracing::error!(
                    queue = %queue.name(), other = ?name, %id, %limit,
                    "the router renumbered its queues and another queue received this rate; \
                     restore that queue's max-limit by hand"
                );
                Err(call.stale(id, &format!("it is queue {name:?} now")))
            }
            (Some(_), Some(observed)) => {
                queue.note_state(&echo);
                Ok(observed)
            }
            (None, _) | (Some(_), None) => {
                let found = self.find(queue, call).await?;
                if found.id != *id {
                    return Err(call.stale(id, &format!("the queue is {} now", found.id)));
                }
                found.known_limit(queue, call)
            }
        }
    }

    /// Looks one queue up by its name and remembers its id.
    async fn find(&self, queue: &Queue, call: &Call) -> Result<Found, Error> {
        let path = format!("{QUEUES}?name={}", encode(queue.name().as_str()));
        let found = queue.locate(self.list(call, &path).await?, call)?;
        queue.note_state(&found.row);
        Ok(found)
    }

    /// Reads the named properties of both queues in one request, and nothing but them.
    async fn read_both(
        &self,
        operation: Operation,
        properties: &str,
    ) -> Result<(PerDirection<Result<Found, Error>>, Call), Error> {
        let call = Call::new(operation, self.timeout);
        let path = format!("{QUEUES}?.proplist=.id,name,{properties}");
        let rows = self.list(&call, &path).await?;
        let download = self.queues.download.locate(rows.clone(), &call);
        let upload = self.queues.upload.locate(rows, &call);
        Ok((PerDirection::new(download, upload), call))
    }

    async fn list(&self, call: &Call, path: &str) -> Result<Vec<Row>, Error> {
        let answer = self.noticed(self.http.get(call, path).await)?;
        reply::rows(&answer).map_err(|what| call.protocol(what, &answer))
    }

    async fn patch(
        &self,
        call: &Call,
        menu: &str,
        id: &ItemId,
        body: &Value,
    ) -> Result<Vec<u8>, Error> {
        self.noticed(self.http.patch(call, menu, id, body).await)
    }

    /// Forgets the ids when the connection failed: the device may have restarted from another
    /// configuration.
    fn noticed<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        result.inspect_err(|error| {
            if error.is_transport() {
                self.queues.iter().for_each(|(_, queue)| queue.forget());
            }
        })
    }
}

#[async_trait]
impl Backend for RouterOsRest {
    fn capabilities(&self) -> Capabilities {
        let counters = QueueCounters {
            bytes: true,
            backlog: true,
            drops: true,
        };
        Capabilities::new(counters, true, MIN_INTERVAL)
    }

    async fn apply(&self, limits: Limits) -> Applied {
        let set = async |direction| match limits[direction] {
            Some(limit) => Some(self.set(direction, limit).await),
            None => None,
        };
        let (download, upload) = tokio::join!(set(Direction::Download), set(Direction::Upload));
        Applied {
            directions: PerDirection::new(download, upload),
        }
    }

    async fn observe(&self) -> Result<Observed, Error> {
        let (found, call) = self.read_both(Operation::ReadLimits, LIMITS).await?;
        let known = |found: Result<Found, Error>, queue: &Queue| {
            let found = found?;
            queue.note_state(&found.row);
            found.known_limit(queue, &call)
        };
        let download = known(found.download, &self.queues.download);
        let upload = known(found.upload, &self.queues.upload);
        Ok(Observed {
            directions: PerDirection::new(download, upload),
        })
    }

    async fn counters(&self) -> Result<PerDirection<Counters>, Error> {
        let (found, _) = self.read_both(Operation::ReadCounters, COUNTERS).await?;
        let found = PerDirection::new(found.download?, found.upload?);
        Ok(found.map(|queue| counters(&queue.row)))
    }
}

/// The counters of a queue's row.
fn counters(row: &Row) -> Counters {
    Counters {
        bytes: row.number("bytes").map(Bytes::new),
        packets: row.number("packets"),
        dropped: row.number("dropped"),
        backlog: row.number("queued-bytes").map(Bytes::new),
        queued_packets: row.number("queued-packets"),
    }
}

/// Shows where the client points, never the credentials.
impl fmt::Debug for RouterOsRest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouterOsRest")
            .field("http", &self.http)
            .field("timeout", &self.timeout)
            .field("queues", &self.queues)
            .finish()
    }
}
