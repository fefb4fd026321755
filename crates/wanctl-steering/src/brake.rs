//! Moves that follow each other are slowed down.

use core::time::Duration;

use arrayvec::ArrayVec;
use serde::{Deserialize, Serialize};
use wanctl_types::Timestamp;

use crate::BrakeConfig;

/// Most moves that are remembered.
const MEMORY: usize = 32;

/// The latest moves.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Brake {
    moves: ArrayVec<Moved, MEMORY>,
    penalty_until: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Moved {
    at: Timestamp,
    departure: bool,
}

/// What outlives a restart: ages, since no two clocks agree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BrakeMemory {
    /// How long ago traffic moved, oldest first, and whether away from normal use.
    pub(crate) moves: ArrayVec<(Duration, bool), MEMORY>,
}

impl Brake {
    /// Traffic has moved; `departure` when it left the WAN in normal use. Returns how long it
    /// stays away.
    pub(crate) fn moved(
        &mut self,
        now: Timestamp,
        departure: bool,
        config: &BrakeConfig,
    ) -> Duration {
        self.forget(now, config);
        let earlier = self.moves.iter().filter(|moved| moved.departure).count();
        if self.moves.is_full() {
            self.moves.remove(0);
        }
        self.moves.push(Moved { at: now, departure });
        if config.max_moves.is_some_and(|most| self.moves.len() > most) {
            self.penalty_until = Some(now + config.penalty);
        }
        let doublings = u32::try_from(earlier.min(16)).unwrap_or(16);
        let hold = config.hold_down.saturating_mul(1 << doublings);
        hold.min(config.longest.max(config.hold_down))
    }

    /// Whether moves have followed each other too fast.
    pub(crate) fn penalised(&self, now: Timestamp) -> bool {
        self.penalty_until.is_some_and(|until| now < until)
    }

    pub(crate) fn memory(&self, now: Timestamp) -> BrakeMemory {
        let age = |moved: &Moved| (now.saturating_since(moved.at), moved.departure);
        BrakeMemory {
            moves: self.moves.iter().map(age).collect(),
        }
    }

    pub(crate) fn restore(now: Timestamp, memory: &BrakeMemory) -> Self {
        let moved = |&(age, departure): &(Duration, bool)| Moved {
            at: now - age,
            departure,
        };
        Self {
            moves: memory.moves.iter().map(moved).collect(),
            penalty_until: None,
        }
    }

    fn forget(&mut self, now: Timestamp, config: &BrakeConfig) {
        self.moves
            .retain(|moved| now.saturating_since(moved.at) <= config.window);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn each_departure_within_the_window_doubles_the_hold_down() {
        let config = BrakeConfig::default();
        let mut brake = Brake::default();
        let holds: Vec<u64> = (0..8)
            .map(|n| brake.moved(at(n * 10), true, &config).as_secs())
            .collect();
        assert_eq!(holds, [30, 60, 120, 240, 480, 960, 1_800, 1_800]);
        assert_eq!(brake.moved(at(10_000), true, &config).as_secs(), 30);
    }

    #[test]
    fn more_moves_than_allowed_are_penalised_for_a_while() {
        let config = BrakeConfig::default();
        let mut brake = Brake::default();
        for n in 0..4 {
            let _hold = brake.moved(at(n), n % 2 == 0, &config);
        }
        assert!(!brake.penalised(at(4)));
        let _hold = brake.moved(at(4), true, &config);
        assert!(brake.penalised(at(63)) && !brake.penalised(at(64)));
    }

    #[test]
    fn ages_survive_on_another_clock() {
        let config = BrakeConfig::default();
        let mut brake = Brake::default();
        let _hold = brake.moved(at(100), true, &config);
        let mut other = Brake::restore(at(5_000), &brake.memory(at(160)));
        assert_eq!(other.moved(at(5_001), true, &config).as_secs(), 60);
    }
}
