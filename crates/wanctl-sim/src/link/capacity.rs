//! What the provider's line can carry, over time.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use wanctl_types::{Bps, Timestamp};

use crate::{Error, Schedule};

/// Length of one bin of a trace.
const BIN: Duration = Duration::from_millis(100);

/// What one direction of the line can carry, over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Capacity {
    rate: Rate,
    wobble: Option<Wobble>,
}

#[derive(Clone, Debug, PartialEq)]
enum Rate {
    Scheduled(Schedule<Bps>),
    /// One rate for each 100 ms, from the start again after the end. Never empty.
    Trace(Vec<Bps>),
}

/// A seeded unsteadiness: every `period` the capacity is multiplied by a fresh number drawn
/// evenly from `1 - depth ..= 1`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wobble {
    /// How much may be missing, from 0 (nothing) to 1 (everything); clamped.
    pub depth: f64,
    /// Time from one draw to the next; at least 1 ms.
    pub period: Duration,
}

impl Capacity {
    /// The same rate for ever.
    #[must_use]
    pub const fn constant(rate: Bps) -> Self {
        Self::scheduled(Schedule::constant(rate))
    }

    /// A rate that changes at given times.
    #[must_use]
    pub const fn scheduled(rates: Schedule<Bps>) -> Self {
        Self {
            rate: Rate::Scheduled(rates),
            wobble: None,
        }
    }

    /// One rate for each 100 ms, from the start again after the end.
    ///
    /// # Errors
    ///
    /// [`Error::EmptyTrace`] without a single bin.
    pub fn trace(bins: Vec<Bps>) -> Result<Self, Error> {
        if bins.is_empty() {
            return Err(Error::EmptyTrace);
        }
        Ok(Self {
            rate: Rate::Trace(bins),
            wobble: None,
        })
    }

    /// Reads a trace of 100 ms bins: one line for each, decimal Mbit/s in the last of its
    /// comma-separated columns. Empty lines, lines starting with `#` and a first line of column
    /// names are skipped.
    ///
    /// # Errors
    ///
    /// [`Error::TraceLine`] for a line without a rate, [`Error::EmptyTrace`] when none has one.
    pub fn from_csv(text: &str) -> Result<Self, Error> {
        Self::trace(read_trace(text)?)
    }

    /// Makes the capacity unsteady.
    #[must_use]
    pub const fn with_wobble(mut self, wobble: Wobble) -> Self {
        self.wobble = Some(wobble);
        self
    }

    /// The rate planned for the origin of the clock, wobble left out.
    #[must_use]
    pub fn at_start(&self) -> Bps {
        match &self.rate {
            Rate::Scheduled(rates) => *rates.at(Duration::ZERO),
            Rate::Trace(bins) => bins.first().copied().unwrap_or(Bps::ZERO),
        }
    }
}

/// The bins of a trace as [`Capacity::from_csv`] reads it; may be none.
pub(crate) fn read_trace(text: &str) -> Result<Vec<Bps>, Error> {
    let lines = text.lines().map(str::trim).zip(1..);
    let mut bins = Vec::new();
    for (line, number) in lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#')) {
        let column = line.rsplit(',').next().unwrap_or(line).trim();
        match column.parse::<f64>() {
            Ok(mbps) if mbps.is_finite() && mbps >= 0.0 => {
                bins.push(Bps::truncating(mbps * 1e6));
            }
            Err(_) if bins.is_empty() && number == 1 => {}
            Ok(_) | Err(_) => {
                return Err(Error::TraceLine {
                    number,
                    text: line.to_owned(),
                });
            }
        }
    }
    Ok(bins)
}

/// Reads a [`Capacity`] step by step.
#[derive(Clone, Debug)]
pub(crate) struct CapacityCursor {
    capacity: Capacity,
    passed: usize,
    rng: ChaCha8Rng,
    factor: f64,
    next_draw: Timestamp,
}

impl CapacityCursor {
    pub(crate) fn new(capacity: Capacity, seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self {
            capacity,
            passed: 0,
            rng,
            factor: 1.0,
            next_draw: Timestamp::ZERO,
        }
    }

    /// The capacity of the step that starts at `now`. Steps must be asked for in order.
    pub(crate) fn step(&mut self, now: Timestamp) -> Bps {
        let planned = match &self.capacity.rate {
            Rate::Scheduled(rates) => *rates.follow(now, &mut self.passed),
            Rate::Trace(bins) => bin_at(bins, now),
        };
        let Some(wobble) = self.capacity.wobble else {
            return planned;
        };
        if now >= self.next_draw {
            self.factor = wobble
                .depth
                .clamp(0.0, 1.0)
                .mul_add(-self.rng.random::<f64>(), 1.0);
            self.next_draw = now + wobble.period.max(Duration::from_millis(1));
        }
        Bps::truncating(planned.as_f64() * self.factor)
    }
}

fn bin_at(bins: &[Bps], now: Timestamp) -> Bps {
    let bin = now.since_origin().as_millis() / BIN.as_millis();
    let index = usize::try_from(bin)
        .unwrap_or(usize::MAX)
        .checked_rem(bins.len());
    index
        .and_then(|index| bins.get(index))
        .copied()
        .unwrap_or(Bps::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_micros(ms * 1_000)
    }

    #[test]
    fn a_trace_is_read_and_starts_again() {
        let capacity = Capacity::from_csv("time_s,mbps\n# made up\n0.0,10\n\n0.1,0.000\n").unwrap();
        let mut cursor = CapacityCursor::new(capacity, 1, 1);
        assert_eq!(cursor.step(at(99)), Bps::from_mbps(10));
        assert_eq!(cursor.step(at(100)), Bps::ZERO);
        assert_eq!(cursor.step(at(200)), Bps::from_mbps(10));
    }

    #[test]
    fn a_bad_line_is_named() {
        let error = Capacity::from_csv("10\nfast\n").unwrap_err();
        assert!(
            matches!(error, Error::TraceLine { number: 2, .. }),
            "{error}"
        );
        assert!(matches!(
            Capacity::from_csv("mbps\n"),
            Err(Error::EmptyTrace)
        ));
        assert!(matches!(
            Capacity::from_csv("-1\n"),
            Err(Error::TraceLine { .. })
        ));
    }

    #[test]
    fn wobble_stays_within_its_depth_and_repeats_for_a_seed() {
        let wobble = Wobble {
            depth: 0.3,
            period: Duration::from_millis(10),
        };
        let capacity = Capacity::constant(Bps::from_mbps(100)).with_wobble(wobble);
        let rates = |seed| {
            let mut cursor = CapacityCursor::new(capacity.clone(), seed, 1);
            (0..1_000).map(|ms| cursor.step(at(ms))).collect::<Vec<_>>()
        };
        let seen = rates(7);
        assert!(
            seen.iter()
                .all(|rate| (70.0..=100.0).contains(&rate.as_mbps()))
        );
        assert!(seen.iter().any(|rate| rate.as_mbps() < 75.0));
        assert_eq!(seen, rates(7));
        assert_ne!(seen, rates(8));
    }
}
