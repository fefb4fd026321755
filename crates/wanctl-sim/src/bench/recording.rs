//! What a run of the benchmark leaves behind.

use std::time::Duration;

use wanctl_types::{Bps, Bytes, Millis, PerDirection, Timestamp};

/// Length of one bin of a recording.
pub const RECORDING_BIN: Duration = Duration::from_millis(100);

/// Everything that happened, for metrics to be computed from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    /// The round trips of a sparse flow that the law does not know, 50 a second.
    pub sparse: Vec<SparseSample>,
    /// Per direction, one entry for each [`RECORDING_BIN`].
    pub bins: PerDirection<Vec<DirectionBin>>,
    /// When a rate was written to the router.
    pub writes: PerDirection<Vec<(Timestamp, Bps)>>,
}

/// One round trip of the sparse flow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SparseSample {
    /// When it was sent.
    pub sent_at: Timestamp,
    /// Time it spent in queues, the provider's and ours, both ways; `None` when it was dropped.
    pub added: Option<Millis>,
    /// The part of it spent in the provider's queues.
    pub provider: Millis,
}

/// What happened in one direction within one bin.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DirectionBin {
    /// What the line could have carried.
    pub capacity: Bytes,
    /// What left the bottleneck towards its receiver.
    pub delivered: Bytes,
    /// Whether a bulk flow wanted more all the time: a greedy source was active.
    pub wanted: bool,
    /// Part of the bin during which packets waited in our shaper, 0 to 1.
    pub our_queue: f64,
    /// Part of the bin during which more than one packet waited at the provider, 0 to 1.
    pub provider_queue: f64,
    /// The shaper's rate at the end of the bin.
    pub rate: Bps,
    /// Packets dropped by the provider.
    pub provider_drops: u64,
    /// Packets dropped by our shaper.
    pub our_drops: u64,
}
