//! How long the loop's own work takes.

use std::time::Duration;

/// Turns of the loop that are remembered: at twenty rounds a second and a handful of turns each,
/// the last ten seconds or so.
const WINDOW: usize = 1_024;

/// A sliding window of the loop's turns, each from waking up to going back to sleep.
#[derive(Clone, Debug)]
pub(crate) struct WorkWindow {
    micros: Vec<u32>,
    next: usize,
    sorted: Vec<u32>,
}

impl WorkWindow {
    pub(crate) fn new() -> Self {
        Self {
            micros: Vec::with_capacity(WINDOW),
            next: 0,
            sorted: Vec::with_capacity(WINDOW),
        }
    }

    /// Adds one turn. Allocates nothing.
    pub(crate) fn add(&mut self, turn: Duration) {
        let micros = u32::try_from(turn.as_micros()).unwrap_or(u32::MAX);
        match self.micros.get_mut(self.next) {
            Some(oldest) => *oldest = micros,
            None => self.micros.push(micros),
        }
        self.next = (self.next + 1) % WINDOW;
    }

    /// The turn that 99 of 100 do not exceed, by nearest rank; zero without any.
    pub(crate) fn p99(&mut self) -> Duration {
        self.sorted.clear();
        self.sorted.extend_from_slice(&self.micros);
        let rank = (self.sorted.len() * 99).div_ceil(100);
        let Some(index) = rank.checked_sub(1) else {
            return Duration::ZERO;
        };
        let (_, value, _) = self.sorted.select_nth_unstable(index);
        Duration::from_micros(u64::from(*value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slow_turn_in_a_hundred_does_not_count() {
        let mut window = WorkWindow::new();
        assert_eq!(window.p99(), Duration::ZERO);
        for micros in 1..=100 {
            window.add(Duration::from_micros(micros));
        }
        assert_eq!(window.p99(), Duration::from_micros(99));
    }

    #[test]
    fn old_turns_are_forgotten() {
        let mut window = WorkWindow::new();
        for _ in 0..WINDOW {
            window.add(Duration::from_secs(1));
        }
        for _ in 0..WINDOW {
            window.add(Duration::from_micros(7));
        }
        assert_eq!(window.p99(), Duration::from_micros(7));
        assert_eq!(window.micros.len(), WINDOW);
    }
}
