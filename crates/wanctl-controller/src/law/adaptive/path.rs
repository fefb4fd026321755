//! How much longer than on an idle line a round trip takes, and how much of that is noise.
//!
//! The provider's queue is common to all reflectors, noise on their paths is not: the added delay
//! is the least that any reflector shows.

mod reflector;

use wanctl_signal::Window;

use crate::{MAX_REFLECTORS, ReflectorObservation};
use reflector::Reflector;

/// An answer older than this is no news, seconds.
const FRESH: f64 = 0.12;
/// An unanswered probe older than the idle round trip and this, ms, is evidence of a queue.
const OVERDUE: f64 = 25.0;
/// Ticks of an idle line from which its noise is learned: 20 s.
const NOISE_TICKS: usize = 400;
/// The part of them that is noise.
const NOISE_PART: f64 = 0.98;
/// The longest delays on an idle line, of that.
const NOISE_TAIL: f64 = 1.4;
/// Ticks from one look at the noise to the next.
const NOISE_EVERY: u32 = 20;
/// Fewest ticks that say anything about noise.
const NOISE_LEAST: usize = 40;
/// What is added to the learned noise, ms.
const MARGIN: f64 = 2.0;
/// Bounds of the threshold, ms.
const LEAST_THRESHOLD: f64 = 3.0;
const MOST_THRESHOLD: f64 = 25.0;
/// The threshold before anything is learned, ms.
const FIRST_THRESHOLD: f64 = 5.0;
/// Least slope that is not noise, ms per ms.
const LEAST_SLOPE: f64 = 0.008;

/// The round trips of all reflectors.
#[derive(Clone, Debug)]
pub(super) struct Path {
    reflectors: [Reflector; MAX_REFLECTORS],
    added: Window<6>,
    heard_at: Option<f64>,
    began_at: Option<f64>,
    noise: Window<NOISE_TICKS>,
    slopes: Window<NOISE_TICKS>,
    until_look: u32,
    threshold: f64,
    least_slope: f64,
    supposed: Option<Supposed>,
}

/// A longer path that is being tested.
#[derive(Clone, Copy, Debug)]
struct Supposed {
    before: [Option<f64>; MAX_REFLECTORS],
    by: f64,
}

/// What one tick knows of delay.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delay {
    /// Above the idle round trip, ms.
    pub(super) added: f64,
    /// As of the tick before.
    pub(super) before: f64,
    /// Change of it over the last four ticks, ms per ms.
    pub(super) slope: f64,
    /// Seconds since the last answer, or since the start.
    pub(super) silent_for: f64,
    /// Whether nothing was ever heard.
    pub(super) is_unheard: bool,
    /// Whether it is inferred from probes that have not come back.
    pub(super) is_inferred: bool,
}

/// What the line does while round trips are looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    /// Next to nothing is carried, and has not been for a while.
    pub(super) is_quiet: bool,
    /// Somebody sends enough to make a queue.
    pub(super) is_loaded: bool,
    /// Seconds between two ticks.
    pub(super) step: f64,
}

impl Path {
    pub(super) fn new(baselines: &[Option<f64>; MAX_REFLECTORS], threshold: Option<f64>) -> Self {
        let reflectors = baselines.map(|baseline| Reflector {
            baseline,
            ..Reflector::default()
        });
        Self {
            reflectors,
            added: Window::default(),
            heard_at: None,
            began_at: None,
            noise: Window::default(),
            slopes: Window::default(),
            until_look: NOISE_EVERY,
            threshold: threshold
                .unwrap_or(FIRST_THRESHOLD)
                .clamp(LEAST_THRESHOLD, MOST_THRESHOLD),
            least_slope: LEAST_SLOPE,
            supposed: None,
        }
    }

    /// Takes what this tick shows.
    pub(super) fn observe(
        &mut self,
        now: f64,
        seen: &[ReflectorObservation],
        setting: Setting,
    ) -> Delay {
        let began = *self.began_at.get_or_insert(now);
        let mut moved = false;
        let is_supposed = self.supposed.is_some();
        for (reflector, seen) in self.reflectors.iter_mut().zip(seen) {
            moved |= reflector.observe(now, seen, setting.is_quiet, is_supposed);
        }
        if moved {
            self.noise.clear();
            self.slopes.clear();
        }
        self.heard_at = self.heard().or(self.heard_at);
        let measured = self.measured(now);
        let inferred = self.inferred(measured.unwrap_or(0.0), setting.is_loaded);
        let added = inferred.or(measured);
        let before = self.added.iter().next_back().unwrap_or(0.0);
        if let Some(added) = added {
            self.added.push(added);
        }
        let slope = self.slope(setting.step);
        if setting.is_quiet && measured.is_some() {
            self.learn_noise(measured.unwrap_or(0.0), slope);
        }
        Delay {
            added: added.unwrap_or(before),
            before,
            slope,
            silent_for: now - self.heard_at.unwrap_or(began),
            is_unheard: self.heard_at.is_none(),
            is_inferred: inferred.is_some(),
        }
    }

    /// The least added delay of the last `ticks` ticks, ms: a queue does not come and go as noise
    /// does.
    pub(super) fn least_of(&self, ticks: usize) -> f64 {
        let newest = self.added.iter().rev().take(ticks);
        newest.min_by(f64::total_cmp).unwrap_or(0.0)
    }

    /// The threshold for an idle shaper, ms.
    pub(super) const fn threshold(&self) -> f64 {
        self.threshold
    }

    /// Slopes up to this are noise, ms per ms.
    pub(super) const fn least_slope(&self) -> f64 {
        self.least_slope
    }

    /// The least idle round trip of any reflector, ms.
    pub(super) fn baseline(&self) -> Option<f64> {
        let known = self.reflectors.iter().filter_map(|r| r.baseline);
        known.min_by(f64::total_cmp)
    }

    /// The idle round trip of each reflector, ms.
    pub(super) fn baselines(&self) -> [Option<f64>; MAX_REFLECTORS] {
        self.reflectors.map(|reflector| reflector.baseline)
    }

    /// Takes the path to be longer by `by` ms until that is confirmed or withdrawn.
    pub(super) fn suppose_longer(&mut self, by: f64) {
        let before = self.baselines();
        for reflector in &mut self.reflectors {
            reflector.baseline = reflector.baseline.map(|baseline| baseline + by);
            reflector.below = 0;
        }
        self.added.shift(-by);
        self.supposed = Some(Supposed { before, by });
    }

    /// The path is longer. What was heard on the shorter one is no measure any more.
    pub(super) fn confirm_longer(&mut self) {
        if self.supposed.take().is_some() {
            for reflector in &mut self.reflectors {
                reflector.samples.clear();
            }
            self.noise.clear();
            self.slopes.clear();
        }
    }

    /// The path is as long as it was.
    pub(super) fn withdraw_longer(&mut self) {
        if let Some(Supposed { before, by }) = self.supposed.take() {
            for (reflector, before) in self.reflectors.iter_mut().zip(before) {
                reflector.baseline = before.or(reflector.baseline);
                reflector.below = 0;
            }
            self.added.shift(by);
        }
    }

    fn heard(&self) -> Option<f64> {
        let times = self.reflectors.iter().filter_map(|r| r.latest);
        times.map(|(_, at)| at).max_by(f64::total_cmp)
    }

    /// The least that any reflector heard lately shows, ms.
    fn measured(&self, now: f64) -> Option<f64> {
        let added = self.reflectors.iter().filter_map(|reflector| {
            let (rtt, _) = reflector.latest.filter(|(_, at)| now - at <= FRESH)?;
            Some(rtt - reflector.baseline?)
        });
        added.min_by(f64::total_cmp)
    }

    /// What probes that have not come back say: the round trip is at least as long as they are on
    /// their way. Of several reflectors the second worst counts, since one may just be silent.
    fn inferred(&self, measured: f64, is_loaded: bool) -> Option<f64> {
        if !is_loaded {
            return None;
        }
        let (mut worst, mut second, mut count) = (f64::MIN, f64::MIN, 0);
        for reflector in &self.reflectors {
            let Some(baseline) = reflector.baseline else {
                continue;
            };
            count += 1;
            let late = reflector.overdue.unwrap_or(0.0) - baseline;
            if late > worst {
                (worst, second) = (late, worst);
            } else if late > second {
                second = late;
            }
        }
        let late = if count > 1 { second } else { worst };
        (late > OVERDUE && late > measured).then_some(late)
    }

    fn slope(&self, step: f64) -> f64 {
        let mut newest = self.added.iter().rev();
        let mut next = || newest.next();
        match (next(), next(), next(), next()) {
            (Some(a), Some(b), Some(c), Some(d)) => {
                (f64::midpoint(a, b) - f64::midpoint(c, d)) / (2.0 * step * 1e3)
            }
            _ => 0.0,
        }
    }

    fn learn_noise(&mut self, added: f64, slope: f64) {
        self.noise.push(added);
        self.slopes.push(slope.abs());
        self.until_look = self.until_look.saturating_sub(1);
        if self.until_look > 0 || self.noise.len() < NOISE_LEAST {
            return;
        }
        self.until_look = NOISE_EVERY;
        if let Some(noise) = self.noise.quantile(NOISE_PART) {
            self.threshold = (NOISE_TAIL * noise + MARGIN).clamp(LEAST_THRESHOLD, MOST_THRESHOLD);
        }
        if let Some(slope) = self.slopes.quantile(NOISE_PART) {
            self.least_slope = slope.max(LEAST_SLOPE);
        }
    }
}

#[cfg(test)]
mod tests;
