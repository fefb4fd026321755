//! How long something has lasted, in spite of short interruptions.

use core::time::Duration;

/// Time that a condition has held. It grows while the condition holds and runs out at the same
/// speed while it does not, so that one stray sample neither starts nor ends anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dwell {
    held: Duration,
    /// Whether it held at the last look: only the time between two such looks counts.
    holding: bool,
}

impl Dwell {
    /// It has not held at all.
    pub(crate) const NOTHING: Self = Self {
        held: Duration::ZERO,
        holding: false,
    };

    /// It holds, `dt` after the last look.
    pub(crate) fn grow(&mut self, dt: Duration) {
        if self.holding {
            self.held = self.held.saturating_add(dt);
        }
        self.holding = true;
    }

    /// It does not.
    pub(crate) fn drain(&mut self, dt: Duration) {
        self.holding = false;
        self.held = self.held.saturating_sub(dt);
    }

    /// It does not hold at all.
    pub(crate) fn reset(&mut self) {
        *self = Self::NOTHING;
    }

    pub(crate) const fn held(&self) -> Duration {
        self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_first_look_counts_nothing() {
        let mut dwell = Dwell::default();
        dwell.grow(SECOND);
        assert_eq!(dwell.held(), Duration::ZERO);
        dwell.grow(SECOND);
        assert_eq!(dwell.held(), SECOND);
    }

    #[test]
    fn an_interruption_takes_what_it_lasts() {
        let mut dwell = Dwell::default();
        for _ in 0..5 {
            dwell.grow(SECOND);
        }
        dwell.drain(SECOND);
        assert_eq!(dwell.held(), 3 * SECOND);
        dwell.grow(SECOND);
        assert_eq!(dwell.held(), 3 * SECOND);
    }
}
