//! A normal process that remembers over several time scales.

use super::{BIN_SECONDS, Dice};

/// One first-order autoregressive process in a [`Wander`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Memory {
    /// Its part of the variance; those of a wander add up to 1.
    pub(super) share: f64,
    /// After how many seconds its autocorrelation has fallen to 1/e; 0 for white noise.
    pub(super) seconds: f64,
}

/// A normal process of mean 0 and variance 1: the sum of some [`Memory`]s, one value per bin.
#[derive(Clone, Debug)]
pub(super) struct Wander {
    memories: Vec<(Memory, f64)>,
}

impl Wander {
    /// Starts somewhere within its stationary distribution.
    pub(super) fn start(memories: &[Memory], dice: &mut Dice) -> Self {
        Self {
            memories: memories.iter().map(|one| (*one, dice.normal())).collect(),
        }
    }

    /// The next value.
    pub(super) fn next(&mut self, dice: &mut Dice) -> f64 {
        let mut sum = 0.0;
        for (memory, state) in &mut self.memories {
            let kept = memory.kept();
            *state = (1.0 - kept * kept)
                .sqrt()
                .mul_add(dice.normal(), kept * *state);
            sum += memory.share.sqrt() * *state;
        }
        sum
    }
}

impl Memory {
    /// The part that is left one bin later.
    fn kept(self) -> f64 {
        if self.seconds > 0.0 {
            (-BIN_SECONDS / self.seconds).exp()
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stream;
    use super::*;
    use crate::bench::generate::Figures;

    #[test]
    fn autocorrelation_is_the_sum_of_its_parts() {
        let memories = [(0.5, 0.0), (0.5, 2.0)].map(|(share, seconds)| Memory { share, seconds });
        let mut dice = Dice::new(1, stream::LINE);
        let mut wander = Wander::start(&memories, &mut dice);
        let values: Vec<f64> = (0..40_000).map(|_| wander.next(&mut dice)).collect();
        let figures = Figures::of(&values).unwrap();
        assert!(figures.mean.abs() < 0.1, "{figures:?}");
        assert!((figures.p95 - 1.645).abs() < 0.1, "{figures:?}");
        let expected = 0.5 * (-0.1_f64 / 2.0).exp();
        assert!((figures.autocorrelation(1) - expected).abs() < 0.03);
        let expected = 0.5 * (-1.0_f64).exp();
        assert!((figures.autocorrelation(20) - expected).abs() < 0.05);
    }
}
