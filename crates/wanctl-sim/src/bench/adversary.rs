//! Attacks on a law's idea of the idle line: does it ever take a queue for the path?
//!
//! A law that learns how long a round trip takes without a queue can learn it wrong. A standing
//! queue that it takes for the path is then protected instead of emptied, perhaps for hours. An
//! [`Attack`] is a short case, made from a seed, in which that is tempting: the line is loaded
//! before the law has seen it idle, capacity falls while nobody looks or while the route changes,
//! somebody else's traffic makes cuts seem useless. [`Attack::play`] puts a law in charge and
//! looks at the provider's queues as they really are, from outside.
//!
//! # What counts as latching
//!
//! Every 100 ms, for each direction:
//!
//! - The queue is *real* when what waits at the provider takes at least [`STANDING`], or the time
//!   of [`STANDING_PACKETS`] full packets if that is longer, at the line's capacity of that
//!   moment.
//! - It is *curable* when the line carries anything, and, on download, when the streams that react
//!   to nothing fill less than [`UNREACTING`] of it. Our upload shaper can hold back everything.
//! - The law *works at it* when the rate it asks for is at most [`BELOW_CAPACITY`] of the
//!   capacity, so that the queue must shrink, or has been lowered by at least 1 % within the last
//!   second.
//!
//! A law that does not work at a real and curable queue for longer than [`LEFT_ALONE_FOR`] at a
//! stretch has [left it alone](Latch::LeftAlone); one under which a real and curable queue stands
//! for longer than [`STANDS_FOR`] at a stretch, whatever it tries, has [not cured
//! it](Latch::NotCured). Either is latching. A moment in which the queue is not real or not
//! curable ends a stretch. A download's queue of senders that pace as BBR does may be left alone
//! no longer than others, but it need not be cured: after a deep fall such a sender believes in
//! its old rate for many round trips, and a shaper behind the queue cannot make it.

mod cases;
mod watch;

use std::time::Duration;

use wanctl_types::{Direction, Millis, Timestamp};

use super::{Case, LawUnderTest, Plan, run_case};
use watch::Watch;

/// A queue that takes this long is a real one.
pub const STANDING: Duration = Duration::from_millis(30);
/// Unless that is less than the time of so many packets of 1,500 bytes.
pub const STANDING_PACKETS: f64 = 5.0;
/// Streams that react to nothing and fill this part of the download make a queue that no shaper
/// behind it can cure.
pub const UNREACTING: f64 = 0.9;
/// At this part of the capacity a shaper lets the provider's queue shrink.
pub const BELOW_CAPACITY: f64 = 0.97;
/// For so long a law may leave a real and curable queue alone.
pub const LEFT_ALONE_FOR: Duration = Duration::from_secs(5);
/// For so long a real and curable queue may stand.
pub const STANDS_FOR: Duration = Duration::from_secs(10);

/// What an attack consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Ruse {
    /// There is load before the law sees the line idle.
    LoadedStart,
    /// Capacity creeps away under load, by 1 to 4 % a second.
    Creep,
    /// Capacity falls in small steps that follow each other quickly.
    Staircase,
    /// Capacity of both directions falls at once, under load in both.
    BothFall,
    /// Capacity falls while the line is idle; load comes later.
    IdleFall,
    /// Capacity falls under load while the route becomes longer or shorter.
    RouteAndFall,
    /// The route becomes longer, and seconds later capacity falls by as much delay.
    RouteThenFall,
    /// Nothing is carried for a moment; afterwards there is less capacity.
    OutageAndFall,
    /// A stream that reacts to nothing takes part of the download for some seconds, so that cuts
    /// show less than they should.
    ForeignTraffic,
    /// A stream that reacts to nothing floods the download for some seconds: no cut helps.
    Flood,
    /// Capacity falls below what streams with a buffer ask for.
    StreamStarves,
    /// Capacity falls while one reflector drifts and one is silent.
    BadReflectors,
    /// Capacity falls on a path whose delay wanders by itself.
    NoisyFall,
}

impl Ruse {
    /// All of them. Seeds take turns at them in this order.
    pub const ALL: [Self; 13] = [
        Self::LoadedStart,
        Self::Creep,
        Self::Staircase,
        Self::BothFall,
        Self::IdleFall,
        Self::RouteAndFall,
        Self::RouteThenFall,
        Self::OutageAndFall,
        Self::ForeignTraffic,
        Self::Flood,
        Self::StreamStarves,
        Self::BadReflectors,
        Self::NoisyFall,
    ];
}

/// A case made to be misunderstood.
#[derive(Clone, Debug, PartialEq)]
pub struct Attack {
    /// The seed it was made from.
    pub seed: u64,
    /// What it consists of.
    pub ruse: Ruse,
    /// What the operator believes of the line.
    pub plan: Plan,
    /// The line, the traffic and the conditions.
    pub case: Case,
}

/// A queue that a law has learned to live with.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Latch {
    /// For longer than [`LEFT_ALONE_FOR`] the law did nothing about it.
    LeftAlone(Stretch),
    /// It stood for longer than [`STANDS_FOR`], whatever the law did.
    NotCured(Stretch),
}

/// A queue that stood.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    /// Whose queue it was.
    pub direction: Direction,
    /// From when on.
    pub from: Timestamp,
    /// For how long.
    pub length: Duration,
    /// The least it took within that time.
    pub least: Millis,
}

impl Attack {
    /// The attack of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        cases::attack(seed)
    }

    /// Plays it to a law built for its [`plan`](Self::plan). What is found comes in order of
    /// time; empty is good.
    #[must_use]
    pub fn play(&self, law: &mut dyn LawUnderTest) -> Vec<Latch> {
        let mut watch = Watch::new(law, &self.case);
        drop(run_case(&self.case, &mut watch));
        watch.latches()
    }
}

impl std::fmt::Display for Latch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (what, stretch) = match self {
            Self::LeftAlone(stretch) => ("left alone", stretch),
            Self::NotCured(stretch) => ("not cured", stretch),
        };
        write!(
            f,
            "{}: at least {:.0} ms for {:.1} s from {:.1} s on, {what}",
            stretch.direction.as_str(),
            stretch.least.get(),
            stretch.length.as_secs_f64(),
            stretch.from.since_origin().as_secs_f64(),
        )
    }
}

#[cfg(test)]
mod tests;
