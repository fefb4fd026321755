//! What a [`Recording`] says of a law, in figures.
//!
//! | figure | definition |
//! |---|---|
//! | `delay-p50`, `-p95`, `-p99`, `-max` | queueing delay of the sparse flow, both ways, ms; percentiles by nearest rank |
//! | `delay-above-30`, `-above-100` | part of the sparse flow's packets with more than 30 or 100 ms of it, lost ones included |
//! | `delay-p95-unmasked` | as `delay-p95`, dead time included |
//! | `sparse-loss` | part of the sparse flow's packets that were dropped |
//! | `rpm` | 60 000 ms over the mean round trip of the sparse flow: round trips a minute |
//! | `utilisation-D` | what left the bottleneck of a judged direction, of what the line could have carried while bulk traffic wanted it |
//! | `binding-D` | part of the time in which bulk traffic wanted more, and packets waited in our shaper |
//! | `oscillation-D` | standard deviation over mean of the rate, in the units of the capacity, once the capacity has been the same for 10 s |
//! | `moved-D` | of a direction without bulk traffic: how far its rate ever was from where it was when traffic began, relative |
//! | `below-97-D`, `below-70-D` | of such a direction: part of the time that its rate was below 0.97 and 0.70 of that |
//! | `false-cuts` | cuts an hour in either direction that had no reason |
//! | `writes` | requests to the router a minute |
//! | `settle-N` | capacity fell in event N: seconds until the last packet of the sparse flow with more than 30 ms of delay arrived |
//! | `area-N` | its delay integrated over the time from event N to the next, ms·s |
//! | `reach-N` | capacity rose in event N: seconds until the rate first was 90 % of it |
//! | `overshoot-N` | most delay within 10 s after that, ms |
//! | `dip-N` | capacity stayed in event N: longest time that a rate was below 0.70 of what it was before, seconds |
//! | `recovery-N` | seconds after which the rates, each averaged over a second, stayed above 0.90 of what they were before for 5 s |
//!
//! Nothing before the warm-up counts. *Dead time* is a bin in which a direction's capacity is below
//! 2 % of its mean: no law can do anything about it. Packets of the sparse flow that were under
//! way in it are left out of the delays, the bins out of binding. A *cut* is a rate that ends a
//! second 3 % or more below the greatest in it. It had no reason when packets waited at the provider
//! for less than 5 % of that second and the one before, unless a line that was 90 % full got
//! smaller than the rate. `settle`, `dip` and `recovery`
//! end with the next event, with the run, or after 20 s: a larger value does not occur.

mod delay;
mod direction;
mod event;
mod view;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use wanctl_types::Direction;

use super::{Case, Judged, Recording};
use view::View;

/// One figure of a run. Directions and events it belongs to are part of it; events count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Metric {
    /// Median added delay, ms.
    DelayP50,
    /// 95th percentile of the added delay, ms.
    DelayP95,
    /// 99th percentile of the added delay, ms.
    DelayP99,
    /// Most added delay, ms.
    DelayMax,
    /// Part of the packets above 30 ms or lost, 0 to 1.
    DelayAbove30,
    /// Part of the packets above 100 ms or lost, 0 to 1.
    DelayAbove100,
    /// 95th percentile of the added delay with dead time in it, ms.
    DelayP95Unmasked,
    /// Part of the packets of the sparse flow that were dropped, 0 to 1.
    SparseLoss,
    /// Round trips a minute.
    Rpm,
    /// Use of the capacity, 0 to 1.
    Utilisation(Direction),
    /// Part of the wanted time in which our shaper held the queue, 0 to 1.
    Binding(Direction),
    /// Coefficient of variation of the rate while the capacity is steady.
    Oscillation(Direction),
    /// Greatest relative change of the rate of a direction without bulk traffic.
    Moved(Direction),
    /// Part of the time that such a rate was below 0.97 of what it was, 0 to 1.
    Below97(Direction),
    /// Part of the time that such a rate was below 0.70 of what it was, 0 to 1.
    Below70(Direction),
    /// Cuts an hour without a reason.
    FalseCuts,
    /// Requests to the router a minute.
    Writes,
    /// Time until the delay stays below 30 ms, s.
    Settle(u8),
    /// Delay over time, ms·s.
    Area(u8),
    /// Time until the rate is 90 % of the capacity, s.
    Reach(u8),
    /// Most delay after a rise, ms.
    Overshoot(u8),
    /// Longest time below 0.70 of the rate before, s.
    Dip(u8),
    /// Time until rates stay at 0.90 of what they were before, s.
    Recovery(u8),
}

/// Which values of a figure are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Small ones.
    Lower,
    /// Large ones.
    Higher,
}

/// What a figure counts, for printing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// Milliseconds.
    Millis,
    /// Milliseconds times seconds.
    MillisSeconds,
    /// Seconds.
    Seconds,
    /// A part of one, printed in percent.
    Share,
    /// So many an hour.
    PerHour,
    /// So many a minute.
    PerMinute,
}

/// The figures of one run. What a case has no occasion for is absent.
pub type Figures = BTreeMap<Metric, f64>;

/// Computes the figures of a run of `case`; `judged` and `events` are those of its scene.
#[must_use]
pub fn measure(case: &Case, judged: Judged, events: &[Duration], recording: &Recording) -> Figures {
    let view = View::new(case, judged, events, recording);
    let mut figures = Figures::new();
    delay::measure(&view, &mut figures);
    direction::measure(&view, &mut figures);
    event::measure(&view, &mut figures);
    figures
}

impl Metric {
    /// Which values are good.
    #[must_use]
    pub const fn better(self) -> Better {
        match self {
            Self::Rpm | Self::Utilisation(_) | Self::Binding(_) => Better::Higher,
            Self::DelayP50
            | Self::DelayP95
            | Self::DelayP99
            | Self::DelayMax
            | Self::DelayAbove30
            | Self::DelayAbove100
            | Self::DelayP95Unmasked
            | Self::SparseLoss
            | Self::Oscillation(_)
            | Self::Moved(_)
            | Self::Below97(_)
            | Self::Below70(_)
            | Self::FalseCuts
            | Self::Writes
            | Self::Settle(_)
            | Self::Area(_)
            | Self::Reach(_)
            | Self::Overshoot(_)
            | Self::Dip(_)
            | Self::Recovery(_) => Better::Lower,
        }
    }

    /// The number of the event that it belongs to.
    #[must_use]
    pub const fn event(self) -> Option<u8> {
        if let Self::Settle(event)
        | Self::Area(event)
        | Self::Reach(event)
        | Self::Overshoot(event)
        | Self::Dip(event)
        | Self::Recovery(event) = self
        {
            Some(event)
        } else {
            None
        }
    }

    /// What it counts.
    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::DelayP50
            | Self::DelayP95
            | Self::DelayP99
            | Self::DelayMax
            | Self::DelayP95Unmasked
            | Self::Overshoot(_) => Unit::Millis,
            Self::DelayAbove30
            | Self::DelayAbove100
            | Self::SparseLoss
            | Self::Utilisation(_)
            | Self::Binding(_)
            | Self::Oscillation(_)
            | Self::Moved(_)
            | Self::Below97(_)
            | Self::Below70(_) => Unit::Share,
            Self::FalseCuts => Unit::PerHour,
            Self::Rpm | Self::Writes => Unit::PerMinute,
            Self::Area(_) => Unit::MillisSeconds,
            Self::Settle(_) | Self::Reach(_) | Self::Dip(_) | Self::Recovery(_) => Unit::Seconds,
        }
    }
}

/// Its name in files and tables.
impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DelayP50 => f.write_str("delay-p50"),
            Self::DelayP95 => f.write_str("delay-p95"),
            Self::DelayP99 => f.write_str("delay-p99"),
            Self::DelayMax => f.write_str("delay-max"),
            Self::DelayAbove30 => f.write_str("delay-above-30"),
            Self::DelayAbove100 => f.write_str("delay-above-100"),
            Self::DelayP95Unmasked => f.write_str("delay-p95-unmasked"),
            Self::SparseLoss => f.write_str("sparse-loss"),
            Self::Rpm => f.write_str("rpm"),
            Self::Utilisation(direction) => write!(f, "utilisation-{direction}"),
            Self::Binding(direction) => write!(f, "binding-{direction}"),
            Self::Oscillation(direction) => write!(f, "oscillation-{direction}"),
            Self::Moved(direction) => write!(f, "moved-{direction}"),
            Self::Below97(direction) => write!(f, "below-97-{direction}"),
            Self::Below70(direction) => write!(f, "below-70-{direction}"),
            Self::FalseCuts => f.write_str("false-cuts"),
            Self::Writes => f.write_str("writes"),
            Self::Settle(event) => write!(f, "settle-{event}"),
            Self::Area(event) => write!(f, "area-{event}"),
            Self::Reach(event) => write!(f, "reach-{event}"),
            Self::Overshoot(event) => write!(f, "overshoot-{event}"),
            Self::Dip(event) => write!(f, "dip-{event}"),
            Self::Recovery(event) => write!(f, "recovery-{event}"),
        }
    }
}

impl Unit {
    /// A value with its unit, as in tables.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Millis => format!("{value:.1} ms"),
            Self::MillisSeconds => format!("{value:.0} ms·s"),
            Self::Seconds => format!("{value:.2} s"),
            Self::Share => format!("{:.1} %", value * 100.0),
            Self::PerHour => format!("{value:.1}/h"),
            Self::PerMinute => format!("{value:.0}/min"),
        }
    }
}

#[cfg(test)]
mod tests;
