//! Random numbers of one purpose.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Random streams of one seed; each use has its own so that none disturbs another.
pub(in crate::bench) mod stream {
    pub(in crate::bench) const LINE: u64 = 1_000;
    pub(in crate::bench) const LINE_UPLOAD: u64 = 1_001;
    pub(in crate::bench) const BASE_DELAY: u64 = 1_002;
    pub(in crate::bench) const SCENE: u64 = 1_003;
}

/// Draws from the distributions that lines are made of.
#[derive(Clone, Debug)]
pub(in crate::bench) struct Dice(ChaCha8Rng);

impl Dice {
    pub(in crate::bench) fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// Evenly from `least..most`.
    pub(in crate::bench) fn between(&mut self, least: f64, most: f64) -> f64 {
        self.0.random::<f64>().mul_add(most - least, least)
    }

    /// True in this part of all draws.
    pub(in crate::bench) fn chance(&mut self, part: f64) -> bool {
        self.0.random::<f64>() < part
    }

    /// Normal with mean 0 and variance 1 (Box and Muller).
    pub(in crate::bench) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.positive().ln()).sqrt();
        let angle = self.between(0.0, core::f64::consts::TAU);
        radius * angle.cos()
    }

    /// Evenly from above 0 to 1, so that its logarithm is finite.
    fn positive(&mut self) -> f64 {
        1.0 - self.0.random::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: u32 = 20_000;

    fn mean(mut draw: impl FnMut() -> f64) -> f64 {
        (0..DRAWS).map(|_| draw()).sum::<f64>() / f64::from(DRAWS)
    }

    #[test]
    fn distributions_have_their_moments() {
        let mut dice = Dice::new(3, stream::LINE);
        assert!(mean(|| dice.normal()).abs() < 0.03);
        assert!((mean(|| dice.normal().powi(2)) - 1.0).abs() < 0.05);
        assert!((mean(|| dice.between(2.0, 4.0)) - 3.0).abs() < 0.02);
        assert!((mean(|| f64::from(u8::from(dice.chance(0.2)))) - 0.2).abs() < 0.02);
    }

    #[test]
    fn streams_and_seeds_differ_and_repeat() {
        let draw = |seed, stream| Dice::new(seed, stream).normal().to_bits();
        assert_eq!(draw(1, stream::LINE), draw(1, stream::LINE));
        assert_ne!(draw(1, stream::LINE), draw(2, stream::LINE));
        assert_ne!(draw(1, stream::LINE), draw(1, stream::LINE_UPLOAD));
    }
}
