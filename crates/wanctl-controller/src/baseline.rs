//! The idle RTT.

use wanctl_signal::Ewma;
use wanctl_types::Millis;

use crate::BaselineConfig;

/// The RTT of the idle link, learned only while the link looks idle.
///
/// Load must not teach the baseline what "idle" means, so learning stops as soon as the load RTT
/// is `update_threshold` or more above it, and a value outside the configured bounds is never
/// believed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Baseline {
    config: BaselineConfig,
    average: Ewma,
}

/// What became of one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Learning {
    /// The baseline took it in.
    Learned,
    /// The link is loaded: the baseline did not move.
    Frozen,
    /// The baseline would have left its bounds: it did not move.
    OutOfBounds {
        /// Where it would have gone.
        candidate: Millis,
    },
}

impl Baseline {
    /// Starts at the configured value.
    #[must_use]
    pub const fn new(config: BaselineConfig) -> Self {
        Self::starting_at(config, config.initial)
    }

    /// Starts at `value`, as after a restart.
    #[must_use]
    pub const fn starting_at(config: BaselineConfig, value: Millis) -> Self {
        Self {
            config,
            average: Ewma::new(value, config.alpha.get()),
        }
    }

    /// The idle RTT.
    #[must_use]
    pub const fn value(&self) -> Millis {
        self.average.value()
    }

    /// Offers one measured RTT; `load`, the smoothed RTT, tells whether the link is idle.
    pub fn observe(&mut self, rtt: Millis, load: Millis) -> Learning {
        if load - self.value() >= self.config.update_threshold {
            return Learning::Frozen;
        }
        let candidate = self.average.blend(rtt);
        if candidate < self.config.min || candidate > self.config.max {
            return Learning::OutOfBounds { candidate };
        }
        self.average.set(candidate);
        Learning::Learned
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Alpha;
    use crate::fixtures::{baseline_config, ms};

    #[test]
    fn learning_stops_exactly_at_the_update_threshold() {
        let mut baseline = Baseline::new(at(25.0, 0.5));
        assert_eq!(baseline.observe(ms(27.0), ms(28.0)), Learning::Frozen);
        assert_eq!(baseline.value(), ms(25.0));
        assert_eq!(baseline.observe(ms(27.0), ms(27.99)), Learning::Learned);
        assert_eq!(baseline.value(), ms(26.0));
    }

    #[test]
    fn a_candidate_outside_the_bounds_is_rejected() {
        for (start, sample, candidate) in [(12.0, 5.0, 8.5), (58.0, 100.0, 79.0)] {
            let mut baseline = Baseline::new(at(start, 0.5));
            assert_eq!(
                baseline.observe(ms(sample), ms(start)),
                Learning::OutOfBounds {
                    candidate: ms(candidate)
                }
            );
            assert_eq!(baseline.value(), ms(start));
        }
    }

    #[test]
    fn the_bounds_themselves_are_believed() {
        for bound in [10.0, 60.0] {
            let mut baseline = Baseline::new(at(30.0, 1.0));
            assert_eq!(baseline.observe(ms(bound), ms(30.0)), Learning::Learned);
            assert_eq!(baseline.value(), ms(bound));
        }
    }

    #[test]
    fn the_raw_sample_is_learned_not_the_load() {
        let mut baseline = Baseline::new(at(20.0, 0.5));
        assert_eq!(baseline.observe(ms(22.0), ms(-500.0)), Learning::Learned);
        assert_eq!(baseline.value(), ms(21.0));
    }

    fn at(initial: f64, alpha: f64) -> BaselineConfig {
        BaselineConfig {
            initial: ms(initial),
            alpha: Alpha::new(alpha).unwrap(),
            ..baseline_config()
        }
    }
}
