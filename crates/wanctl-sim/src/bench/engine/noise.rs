//! What the path does to packets besides queueing.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::bench::PathNoise;

/// Time constant of the delay that all packets share, in seconds.
const COMMON_TIME: f64 = 1.0;
/// The fixed part of a spike, in seconds.
const SPIKE: f64 = 0.020;
/// Mean of the rest of it, in seconds.
const SPIKE_MEAN: f64 = 0.040;

/// Draws what happens to packets.
#[derive(Debug)]
pub(super) struct Noise {
    settings: PathNoise,
    rng: ChaCha8Rng,
    wander: f64,
}

impl Noise {
    pub(super) fn new(settings: PathNoise, seed: u64) -> Self {
        Self {
            settings,
            rng: stream(seed, 1),
            wander: 0.0,
        }
    }

    /// Goes on by `step` seconds; returns the delay that all packets share now, in seconds.
    pub(super) fn advance(&mut self, step: f64) -> f64 {
        let deviation = self.settings.common.get() / 1e3;
        if deviation <= 0.0 {
            return 0.0;
        }
        let keep = (-step / COMMON_TIME).exp();
        let fresh = deviation * (1.0 - keep * keep).sqrt() * self.normal();
        self.wander = self.wander * keep + fresh;
        self.wander.max(0.0)
    }

    /// Whether a probe is lost.
    pub(super) fn loses(&mut self) -> bool {
        self.rng.random::<f64>() < self.settings.loss
    }

    /// What one way delays a probe by, in seconds.
    pub(super) fn jitter(&mut self) -> f64 {
        let spike = if self.rng.random::<f64>() < self.settings.spikes / 2.0 {
            SPIKE + exponential(&mut self.rng, SPIKE_MEAN)
        } else {
            0.0
        };
        exponential(&mut self.rng, self.settings.jitter.get() / 1e3) / 2.0 + spike
    }

    /// Box and Muller's transform.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.rng.random::<f64>()).ln()).sqrt();
        radius * (core::f64::consts::TAU * self.rng.random::<f64>()).cos()
    }
}

/// A generator of its own for each purpose.
pub(super) fn stream(seed: u64, purpose: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(purpose);
    rng
}

/// A draw from an exponential distribution.
pub(super) fn exponential(rng: &mut ChaCha8Rng, mean: f64) -> f64 {
    -mean * (1.0 - rng.random::<f64>()).ln()
}
