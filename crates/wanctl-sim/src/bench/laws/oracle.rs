//! The law that is told the truth, late: how good any law with such a lag could be.

use std::collections::VecDeque;
use std::time::Duration;

use wanctl_types::{Bps, Direction, PerDirection, Timestamp};

use super::settings::share;
use crate::bench::{LawUnderTest, Plan, Probing, Seen, Truth};

/// Time from one step to the next.
const INTERVAL: Duration = Duration::from_millis(10);
/// Time over which the capacity is averaged.
const WINDOW: Duration = Duration::from_millis(200);
/// The provider's queue is emptied within this time, seconds.
const DRAIN: f64 = 0.4;
/// The rate never goes below this part of the capacity.
const LEAST_SHARE: f64 = 0.05;
/// The rate never goes below this: a shaper at zero would not let anything find out more.
const LEAST_RATE: f64 = 64_000.0;
/// The longest lag, seconds.
const LONGEST_LAG: f64 = 10.0;

/// `R = max(0.05 C, gain * C - Q / 0.4 s)`, where `C` is the mean capacity of 200 ms, known `lag`
/// late, and `Q` the provider's queue as it is.
pub(super) struct Oracle {
    name: String,
    lag: Duration,
    gain: f64,
    /// Capacities of the last `lag` and window, oldest first.
    past: VecDeque<(Timestamp, PerDirection<Bps>)>,
    rates: PerDirection<Bps>,
}

impl Oracle {
    /// Reads `oracle(lag,gain)`, the lag in seconds.
    pub(super) fn parse(name: &str, plan: &Plan) -> Option<Self> {
        let (lag, gain) = name
            .strip_prefix("oracle(")?
            .strip_suffix(')')?
            .split_once(',')?;
        let (lag, gain): (f64, f64) = (lag.trim().parse().ok()?, gain.trim().parse().ok()?);
        let fits = (0.0..=LONGEST_LAG).contains(&lag) && (LEAST_SHARE..=1.0).contains(&gain);
        fits.then(|| Self {
            name: name.to_owned(),
            lag: Duration::from_secs_f64(lag),
            gain,
            past: VecDeque::new(),
            rates: plan.rates.map(|rate| share(rate, gain)),
        })
    }

    fn remember(&mut self, now: Timestamp, truth: &PerDirection<Truth>) {
        let oldest = now - self.lag - WINDOW;
        while self.past.front().is_some_and(|(at, _)| *at <= oldest) {
            self.past.pop_front();
        }
        let capacities = truth.as_ref().map(|truth| truth.capacity);
        self.past.push_back((now, capacities));
    }

    /// The mean capacity over the window that ended `lag` ago; `None` before there was one.
    fn capacity(&self, now: Timestamp, direction: Direction) -> Option<f64> {
        let end = now - self.lag;
        let known = self.past.iter().take_while(|(at, _)| *at <= end);
        let (sum, count) = known.fold((0.0, 0.0), |(sum, count), (_, capacities)| {
            (sum + capacities[direction].as_f64(), count + 1.0)
        });
        (count > 0.0).then(|| sum / count)
    }

    fn rate(&self, capacity: f64, truth: &Truth) -> Bps {
        #[expect(clippy::cast_precision_loss, reason = "no queue holds 2^53 bytes")]
        let queue = truth.provider_queue.get() as f64 * 8.0;
        let wanted = self.gain * capacity - queue / DRAIN;
        Bps::truncating(wanted.max(LEAST_SHARE * capacity).max(LEAST_RATE))
    }
}

impl LawUnderTest for Oracle {
    fn name(&self) -> &str {
        &self.name
    }

    fn interval(&self) -> Duration {
        INTERVAL
    }

    fn probing(&self) -> Probing {
        Probing {
            reflectors: 1,
            interval: Duration::from_secs(1),
            spread: false,
        }
    }

    fn start(&self) -> PerDirection<Bps> {
        self.rates
    }

    fn step(&mut self, now: Timestamp, seen: &Seen<'_>) -> PerDirection<Bps> {
        self.remember(now, &seen.truth);
        for direction in Direction::BOTH {
            if let Some(capacity) = self.capacity(now, direction) {
                self.rates[direction] = self.rate(capacity, &seen.truth[direction]);
            }
        }
        self.rates
    }
}
