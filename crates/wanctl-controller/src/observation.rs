//! What one step gets to see.

use core::time::Duration;

use arrayvec::ArrayVec;
use serde::{Deserialize, Serialize};
use wanctl_types::{Bytes, Millis, PerDirection};

/// Most reflectors one WAN may have.
pub const MAX_REFLECTORS: usize = 8;

/// Everything a control law may base one step on. Fixed size; copying it allocates nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// One entry per probed reflector, in the order of the configuration.
    pub reflectors: ArrayVec<ReflectorObservation, MAX_REFLECTORS>,
    /// What the reserve checks found; only looked at when no reflector answered.
    pub reachability: Option<Reachability>,
    /// What is known of each direction's traffic.
    pub link: PerDirection<LinkObservation>,
}

/// What one reflector said in this round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReflectorObservation {
    /// RTT of this round's probe; `None` if it was not answered in time.
    pub rtt: Option<Millis>,
    /// Time since the answer arrived, at the moment of the step; zero without an answer.
    pub age: Duration,
    /// Probes to this reflector given up as lost since the last step.
    pub lost: u32,
    /// Probes to this reflector still on their way.
    pub outstanding: u32,
    /// How long the oldest probe has been on its way that left after every answered one; `None`
    /// when there is none. The round trip will be at least as long.
    #[serde(default)]
    pub overdue: Option<Duration>,
    /// One-way delays of this round's probe by ICMP timestamps (RFC 792), with the unknown offset
    /// of the reflector's clock in them; `None` where the reflector does not stamp.
    #[serde(default)]
    pub one_way: Option<PerDirection<Millis>>,
}

/// What still answered while ICMP was silent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reachability {
    /// A TCP connection succeeded; the median connect time.
    Tcp(Millis),
    /// Only the gateway answered.
    GatewayOnly,
    /// Nothing answered, or the checks are switched off.
    Nothing,
}

/// What is known of one direction's traffic. Each part is absent where the router cannot tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LinkObservation {
    /// Traffic carried.
    pub load: Option<LoadObservation>,
    /// State of our shaper's queue.
    pub queue: Option<QueueObservation>,
}

/// Traffic carried since the previous reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadObservation {
    /// Bytes carried between the two readings.
    pub bytes: Bytes,
    /// Time between the two readings.
    pub interval: Duration,
    /// Age of the newer reading at the moment of the step.
    pub age: Duration,
}

/// State of our shaper's queue. Each figure is absent where the router does not count it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueObservation {
    /// Bytes waiting.
    pub backlog: Option<Bytes>,
    /// Packets dropped between the two newest readings.
    pub drops: Option<u64>,
    /// How long packets wait in the queue.
    pub delay: Option<Duration>,
    /// Age of the reading at the moment of the step.
    pub age: Duration,
}
