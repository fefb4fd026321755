//! What a link is like.

use std::time::Duration;

use wanctl_types::{Bps, Bytes, Millis, PerDirection};

use super::{capacity::Capacity, demand::Demand, schedule::Schedule};

/// What a simulated link is like.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkConfig {
    /// Each direction for itself.
    pub directions: PerDirection<LaneConfig>,
    /// Part of the probes lost for no reason, 0 to 1.
    pub loss: f64,
}

/// What one direction of a link is like.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneConfig {
    /// What the provider's line can carry.
    pub capacity: Capacity,
    /// The traffic that wants to use it.
    pub demand: Schedule<Demand>,
    /// Size of the provider's tail-drop buffer.
    pub buffer: Bytes,
    /// One-way delay without any queue.
    pub base_delay: Millis,
    /// Largest random addition to a probe's one-way delay; its mean is half of it.
    pub jitter: Millis,
    /// Our shaper's rate at the start; zero is unlimited.
    pub limit: Bps,
    /// Most bytes our shaper holds back.
    pub shaper_buffer: Bytes,
}

impl LinkConfig {
    /// How deep the provider's buffers are unless said otherwise.
    pub const BUFFER: Duration = Duration::from_millis(500);
    /// Largest random addition to a one-way delay unless said otherwise: 1 ms.
    pub const JITTER_MS: f64 = 1.0;

    /// An idle link of these rates with half of the round trip `base_rtt` in each direction,
    /// provider's buffers of 500 ms, 1 ms of jitter and no limit of our own.
    #[must_use]
    pub fn new(rates: PerDirection<Bps>, base_rtt: Duration) -> Self {
        Self {
            directions: rates.map(|rate| LaneConfig::new(rate, base_rtt / 2)),
            loss: 0.0,
        }
    }
}

impl LaneConfig {
    /// Most bytes our shaper holds back unless said otherwise (the least CAKE allows itself is
    /// 4 MiB, counted in kernel memory rather than in bytes carried).
    pub const SHAPER_BUFFER: Bytes = Bytes::new(2 << 20);

    fn new(rate: Bps, base_delay: Duration) -> Self {
        Self {
            capacity: Capacity::constant(rate),
            demand: Schedule::constant(Demand::Idle),
            buffer: carried(rate, LinkConfig::BUFFER),
            base_delay: Millis::from_duration(base_delay),
            jitter: Millis::saturating(LinkConfig::JITTER_MS),
            limit: Bps::ZERO,
            shaper_buffer: Self::SHAPER_BUFFER,
        }
    }
}

/// The bytes that `rate` carries in `duration`.
fn carried(rate: Bps, duration: Duration) -> Bytes {
    let bits = u128::from(rate.get()) * duration.as_millis() / 1_000;
    Bytes::new(u64::try_from(bits / 8).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_half_a_second_deep() {
        let rates = PerDirection::new(Bps::from_mbps(50), Bps::from_mbps(10));
        let config = LinkConfig::new(rates, Duration::from_millis(20));
        assert_eq!(config.directions.download.buffer, Bytes::new(3_125_000));
        assert_eq!(config.directions.upload.buffer, Bytes::new(625_000));
        assert_eq!(
            config.directions.upload.base_delay,
            Millis::saturating(10.0)
        );
    }
}
