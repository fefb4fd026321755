//! Exponentially weighted moving average.

use wanctl_types::Millis;

/// An exponentially weighted moving average of delays:
/// `value = (1 - alpha) * value + alpha * sample`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ewma {
    value: Millis,
    alpha: f64,
}

impl Ewma {
    /// Starts at `initial`. `alpha`, the weight of a new sample, is clamped into `0..=1`; NaN
    /// counts as 0.
    #[must_use]
    pub const fn new(initial: Millis, alpha: f64) -> Self {
        let alpha = if alpha.is_nan() {
            0.0
        } else {
            alpha.clamp(0.0, 1.0)
        };
        Self {
            value: initial,
            alpha,
        }
    }

    /// The average so far.
    #[must_use]
    pub const fn value(&self) -> Millis {
        self.value
    }

    /// What [`update`](Self::update) would make of the average, without doing it.
    #[must_use]
    pub fn blend(&self, sample: Millis) -> Millis {
        Millis::saturating((1.0 - self.alpha) * self.value.get() + self.alpha * sample.get())
    }

    /// Takes a sample in and returns the new average.
    pub fn update(&mut self, sample: Millis) -> Millis {
        self.value = self.blend(sample);
        self.value
    }

    /// Puts the average somewhere else.
    pub const fn set(&mut self, value: Millis) {
        self.value = value;
    }
}

#[cfg(test)]
mod tests {
    use proptest::num::f64::ANY;
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    #[test]
    fn a_sample_moves_the_average_by_its_weight() {
        let mut average = Ewma::new(ms(25.0), 0.1);
        assert_eq!(average.blend(ms(75.0)), ms(30.0));
        assert_eq!(average.value(), ms(25.0));
        assert_eq!(average.update(ms(75.0)), ms(30.0));
        assert_eq!(average.value(), ms(30.0));
    }

    #[test]
    fn weights_outside_the_range_are_clamped() {
        for (weight, expected) in [(f64::NAN, 10.0), (-1.0, 10.0), (7.0, 20.0)] {
            assert_eq!(Ewma::new(ms(10.0), weight).update(ms(20.0)), ms(expected));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

        #[test]
        fn the_average_lies_between_itself_and_the_sample(
            start in ANY,
            sample in ANY,
            alpha in ANY,
        ) {
            let (start, sample) = (ms(start), ms(sample));
            let after = Ewma::new(start, alpha).update(sample).get();
            let (low, high) = (start.get().min(sample.get()), start.get().max(sample.get()));
            let rounding = f64::MIN_POSITIVE + f64::EPSILON * low.abs().max(high.abs());
            prop_assert!(after >= low - rounding && after <= high + rounding);
        }
    }

    fn ms(value: f64) -> Millis {
        Millis::saturating(value)
    }
}
