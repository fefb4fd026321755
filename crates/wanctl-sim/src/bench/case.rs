//! What one run of the benchmark consists of, apart from the law.

use std::time::Duration;

use wanctl_types::{Bps, Direction, Millis, Timestamp};

use super::line::Line;

/// A line, its traffic, the probes' conditions, and what the router can tell and do.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The line.
    pub line: Line,
    /// The traffic.
    pub demands: Demands,
    /// What the path does to packets besides queueing.
    pub noise: PathNoise,
    /// Reflectors that misbehave.
    pub faults: Vec<ReflectorFault>,
    /// Whether reflectors answer ICMP timestamp requests.
    pub timestamps: bool,
    /// How the router takes rates.
    pub actuation: Actuation,
    /// What the router counts.
    pub counters: CounterKind,
    /// Time from one reading of the counters to the next.
    pub counter_interval: Duration,
    /// How long it runs.
    pub duration: Duration,
    /// What comes before is not judged.
    pub warm_up: Duration,
    /// Seed of everything random in it.
    pub seed: u64,
}

/// Everything that wants to use the line.
pub type Demands = Vec<Flow>;

/// One source of traffic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flow {
    /// Which way its data goes.
    pub direction: Direction,
    /// When it starts.
    pub from: Timestamp,
    /// When it ends.
    pub to: Timestamp,
    /// What it is.
    pub kind: FlowKind,
}

/// What a source of traffic is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum FlowKind {
    /// A bulk transfer over TCP CUBIC (RFC 9438).
    Cubic,
    /// A bulk transfer that paces at its estimate of the bottleneck, as BBR does.
    Bbr,
    /// TCP CUBIC that is never asked for more than this rate, like a stream with a buffer.
    AppLimited {
        /// The application's rate.
        rate: Bps,
    },
    /// Pages: transfers over TCP CUBIC with pauses, both drawn from exponential distributions.
    Web {
        /// Mean size of a transfer, bytes.
        mean_bytes: u64,
        /// Mean pause after each.
        mean_pause: Duration,
    },
    /// A constant stream that reacts to nothing: a call, or a flood.
    Constant {
        /// Its rate.
        rate: Bps,
    },
}

/// What the path does to packets besides queueing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PathNoise {
    /// Mean of an exponential delay that each probe and each answer gets for itself.
    pub jitter: Millis,
    /// Part of the probes that meet a spike of 20 ms and an exponential with mean 40 ms.
    pub spikes: f64,
    /// Part of the probes that are lost.
    pub loss: f64,
    /// Standard deviation of a slowly wandering delay that all packets share (time constant 1 s);
    /// negative excursions count as zero.
    pub common: Millis,
    /// Whether the provider lets probes pass its queue.
    pub probes_prioritised: bool,
}

/// A reflector that misbehaves.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ReflectorFault {
    /// Never answers from `from` on.
    Silent {
        /// Which one, from 0.
        reflector: usize,
        /// Since when.
        from: Timestamp,
    },
    /// Answers later by a delay that grows from `from` on.
    Drifting {
        /// Which one, from 0.
        reflector: usize,
        /// Since when.
        from: Timestamp,
        /// Milliseconds more each second, up to 100 ms.
        ms_per_second: f64,
    },
    /// Answers only so many probes a second.
    RateLimited {
        /// Which one, from 0.
        reflector: usize,
        /// Answers a second.
        per_second: u32,
    },
}

/// How the router takes rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actuation {
    /// The shortest time from a step to the rate's being in force.
    pub least: Duration,
    /// The longest.
    pub most: Duration,
}

/// What the router counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CounterKind {
    /// Nothing.
    Nothing,
    /// Bytes carried.
    Bytes,
    /// RouterOS: bytes carried and bytes waiting; drops stay zero where CAKE is a leaf.
    RouterOs,
    /// Linux CAKE: all of it.
    Cake,
}
