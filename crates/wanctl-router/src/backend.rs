//! The port to whatever shapes the traffic.

use std::time::Duration;

use async_trait::async_trait;
use wanctl_types::{Bps, Bytes, PerDirection};

use crate::Error;

/// Rates to set; `None` leaves a direction as it is.
pub type Limits = PerDirection<Option<Bps>>;

/// A router or a host whose queues can be given a rate.
#[async_trait]
pub trait Backend: Send + Sync {
    /// What this backend can do; fixed for its lifetime.
    fn capabilities(&self) -> Capabilities;

    /// Sets the given rates and says what really happened, direction by direction: one may
    /// succeed while the other fails.
    async fn apply(&self, limits: Limits) -> Applied;

    /// Reads both rates back without changing anything, and says what came of it direction by
    /// direction: one queue may be missing while the other is there.
    ///
    /// # Errors
    ///
    /// Why nothing could be read at all.
    async fn observe(&self) -> Result<Observed, Error>;

    /// Reads both queues' counters.
    ///
    /// # Errors
    ///
    /// Why they could not be read; [`Error::Unsupported`] when this backend has none.
    async fn counters(&self) -> Result<PerDirection<Counters>, Error>;
}

/// What a backend can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Which counters it offers.
    pub counters: QueueCounters,
    /// Whether each accepted change wears the device's flash memory.
    pub wears_flash: bool,
    /// The shortest sensible time between two changes.
    pub min_interval: Duration,
}

impl Capabilities {
    /// Describes a backend.
    #[must_use]
    pub const fn new(counters: QueueCounters, wears_flash: bool, min_interval: Duration) -> Self {
        Self {
            counters,
            wears_flash,
            min_interval,
        }
    }
}

/// Which counters a backend offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueCounters {
    /// Bytes carried.
    pub bytes: bool,
    /// Bytes waiting.
    pub backlog: bool,
    /// Packets dropped. Where CAKE is a leaf of a RouterOS queue this may stay zero for ever.
    pub drops: bool,
}

/// What an [`Backend::apply`] came to. A direction that was not asked for is `None`.
#[derive(Debug, Default)]
#[must_use]
pub struct Applied {
    /// Per direction: the rate read back, or why it is unknown.
    pub directions: PerDirection<Option<Result<Outcome, Error>>>,
}

/// What a [`Backend::observe`] came to.
#[derive(Debug)]
#[must_use]
pub struct Observed {
    /// Per direction: the rate the device has, or why it is unknown. Zero stands for a queue
    /// without a limit.
    pub directions: PerDirection<Result<Bps, Error>>,
}

impl Observed {
    /// Both rates.
    ///
    /// # Errors
    ///
    /// Why the first of them that is unknown could not be read.
    pub fn both(self) -> Result<PerDirection<Bps>, Error> {
        let PerDirection { download, upload } = self.directions;
        Ok(PerDirection::new(download?, upload?))
    }
}

/// Both rates are known.
impl From<PerDirection<Bps>> for Observed {
    fn from(rates: PerDirection<Bps>) -> Self {
        Self {
            directions: rates.map(Ok),
        }
    }
}

/// A rate that was set and read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The rate the device says it now has.
    pub observed: Bps,
    /// From handing over the request to having read the answer.
    pub latency: Duration,
}

/// One queue's counters, since the device started or they were reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Bytes carried.
    pub bytes: Option<Bytes>,
    /// Packets carried.
    pub packets: Option<u64>,
    /// Packets dropped.
    pub dropped: Option<u64>,
    /// Bytes waiting now.
    pub backlog: Option<Bytes>,
    /// Packets waiting now.
    pub queued_packets: Option<u64>,
}
