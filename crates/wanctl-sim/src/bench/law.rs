//! A control law as the benchmark sees it.

use std::time::Duration;

use wanctl_types::{Bps, Bytes, Millis, PerDirection, Timestamp};

/// What the operator knows of the line: the rates it was sold with, right or wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// The rate of each direction.
    pub rates: PerDirection<Bps>,
}

/// A control law that can be put in charge of a simulated line.
pub trait LawUnderTest {
    /// One word, as in tables.
    fn name(&self) -> &str;

    /// Time from one call of [`step`](Self::step) to the next; whole milliseconds.
    fn interval(&self) -> Duration;

    /// How it probes.
    fn probing(&self) -> Probing;

    /// The rates before the first step.
    fn start(&self) -> PerDirection<Bps>;

    /// The rates that are wanted from `now` on.
    fn step(&mut self, now: Timestamp, seen: &Seen<'_>) -> PerDirection<Bps>;
}

/// How a law probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probing {
    /// Reflectors in use, 1 to 8.
    pub reflectors: usize,
    /// Time from one probe to a reflector to the next one to it; whole milliseconds.
    pub interval: Duration,
    /// Whether the reflectors are asked one after the other, spread over the interval, instead of
    /// all at once.
    pub spread: bool,
}

/// What a law gets to see at one step.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Answers that arrived since the previous step, oldest first.
    pub replies: &'a [ProbeReply],
    /// Per reflector: when the oldest probe left that is newer than any answered one and is not
    /// answered itself; `None` when there is none.
    pub waiting: &'a [Option<Timestamp>],
    /// Per reflector: probes given up as lost since the previous step, after a second.
    pub lost: &'a [u32],
    /// The newest readings of our shaper's counters; `None` before the first.
    pub counters: PerDirection<Option<CounterReading>>,
    /// What only an oracle may look at.
    pub truth: PerDirection<Truth>,
}

/// An answer to a probe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProbeReply {
    /// Which reflector, from 0.
    pub reflector: usize,
    /// When the probe left.
    pub sent_at: Timestamp,
    /// When the answer came.
    pub received_at: Timestamp,
    /// Round-trip time.
    pub rtt: Millis,
    /// One-way delays by ICMP timestamps, with the unknown offset of the reflector's clock in
    /// them (download minus, upload plus); `None` where timestamps are filtered.
    pub one_way: Option<PerDirection<Millis>>,
}

/// Our shaper's counters at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CounterReading {
    /// When the router was read.
    pub at: Timestamp,
    /// Bytes carried since the start.
    pub bytes: Bytes,
    /// Bytes waiting, where the router can tell.
    pub backlog: Option<Bytes>,
    /// Packets dropped or marked since the start, where the router can tell.
    pub drops: Option<u64>,
    /// Smoothed time that packets waited, where the router can tell.
    pub delay: Option<Duration>,
}

/// The state of the line in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Truth {
    /// Capacity now.
    pub capacity: Bps,
    /// Bytes in the provider's queue.
    pub provider_queue: Bytes,
}
