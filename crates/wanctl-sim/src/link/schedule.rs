//! Values that change at given times.

use std::time::Duration;

use wanctl_types::Timestamp;

/// A value over time: constant from one change to the next.
///
/// ```
/// use std::time::Duration;
/// use wanctl_sim::Schedule;
///
/// let rate = Schedule::constant(50).then(Duration::from_secs(20), 25);
/// assert_eq!(rate.at(Duration::from_secs(19)), &50);
/// assert_eq!(rate.at(Duration::from_secs(20)), &25);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule<T> {
    first: T,
    changes: Vec<(Duration, T)>,
}

impl<T> Schedule<T> {
    /// One value for ever.
    #[must_use]
    pub const fn constant(value: T) -> Self {
        Self {
            first: value,
            changes: Vec::new(),
        }
    }

    /// Changes the value at `at`, counted from the origin of the clock. Changes may be given in
    /// any order; of two at the same time the later given holds.
    #[must_use]
    pub fn then(mut self, at: Duration, value: T) -> Self {
        let index = self.changes.partition_point(|(time, _)| *time <= at);
        self.changes.insert(index, (at, value));
        self
    }

    /// The value in force at `at`.
    #[must_use]
    pub fn at(&self, at: Duration) -> &T {
        let passed = self.changes.partition_point(|(time, _)| *time <= at);
        passed
            .checked_sub(1)
            .and_then(|index| self.changes.get(index))
            .map_or(&self.first, |(_, value)| value)
    }

    /// The value at `now`, remembering in `passed` how many changes lie behind: cheap for a
    /// clock that only goes forward.
    pub(crate) fn follow(&self, now: Timestamp, passed: &mut usize) -> &T {
        while let Some((time, _)) = self.changes.get(*passed)
            && *time <= now.since_origin()
        {
            *passed += 1;
        }
        passed
            .checked_sub(1)
            .and_then(|index| self.changes.get(index))
            .map_or(&self.first, |(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_sorted_and_the_last_given_wins_a_tie() {
        let second = Duration::from_secs(1);
        let schedule = Schedule::constant(0)
            .then(second * 2, 2)
            .then(second, 1)
            .then(second, 9);
        assert_eq!(*schedule.at(Duration::ZERO), 0);
        assert_eq!(*schedule.at(second), 9);
        assert_eq!(*schedule.at(second * 3), 2);
    }

    #[test]
    fn following_agrees_with_looking_up() {
        let schedule = (1..50_u64).fold(Schedule::constant(0), |schedule, n| {
            schedule.then(Duration::from_millis(n * n % 37), n)
        });
        let mut passed = 0;
        for ms in 0..60 {
            let at = Duration::from_millis(ms);
            let followed = *schedule.follow(Timestamp::ZERO + at, &mut passed);
            assert_eq!(followed, *schedule.at(at), "at {ms} ms");
        }
    }
}
