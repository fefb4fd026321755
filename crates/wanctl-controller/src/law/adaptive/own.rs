//! What our own shapers add to a round trip: a probe waits its turn among their flows.

use wanctl_signal::Window;

/// Ticks from which it is learned: 5 s.
const TICKS: usize = 100;
/// Fewest that say anything.
const LEAST_TICKS: usize = 20;
/// Ticks from one look to the next.
const EVERY: u32 = 10;
/// The parts of the delays between which most lie.
const LOW: f64 = 0.1;
const HIGH: f64 = 0.9;
/// The part of the waits that is to be expected.
const LEVEL: f64 = 0.85;
/// Fewest and most packets that a probe is expected to wait for in both shapers together.
const LEAST_PACKETS: f64 = 1.2;
const MOST_PACKETS: f64 = 12.0;
/// What is not seen again is forgotten in this time, seconds.
const FORGOTTEN: f64 = 60.0;
/// Fewest and most ticks that a delay must last to be a queue.
const FEWEST: f64 = 2.0;
const MOST: f64 = 8.0;

/// Learned while our shapers hold the queue and the provider's must be empty.
#[derive(Clone, Debug, Default)]
pub(super) struct OwnDelay {
    delays: Window<TICKS>,
    slopes: Window<TICKS>,
    packets: Window<TICKS>,
    level: f64,
    until_level: u32,
    until_look: u32,
    spread: f64,
    slope: f64,
}

impl OwnDelay {
    /// Takes a tick at which what is seen can only be ours.
    pub(super) fn observe(&mut self, added: f64, slope: f64) {
        self.delays.push(added);
        self.slopes.push(slope.abs());
        self.until_look = self.until_look.saturating_sub(1);
        if self.until_look > 0 || self.delays.len() < LEAST_TICKS {
            return;
        }
        self.until_look = EVERY;
        let delays = self.delays.quantile(HIGH).zip(self.delays.quantile(LOW));
        self.spread = delays.map_or(0.0, |(high, low)| high - low);
        self.slope = self.slopes.quantile(HIGH).unwrap_or(0.0);
    }

    /// Takes a tick at rates well below what was carried without a queue: whatever is waited for is
    /// ours. `packets` is the wait in packets.
    pub(super) fn observe_below(&mut self, packets: f64) {
        self.packets.push(packets);
        self.until_level = self.until_level.saturating_sub(1);
        if self.until_level == 0 && self.packets.len() >= LEAST_TICKS {
            self.until_level = EVERY;
            self.level = self.packets.quantile(LEVEL).unwrap_or(0.0);
        }
    }

    /// How many packets a probe must be expected to wait for. Forgotten in a minute.
    pub(super) fn packets(&mut self, step: f64) -> f64 {
        self.level *= 1.0 - step / FORGOTTEN;
        self.level.clamp(LEAST_PACKETS, MOST_PACKETS)
    }

    /// For how many ticks a delay must last to be a queue, where `path` ms are the path's own
    /// noise.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the number lies between FEWEST and MOST"
    )]
    pub(super) fn ticks(&self, path: f64) -> usize {
        (self.spread / path + 1.0).clamp(FEWEST, MOST).round() as usize
    }

    /// A slope up to this is to be expected.
    pub(super) const fn slope(&self) -> f64 {
        self.slope
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_delay_needs_two_ticks_and_a_noisy_one_more() {
        let mut steady = OwnDelay::default();
        let mut noisy = OwnDelay::default();
        for tick in 0..100_u32 {
            steady.observe(1.0, 0.0);
            noisy.observe(f64::from(tick % 10) * 3.0, 0.05);
        }
        assert_eq!(steady.ticks(4.0), 2);
        assert_eq!(noisy.ticks(4.0), 7);
        assert_eq!(noisy.ticks(1.0), 8, "never more");
        assert!(noisy.slope() > steady.slope());
    }

    #[test]
    fn waits_well_below_the_capacity_are_expected_and_forgotten() {
        let mut own = OwnDelay::default();
        assert!((own.packets(0.05) - LEAST_PACKETS).abs() < 1e-9);
        for _ in 0..TICKS {
            own.observe_below(6.0);
        }
        assert!((own.packets(0.05) - 6.0).abs() < 0.1);
        for _ in 0..LEAST_TICKS * 5 {
            own.observe_below(100.0);
        }
        assert!(
            (own.packets(0.05) - MOST_PACKETS).abs() < 1e-9,
            "a queue is not all ours"
        );
        let after_minutes = (0..10_000).map(|_| own.packets(0.05)).last();
        assert!((after_minutes.unwrap() - LEAST_PACKETS).abs() < 1e-9);
    }
}
