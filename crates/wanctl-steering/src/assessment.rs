//! What one WAN is like.

use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};
use wanctl_types::Millis;

use crate::{Limits, QueueObservation};

/// The three colours, and the two verdicts that are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Level {
    /// Nothing is amiss.
    Green,
    /// Not good, not bad.
    Yellow,
    /// Congested.
    Red,
    /// Nothing comes through.
    Down,
    /// Not enough is known to say. It is never taken for GREEN.
    Unknown,
}

impl Level {
    /// The code that the history stores: GREEN 0, YELLOW 1, RED 2, and an outage as RED; `None`
    /// when nothing is known.
    #[must_use]
    pub const fn code(self) -> Option<u8> {
        match self {
            Self::Green => Some(0),
            Self::Yellow => Some(1),
            Self::Red | Self::Down => Some(2),
            Self::Unknown => None,
        }
    }

    /// The name in health answers and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Green => "GREEN",
            Self::Yellow => "YELLOW",
            Self::Red => "RED",
            Self::Down => "DOWN",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How one WAN does, smoothed; each figure is the lower median over the targets that answer, so
/// that one bad target of three changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Round-trip time.
    pub rtt: Millis,
    /// Round-trip time above the idle one.
    pub delay: Millis,
    /// Mean difference between successive round trips.
    pub jitter: Millis,
    /// Share of probes lost, 0 to 1.
    pub loss: f64,
}

/// What one percent of loss is worth in delay. Chosen: for voice, ITU-T G.107 puts it well above
/// this.
const LOSS_COST_MS_PER_PERCENT: f64 = 20.0;

/// A receiver's buffer holds back about twice the mean jitter.
const JITTER_COST: f64 = 2.0;

impl Quality {
    /// One number to compare WANs by: round trip, jitter and loss in milliseconds.
    #[must_use]
    pub fn cost(&self) -> Millis {
        let loss = self.loss * 100.0 * LOSS_COST_MS_PER_PERCENT;
        Millis::saturating(self.rtt.get() + JITTER_COST * self.jitter.get() + loss)
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rtt, delay, jitter, ..
        } = self;
        let loss = self.loss * 100.0;
        write!(f, "{rtt} (+{delay}, jitter {jitter}, loss {loss:.1}%)")
    }
}

/// What one WAN is judged to be, and what that rests on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assessment {
    /// Not measured for long enough.
    Unknown {
        /// How long it has been measured.
        measured: Duration,
        /// How long it takes.
        needed: Duration,
    },
    /// Fewer targets answer than the quorum.
    Down {
        /// How long the target that decides has been silent.
        silent: Duration,
        /// Targets that answer.
        answering: usize,
        /// Targets that must.
        quorum: usize,
    },
    /// Nothing is amiss.
    Green {
        /// How it does.
        quality: Quality,
    },
    /// Not good, not bad.
    Yellow {
        /// How it does.
        quality: Quality,
        /// Which limit it exceeds.
        cause: Cause,
    },
    /// Congested.
    Red {
        /// How it does.
        quality: Quality,
        /// Which limit it exceeds.
        cause: Cause,
    },
}

impl Assessment {
    /// Its colour.
    #[must_use]
    pub const fn level(&self) -> Level {
        match self {
            Self::Unknown { .. } => Level::Unknown,
            Self::Down { .. } => Level::Down,
            Self::Green { .. } => Level::Green,
            Self::Yellow { .. } => Level::Yellow,
            Self::Red { .. } => Level::Red,
        }
    }

    /// How it does, where it answers.
    #[must_use]
    pub const fn quality(&self) -> Option<&Quality> {
        match self {
            Self::Unknown { .. } | Self::Down { .. } => None,
            Self::Green { quality } | Self::Yellow { quality, .. } | Self::Red { quality, .. } => {
                Some(quality)
            }
        }
    }

    /// Whether it answers.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        self.quality().is_some()
    }

    /// Judges a WAN that answers. Queue and drops are evidence where they are known; nothing is
    /// better for their absence.
    pub(crate) fn of(quality: Quality, queue: Option<&QueueObservation>, limits: &Limits) -> Self {
        if let Some(cause) = red_cause(&quality, queue, limits) {
            return Self::Red { quality, cause };
        }
        match yellow_cause(&quality, queue, limits) {
            Some(cause) => Self::Yellow { quality, cause },
            None => Self::Green { quality },
        }
    }
}

impl fmt::Display for Assessment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = self.level();
        match self {
            Self::Unknown { measured, needed } => write!(
                f,
                "{level}: measured for {:.1} s of {:.1} s",
                measured.as_secs_f64(),
                needed.as_secs_f64()
            ),
            Self::Down {
                silent,
                answering,
                quorum,
            } => write!(
                f,
                "{level}: {answering} of the {quorum} targets needed answer, silent for {:.1} s",
                silent.as_secs_f64()
            ),
            Self::Green { quality } => write!(f, "{level}: {quality}"),
            Self::Yellow { quality, cause } | Self::Red { quality, cause } => {
                write!(f, "{level}: {quality}; {cause}")
            }
        }
    }
}

/// Which limit was exceeded, with both numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cause {
    /// The delay above the idle round trip.
    Delay {
        /// The delay, smoothed.
        found: Millis,
        /// The limit.
        limit: Millis,
    },
    /// Probes lost.
    Loss {
        /// Their share, 0 to 1.
        found: f64,
        /// The limit.
        limit: f64,
    },
    /// The round trip varies.
    Jitter {
        /// The jitter, smoothed.
        found: Millis,
        /// The limit.
        limit: Millis,
    },
    /// Packets wait in the shaper's queue.
    Queue {
        /// How many.
        found: u64,
        /// The limit.
        limit: u64,
    },
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delay { found, limit } => write!(f, "delay {found} above {limit}"),
            Self::Loss { found, limit } => {
                write!(f, "loss {:.1}% above {:.1}%", found * 100.0, limit * 100.0)
            }
            Self::Jitter { found, limit } => write!(f, "jitter {found} above {limit}"),
            Self::Queue { found, limit } => {
                write!(f, "{found} packets wait, {limit} or more are too many")
            }
        }
    }
}

fn red_cause(
    quality: &Quality,
    queue: Option<&QueueObservation>,
    limits: &Limits,
) -> Option<Cause> {
    let dropping = queue
        .is_some_and(|queue| queue.drops >= limits.red_drops && queue.queued >= limits.red_queue);
    // With drops from a long queue beside it, a delay that is YELLOW is RED.
    let delay = if dropping {
        limits.yellow_delay
    } else {
        limits.red_delay
    };
    exceeded(quality, delay, limits.red_loss, Some(limits.red_jitter))
}

fn yellow_cause(
    quality: &Quality,
    queue: Option<&QueueObservation>,
    limits: &Limits,
) -> Option<Cause> {
    exceeded(quality, limits.yellow_delay, limits.yellow_loss, None).or_else(|| {
        let found = queue?.queued;
        let limit = limits.yellow_queue;
        (found >= limit).then_some(Cause::Queue { found, limit })
    })
}

fn exceeded(quality: &Quality, delay: Millis, loss: f64, jitter: Option<Millis>) -> Option<Cause> {
    if quality.delay > delay {
        return Some(Cause::Delay {
            found: quality.delay,
            limit: delay,
        });
    }
    if quality.loss > loss {
        return Some(Cause::Loss {
            found: quality.loss,
            limit: loss,
        });
    }
    let limit = jitter?;
    let found = quality.jitter;
    (found > limit).then_some(Cause::Jitter { found, limit })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(value: f64) -> Millis {
        Millis::saturating(value)
    }

    fn quality(delay: f64, jitter: f64, loss: f64) -> Quality {
        Quality {
            rtt: ms(25.0 + delay),
            delay: ms(delay),
            jitter: ms(jitter),
            loss,
        }
    }

    fn queue(drops: u64, queued: u64) -> QueueObservation {
        QueueObservation {
            drops,
            queued,
            interval: Duration::from_millis(500),
            age: Duration::ZERO,
        }
    }

    fn level(quality: Quality, queue: Option<QueueObservation>, limits: &Limits) -> Level {
        Assessment::of(quality, queue.as_ref(), limits).level()
    }

    #[test]
    fn delay_loss_and_jitter_each_suffice_for_red() {
        let limits = Limits::default();
        assert_eq!(level(quality(15.0, 0.0, 0.0), None, &limits), Level::Green);
        assert_eq!(level(quality(15.1, 0.0, 0.0), None, &limits), Level::Red);
        assert_eq!(level(quality(0.0, 30.1, 0.0), None, &limits), Level::Red);
        assert_eq!(level(quality(0.0, 0.0, 0.026), None, &limits), Level::Red);
        assert_eq!(level(quality(0.0, 0.0, 0.02), None, &limits), Level::Yellow);
    }

    #[test]
    fn a_queue_alone_is_yellow_and_drops_alone_are_nothing() {
        let limits = Limits::default();
        let calm = quality(3.0, 1.0, 0.0);
        assert_eq!(level(calm, Some(queue(0, 10)), &limits), Level::Yellow);
        assert_eq!(level(calm, Some(queue(500, 9)), &limits), Level::Green);
    }

    #[test]
    fn drops_from_a_long_queue_make_a_yellow_delay_red() {
        let limits = Limits {
            red_delay: ms(40.0),
            ..Limits::default()
        };
        let busy = quality(20.0, 1.0, 0.0);
        assert_eq!(level(busy, None, &limits), Level::Yellow);
        assert_eq!(level(busy, Some(queue(0, 400)), &limits), Level::Yellow);
        assert_eq!(level(busy, Some(queue(1, 50)), &limits), Level::Red);
    }

    #[test]
    fn loss_and_jitter_cost_delay() {
        assert_eq!(quality(5.0, 10.0, 0.03).cost(), ms(30.0 + 20.0 + 60.0));
    }

    #[test]
    fn what_is_unknown_has_no_code() {
        assert_eq!(Level::Unknown.code(), None);
        assert_eq!(Level::Down.code(), Level::Red.code());
    }
}
