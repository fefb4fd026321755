//! Longer and longer pauses between attempts.

use std::time::{Duration, Instant};

/// The first pause.
const SHORTEST: Duration = Duration::from_millis(500);
/// No pause is longer.
const LONGEST: Duration = Duration::from_secs(30);

/// Pauses that double from 0.5 s to 30 s.
#[derive(Debug)]
pub(super) struct Backoff {
    pause: Duration,
    until: Instant,
}

impl Backoff {
    /// After a first failure at `now`.
    pub(super) fn begin(now: Instant) -> Self {
        Self {
            pause: SHORTEST,
            until: now + SHORTEST,
        }
    }

    /// After one more failure at `now`.
    pub(super) fn prolong(&mut self, now: Instant) {
        self.pause = (self.pause * 2).min(LONGEST);
        self.until = now + self.pause;
    }

    /// How long to wait before the next attempt.
    pub(super) fn remaining(&self, now: Instant) -> Duration {
        self.until.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_from_half_a_second_to_half_a_minute() {
        let now = Instant::now();
        let mut backoff = Backoff::begin(now);
        let mut pauses = vec![backoff.remaining(now).as_secs_f64()];
        for _ in 0..7 {
            backoff.prolong(now);
            pauses.push(backoff.remaining(now).as_secs_f64());
        }
        assert_eq!(pauses, [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]);
    }

    #[test]
    fn the_wait_is_over_when_the_pause_has_passed() {
        let now = Instant::now();
        let backoff = Backoff::begin(now);
        assert_eq!(backoff.remaining(now + SHORTEST), Duration::ZERO);
        assert_eq!(backoff.remaining(now + SHORTEST * 2 / 5), SHORTEST * 3 / 5);
    }
}
