//! What becomes of round-trip times: a load and a baseline.

use std::collections::VecDeque;

use super::super::observe::Answers;
use super::super::settings;
use super::CYCLE_SECONDS;

/// Hampel filter: values in its window, and how many scaled median deviations make an outlier.
const HAMPEL: usize = 7;
const HAMPEL_SIGMAS: f64 = 3.0;
/// From a median absolute deviation to a standard deviation.
const MAD_SCALE: f64 = 1.4826;
/// Time constants of the load and of the baseline, seconds.
const LOAD_SECONDS: f64 = 0.25;
const BASELINE_SECONDS: f64 = 50.0;
/// The baseline learns from values below it by this, ms.
const BASELINE_GATE: f64 = 3.0;

/// Load and baseline, ms.
pub(super) struct Signal {
    window: VecDeque<f64>,
    pub(super) load: f64,
    pub(super) baseline: f64,
    bounds: [f64; 2],
}

/// The median of three, the mean of two, or the one that there is.
pub(super) fn median(answers: &Answers) -> Option<f64> {
    let mut rtts: Vec<f64> = answers.iter().flatten().map(|a| a.rtt.get()).collect();
    rtts.sort_by(f64::total_cmp);
    middle(&rtts)
}

fn middle(sorted: &[f64]) -> Option<f64> {
    let half = sorted.len() / 2;
    let upper = *sorted.get(half)?;
    let lower = half.checked_sub(1).and_then(|below| sorted.get(below));
    match lower {
        Some(lower) if sorted.len().is_multiple_of(2) => Some(f64::midpoint(*lower, upper)),
        Some(_) | None => Some(upper),
    }
}

impl Signal {
    pub(super) fn new(idle: f64) -> Self {
        Self {
            window: VecDeque::new(),
            load: idle,
            baseline: idle,
            bounds: settings::baseline_bounds(idle),
        }
    }

    pub(super) fn take(&mut self, raw: f64) {
        let rtt = self.filtered(raw);
        self.load += CYCLE_SECONDS / LOAD_SECONDS * (rtt - self.load);
        if rtt - self.baseline < BASELINE_GATE {
            let learned = self.baseline + CYCLE_SECONDS / BASELINE_SECONDS * (rtt - self.baseline);
            let [low, high] = self.bounds;
            if (low..=high).contains(&learned) {
                self.baseline = learned;
            }
        }
    }

    /// An outlier becomes the median of the values before it; those include outliers.
    pub(super) fn filtered(&mut self, raw: f64) -> f64 {
        let filtered = self.replacement(raw).unwrap_or(raw);
        if self.window.len() >= HAMPEL {
            self.window.pop_front();
        }
        self.window.push_back(raw);
        filtered
    }

    fn replacement(&self, raw: f64) -> Option<f64> {
        if self.window.len() < HAMPEL {
            return None;
        }
        let sorted = |values: &mut Vec<f64>| {
            values.sort_by(f64::total_cmp);
            middle(values)
        };
        let median = sorted(&mut self.window.iter().copied().collect())?;
        let mut deviations = self
            .window
            .iter()
            .map(|value| (value - median).abs())
            .collect();
        let limit = MAD_SCALE * HAMPEL_SIGMAS * sorted(&mut deviations)?;
        (limit > 0.0 && (raw - median).abs() > limit).then_some(median)
    }
}
