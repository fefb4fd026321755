//! Sudden rises of the load RTT.

use wanctl_types::Millis;

use crate::{Threshold, TransitionReason};

/// Watches how much the load RTT rises from one step to the next.
///
/// The zone rules look at the level of the delay, which the load average reaches late; a steep
/// rise of that average says earlier that a queue is filling.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpikeDetector {
    threshold: Threshold,
    previous: Millis,
}

impl SpikeDetector {
    /// Starts from a load RTT of `previous`.
    #[must_use]
    pub const fn new(threshold: Threshold, previous: Millis) -> Self {
        Self {
            threshold,
            previous,
        }
    }

    /// Compares the new load RTT with that of the previous step and remembers it.
    ///
    /// A rise of exactly the threshold is no spike.
    pub fn observe(&mut self, load: Millis) -> Option<Spike> {
        let acceleration = load - self.previous;
        self.previous = load;
        (acceleration > self.threshold.get()).then_some(Spike {
            acceleration,
            threshold: self.threshold,
        })
    }

    /// The load RTT of the previous step.
    #[must_use]
    pub const fn previous(&self) -> Millis {
        self.previous
    }
}

/// A rise of the load RTT above the spike threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spike {
    /// The rise since the previous step.
    pub acceleration: Millis,
    /// What it exceeded.
    pub threshold: Threshold,
}

impl From<Spike> for TransitionReason {
    fn from(spike: Spike) -> Self {
        Self::Spike {
            acceleration: spike.acceleration,
            threshold: spike.threshold,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::ms;

    #[test]
    fn only_a_rise_above_the_threshold_is_a_spike() {
        let mut detector = SpikeDetector::new(Threshold::from_integer(15), ms(25.0));
        assert_eq!(detector.observe(ms(40.0)), None);
        assert_eq!(detector.observe(ms(10.0)), None);
        let spike = detector.observe(ms(27.5)).unwrap();
        assert_eq!(spike.acceleration, ms(17.5));
        assert_eq!(
            TransitionReason::from(spike).to_string(),
            "RTT acceleration 17.5ms exceeded accel threshold 15ms"
        );
    }

    #[test]
    fn every_step_is_compared_with_the_one_before() {
        let mut detector = SpikeDetector::new(Threshold::DEFAULT_ACCEL, ms(20.0));
        let slow_rise = (1..50).map(|step| detector.observe(ms(20.0 + 14.0 * f64::from(step))));
        assert!(slow_rise.into_iter().all(|spike| spike.is_none()));
    }
}
