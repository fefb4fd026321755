//! How fast the link serves at which time.

use std::fs;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use wanctl_types::{Bps, RateBound};

/// Length of one line of a trace.
const TRACE_BIN: Duration = Duration::from_millis(100);

/// Nanoseconds in a second: work is counted in bits times this number, so that it stays whole.
const NANOS: u64 = 1_000_000_000;

/// A serving rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rate {
    /// Packets do not wait.
    Unlimited,
    /// So many bits of IP packets per second; zero is an outage.
    Limited(Bps),
}

impl Rate {
    /// Time until `work` is done; `None` during an outage.
    pub(crate) fn time_for(self, work: Work) -> Option<Duration> {
        match self {
            Self::Unlimited => Some(Duration::ZERO),
            Self::Limited(Bps::ZERO) => None,
            Self::Limited(rate) => Some(Duration::from_nanos(work.0.div_ceil(rate.get()))),
        }
    }

    /// What is left of `work` after `time`.
    pub(crate) fn left_after(self, work: Work, time: Duration) -> Work {
        match self {
            Self::Unlimited => Work::NONE,
            Self::Limited(rate) => {
                let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
                Work(work.0.saturating_sub(rate.get().saturating_mul(nanos)))
            }
        }
    }
}

/// `unlimited`, or decimal megabits per second.
impl FromStr for Rate {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        if text == "unlimited" {
            return Ok(Self::Unlimited);
        }
        let mbps: f64 = text
            .parse()
            .map_err(|_| anyhow!("expected Mbit/s or `unlimited`, not `{text}`"))?;
        let bound = RateBound::from_mbps(mbps)
            .with_context(|| format!("expected Mbit/s, 0 or more, not `{text}`"))?;
        Ok(Self::Limited(bound.truncate()))
    }
}

/// Bits still to be served, times [`NANOS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Work(u64);

impl Work {
    /// Nothing to do.
    pub(crate) const NONE: Self = Self(0);

    /// The work of one packet.
    pub(crate) fn of(bytes: u64) -> Self {
        Self(bytes.saturating_mul(8 * NANOS))
    }
}

/// A rate and the time at which it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// The rate.
    pub(crate) rate: Rate,
    /// When another rate may begin; `Duration::MAX` for never.
    pub(crate) until: Duration,
}

/// A piecewise constant rate over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// When it begins, since the start of the emulator; its first rate holds before, too.
    start: Duration,
    /// Begin of each piece, ascending, the first at zero.
    pieces: Vec<(Duration, Rate)>,
    /// The pieces repeat after this time; `Duration::MAX` for never.
    period: Duration,
}

impl Schedule {
    /// One rate for ever.
    pub(crate) fn fixed(rate: Rate) -> Self {
        Self {
            start: Duration::ZERO,
            pieces: vec![(Duration::ZERO, rate)],
            period: Duration::MAX,
        }
    }

    /// Parses `SECOND:RATE,...`; the first second must be 0 and seconds must ascend.
    pub(crate) fn steps(text: &str) -> anyhow::Result<Self> {
        let pieces = text.split(',').map(step).collect::<Result<Vec<_>, _>>()?;
        ensure!(
            pieces.first().is_some_and(|(from, _)| from.is_zero()),
            "the first step must begin at second 0"
        );
        ensure!(
            pieces.is_sorted_by(|(earlier, _), (later, _)| earlier < later),
            "the seconds of the steps must ascend"
        );
        Ok(Self {
            start: Duration::ZERO,
            pieces,
            period: Duration::MAX,
        })
    }

    /// Reads a file as [`trace`](Self::trace) does.
    pub(crate) fn trace_file(path: &Path) -> anyhow::Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("read trace {}", path.display()))?;
        Self::trace(&text).with_context(|| format!("trace {}", path.display()))
    }

    /// Parses a CSV text: the last field of each line is the rate of the next 100 ms in Mbit/s.
    /// Empty lines and lines that start with `#` do not count. The end is followed by the
    /// beginning.
    pub(crate) fn trace(text: &str) -> anyhow::Result<Self> {
        let mut pieces = Vec::new();
        let mut from = Duration::ZERO;
        for (index, line) in text.lines().map(str::trim).enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let field = line.rsplit(',').next().unwrap_or(line).trim();
            let rate = field
                .parse()
                .with_context(|| format!("line {}", index + 1))?;
            pieces.push((from, rate));
            from += TRACE_BIN;
        }
        ensure!(!pieces.is_empty(), "no rate in it");
        Ok(Self {
            start: Duration::ZERO,
            pieces,
            period: from,
        })
    }

    /// The same, beginning at `start`.
    pub(crate) fn starting_at(self, start: Duration) -> Self {
        Self { start, ..self }
    }

    /// The rate at `now` and how long it holds.
    pub(crate) fn at(&self, now: Duration) -> Stretch {
        let now = now.saturating_sub(self.start);
        let begin = self.begin_of_period(now);
        let local = now.saturating_sub(begin);
        let next = self.pieces.partition_point(|(from, _)| *from <= local);
        let rate = self
            .pieces
            .get(next.saturating_sub(1))
            .map_or(Rate::Unlimited, |(_, rate)| *rate);
        let end = self.pieces.get(next).map_or(self.period, |(from, _)| *from);
        Stretch {
            rate,
            until: begin.saturating_add(end).saturating_add(self.start),
        }
    }

    fn begin_of_period(&self, now: Duration) -> Duration {
        let period = self.period.as_nanos();
        let nanos = now.as_nanos() / period * period;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

fn step(text: &str) -> anyhow::Result<(Duration, Rate)> {
    let (second, rate) = text
        .split_once(':')
        .ok_or_else(|| anyhow!("expected SECOND:RATE, not `{text}`"))?;
    let second: f64 = second
        .parse()
        .with_context(|| format!("second of step `{text}`"))?;
    let from = Duration::try_from_secs_f64(second).with_context(|| format!("step `{text}`"))?;
    Ok((from, rate.parse()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mbit(rate: u64) -> Rate {
        Rate::Limited(Bps::from_mbps(rate))
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_fixed_rate_never_ends() {
        let stretch = Schedule::fixed(mbit(50)).at(ms(5_000));
        assert_eq!(stretch.rate, mbit(50));
        assert_eq!(stretch.until, Duration::MAX);
    }

    #[test]
    fn steps_hold_until_the_next_begins() {
        let plan = Schedule::steps("0:50,30:25,60:unlimited").unwrap();
        assert_eq!(
            plan.at(ms(0)),
            Stretch {
                rate: mbit(50),
                until: ms(30_000)
            }
        );
        assert_eq!(plan.at(ms(29_999)).rate, mbit(50));
        assert_eq!(
            plan.at(ms(30_000)),
            Stretch {
                rate: mbit(25),
                until: ms(60_000)
            }
        );
        assert_eq!(
            plan.at(ms(90_000)),
            Stretch {
                rate: Rate::Unlimited,
                until: Duration::MAX
            }
        );
    }

    #[test]
    fn steps_out_of_order_are_refused() {
        for bad in ["5:50", "0:50,30:25,30:10", "0:50,-1:25", "0:x", "0", ""] {
            assert!(Schedule::steps(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_trace_repeats_in_bins_of_100_ms() {
        let plan = Schedule::trace("# time, rate\n0.0,10\n0.1,20\n\n0.2,30\n").unwrap();
        assert_eq!(
            plan.at(ms(99)),
            Stretch {
                rate: mbit(10),
                until: ms(100)
            }
        );
        assert_eq!(
            plan.at(ms(250)),
            Stretch {
                rate: mbit(30),
                until: ms(300)
            }
        );
        assert_eq!(
            plan.at(ms(3 * 300 + 100)),
            Stretch {
                rate: mbit(20),
                until: ms(1100)
            }
        );
    }

    #[test]
    fn a_plan_may_begin_later() {
        let plan = Schedule::trace("10\n20\n").unwrap().starting_at(ms(1_050));
        assert_eq!(
            plan.at(ms(1_060)),
            Stretch {
                rate: mbit(10),
                until: ms(1_150)
            }
        );
        assert_eq!(plan.at(ms(1_150)).rate, mbit(20));
        assert_eq!(plan.at(ms(1_250)).rate, mbit(10));
        let fixed = Schedule::fixed(mbit(50)).starting_at(ms(1_000));
        assert_eq!(fixed.at(ms(2_000)).until, Duration::MAX);
    }

    #[test]
    fn a_trace_names_the_line_it_cannot_read() {
        let error = Schedule::trace("10\nten\n").unwrap_err();
        assert!(format!("{error:#}").contains("line 2"), "{error:#}");
        assert!(Schedule::trace("# nothing\n").is_err());
    }

    #[test]
    fn work_and_time_are_inverse() {
        let packet = Work::of(1500);
        let time = mbit(50).time_for(packet).unwrap();
        assert_eq!(time, Duration::from_micros(240));
        assert_eq!(mbit(50).left_after(packet, time), Work(0));
        assert_eq!(mbit(50).left_after(packet, time / 2), Work::of(750));
        assert_eq!(mbit(0).time_for(packet), None);
    }
}
