//! How long it takes from an order to its being in force.

use super::super::meter::Meter;

/// Time from an order to its being in force before anything is known of it, its bounds, seconds,
/// and the weight of a new observation.
const ACTUATION: f64 = 0.08;
const LEAST_ACTUATION: f64 = 0.03;
const MOST_ACTUATION: f64 = 0.6;
const ACTUATION_WEIGHT: f64 = 0.25;
/// An order that lowers the rate to less than this part shows when it is in force.
const VISIBLE: f64 = 0.92;

/// Learned from what leaves our shaper.
#[derive(Clone, Copy, Debug)]
pub(super) struct Actuation {
    /// Seconds.
    learned: f64,
    /// When an order was given that is not yet seen to be in force, and the rate at which it is.
    pending: Option<(f64, f64)>,
}

impl Actuation {
    pub(super) const fn new() -> Self {
        Self {
            learned: ACTUATION,
            pending: None,
        }
    }

    /// Seconds.
    pub(super) const fn learned(self) -> f64 {
        self.learned
    }

    /// The rate was `before` and is ordered to be `rate`. What leaves our shaper shows when that is
    /// in force.
    pub(super) fn observe(&mut self, before: f64, rate: f64, now: f64, meter: &Meter) {
        if let Some((since, half)) = self.pending {
            if let Some(at) = meter.newest_at().filter(|at| *at > since)
                && meter.newest() <= half
            {
                let seen = (at - since).clamp(LEAST_ACTUATION, MOST_ACTUATION);
                self.learned += ACTUATION_WEIGHT * (seen - self.learned);
                self.pending = None;
            } else if now - since > 2.0 * MOST_ACTUATION {
                self.pending = None;
            }
        } else if rate < VISIBLE * before && meter.is_bound() {
            self.pending = Some((now, f64::midpoint(rate, before)));
        }
    }
}
