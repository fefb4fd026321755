//! The gate between a decision and the router: which rates are worth a write now.

use std::collections::VecDeque;
use std::time::Duration;

use wanctl_types::{Bps, Direction, PerDirection, Timestamp};

use crate::Limits;

/// How many writes may raise a rate in a span of time.
///
/// Every accepted change wears a RouterOS device's flash. Raising a rate can wait; lowering one
/// relieves congestion and is never counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BudgetConfig {
    /// Whether increases are limited at all.
    pub enabled: bool,
    /// Increases allowed within one window; 0 counts as 1, or no rate could ever rise.
    pub max_changes: u32,
    /// Length of the sliding window. A slot is free again once it is older than this.
    pub window: Duration,
}

impl BudgetConfig {
    /// A budget of `max_changes` increases per `window`.
    #[must_use]
    pub const fn new(enabled: bool, max_changes: u32, window: Duration) -> Self {
        Self {
            enabled,
            max_changes,
            window,
        }
    }
}

/// Five increases in ten seconds.
impl Default for BudgetConfig {
    fn default() -> Self {
        Self::new(true, 5, Duration::from_secs(10))
    }
}

/// What to do about a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// Write these; a direction that is `None` keeps its rate for now.
    Write(Limits),
    /// The router already has what is wanted.
    Unchanged,
    /// Only increases are wanted and the budget is spent.
    Deferred {
        /// From then on one increase is allowed.
        until: Timestamp,
    },
}

/// Decides, direction by direction, which intended rates are written now.
///
/// - An equal rate is never written.
/// - A lower rate, and any rate where the applied one is unknown, is written at once.
/// - A higher rate takes a slot of the budget. One write that raises both directions takes one.
///   Slots are paced: two are at least `window / max_changes` apart. Spent all at once they would
///   leave the router behind for the rest of the window, and then let it jump.
///
/// Nothing is queued: a deferred rate is simply asked for again, so the newest value wins.
/// A slot is taken when the write is ordered, whatever becomes of it.
#[derive(Clone, Debug)]
pub struct WriteGuard {
    budget: BudgetConfig,
    /// When increases were ordered, oldest first; at most `max_changes` of them.
    increases: VecDeque<Timestamp>,
}

impl WriteGuard {
    /// A guard with its whole budget.
    #[must_use]
    pub const fn new(budget: BudgetConfig) -> Self {
        Self {
            budget,
            increases: VecDeque::new(),
        }
    }

    /// Compares what is wanted with what the router is known to have.
    ///
    /// `applied` is the rate last read back, `None` where it is unknown. Zero there means a queue
    /// without a limit and counts as unknown: any finite rate must reach it without delay.
    pub fn next(
        &mut self,
        now: Timestamp,
        intended: PerDirection<Bps>,
        applied: PerDirection<Option<Bps>>,
    ) -> Verdict {
        let changes = PerDirection::from_fn(|d| Change::between(intended[d], applied[d]));
        if Direction::BOTH.iter().all(|d| changes[*d] == Change::None) {
            return Verdict::Unchanged;
        }
        let wants_increase = Direction::BOTH
            .iter()
            .any(|d| changes[*d] == Change::Increase);
        let held_until = if wants_increase {
            self.take_slot(now).err()
        } else {
            None
        };
        let limits = PerDirection::from_fn(|d| match changes[d] {
            Change::None => None,
            Change::Increase => held_until.is_none().then_some(intended[d]),
            Change::Urgent => Some(intended[d]),
        });
        match (limits.download.or(limits.upload), held_until) {
            (None, Some(until)) => Verdict::Deferred { until },
            (Some(_), _) | (None, None) => Verdict::Write(limits),
        }
    }

    /// Takes a slot, or says from when on one will be free.
    fn take_slot(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        if !self.budget.enabled {
            return Ok(());
        }
        let window = self.budget.window;
        self.increases
            .retain(|ordered| now.saturating_since(*ordered) <= window);
        let max_changes = self.budget.max_changes.max(1);
        let max = usize::try_from(max_changes).unwrap_or(usize::MAX);
        let full = self.increases.len() >= max;
        let paced = self
            .increases
            .back()
            .map(|last| *last + window / max_changes);
        let freed = self
            .increases
            .front()
            .filter(|_| full)
            .map(|oldest| *oldest + window + Duration::from_micros(1));
        match freed.max(paced) {
            Some(until) if until > now => Err(until),
            Some(_) | None => {
                self.increases.push_back(now);
                Ok(())
            }
        }
    }
}

/// What a write would do to one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    None,
    Increase,
    /// A decrease, or a rate that is not known.
    Urgent,
}

impl Change {
    fn between(intended: Bps, applied: Option<Bps>) -> Self {
        match applied {
            Some(applied) if applied == intended => Self::None,
            Some(applied) if applied < intended && applied != Bps::ZERO => Self::Increase,
            Some(_) | None => Self::Urgent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    const WINDOW: Duration = Duration::from_secs(10);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(seconds)
    }

    fn mbps(download: u64, upload: u64) -> PerDirection<Bps> {
        PerDirection::new(Bps::from_mbps(download), Bps::from_mbps(upload))
    }

    fn known(rates: PerDirection<Bps>) -> Limits {
        rates.map(Some)
    }

    /// A guard whose only slot was taken at second 100.
    fn spent() -> WriteGuard {
        let mut guard = WriteGuard::new(BudgetConfig::new(true, 1, WINDOW));
        let verdict = guard.next(at(100), mbps(60, 10), known(mbps(50, 10)));
        assert_eq!(
            verdict,
            Verdict::Write(PerDirection::new(Some(Bps::from_mbps(60)), None))
        );
        guard
    }

    #[test]
    fn an_unknown_rate_and_a_missing_limit_are_written_at_once() {
        for applied in [None, Some(Bps::ZERO)] {
            let verdict = spent().next(
                at(101),
                mbps(60, 10),
                PerDirection::new(applied, Some(Bps::from_mbps(10))),
            );
            assert_eq!(
                verdict,
                Verdict::Write(PerDirection::new(Some(Bps::from_mbps(60)), None))
            );
        }
    }

    #[test]
    fn a_decrease_leaves_alone_while_an_increase_waits() {
        let verdict = spent().next(at(101), mbps(70, 5), known(mbps(60, 10)));
        assert_eq!(
            verdict,
            Verdict::Write(PerDirection::new(None, Some(Bps::from_mbps(5))))
        );
    }

    #[test]
    fn a_slot_is_free_strictly_after_the_window() {
        let mut guard = spent();
        let until = at(110) + Duration::from_micros(1);
        for now in [at(101), at(110)] {
            assert_eq!(
                guard.next(now, mbps(70, 10), known(mbps(60, 10))),
                Verdict::Deferred { until }
            );
        }
        assert!(matches!(
            guard.next(until, mbps(70, 10), known(mbps(60, 10))),
            Verdict::Write(_)
        ));
    }

    #[test]
    fn raising_both_directions_takes_one_slot() {
        let mut guard = WriteGuard::new(BudgetConfig::new(true, 2, WINDOW));
        for now in [1, 6] {
            assert_eq!(
                guard.next(at(now), mbps(70, 20), known(mbps(60, 10))),
                Verdict::Write(known(mbps(70, 20)))
            );
        }
        assert!(matches!(
            guard.next(at(11), mbps(70, 20), known(mbps(60, 10))),
            Verdict::Deferred { .. }
        ));
    }

    #[test]
    fn increases_are_spread_over_the_window() {
        let mut guard = WriteGuard::new(BudgetConfig::new(true, 5, WINDOW));
        let mut raise = |now| guard.next(at(now), mbps(70, 20), known(mbps(60, 10)));
        assert!(matches!(raise(1), Verdict::Write(_)));
        assert_eq!(raise(2), Verdict::Deferred { until: at(3) });
        assert!(matches!(raise(3), Verdict::Write(_)));
    }

    #[test]
    fn a_budget_of_zero_still_lets_a_rate_rise() {
        let mut guard = WriteGuard::new(BudgetConfig::new(true, 0, WINDOW));
        assert!(matches!(
            guard.next(at(1), mbps(70, 10), known(mbps(60, 10))),
            Verdict::Write(_)
        ));
    }

    #[test]
    fn without_a_budget_nothing_waits() {
        let mut guard = WriteGuard::new(BudgetConfig::new(false, 1, WINDOW));
        for _ in 0..100 {
            assert!(matches!(
                guard.next(at(1), mbps(70, 10), known(mbps(60, 10))),
                Verdict::Write(_)
            ));
        }
    }

    /// One step of a run: time passes, a decision comes, the write may fail.
    type Step = (u64, (u64, u64), (bool, bool));

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = (0_u64..4_000, (1_u64..6, 1_u64..6), any::<(bool, bool)>());
        proptest::collection::vec(step, 1..200)
    }

    fn rises(limits: Limits, applied: Limits) -> bool {
        limits.zip(applied).iter().any(
            |(_, (wanted, had))| matches!((wanted, had), (Some(wanted), Some(had)) if wanted > had),
        )
    }

    proptest! {
        #[test]
        fn every_rule_holds_in_any_run(steps in steps(), max in 1_u32..5) {
            let mut guard = WriteGuard::new(BudgetConfig::new(true, max, WINDOW));
            let mut now = Timestamp::ZERO;
            let mut applied: Limits = PerDirection::default();
            let mut increases: Vec<Timestamp> = Vec::new();
            for (millis, (download, upload), succeeds) in steps {
                now = now + Duration::from_millis(millis);
                let intended = mbps(download, upload);
                let verdict = guard.next(now, intended, applied);
                let limits = match verdict {
                    Verdict::Write(limits) => limits,
                    Verdict::Unchanged => {
                        prop_assert_eq!(applied, known(intended));
                        continue;
                    }
                    Verdict::Deferred { until } => {
                        prop_assert!(until > now);
                        PerDirection::default()
                    }
                };
                for direction in Direction::BOTH {
                    let urgent = applied[direction].is_none_or(|had| had > intended[direction]);
                    prop_assert!(!urgent || limits[direction].is_some(), "held back");
                    if let Some(written) = limits[direction] {
                        prop_assert_eq!(written, intended[direction]);
                        prop_assert_ne!(applied[direction], Some(written));
                    }
                }
                if rises(limits, applied) {
                    increases.push(now);
                    let recent = increases.iter().filter(|t| now.saturating_since(**t) <= WINDOW);
                    prop_assert!(recent.count() <= max as usize);
                }
                let succeeds = PerDirection::new(succeeds.0, succeeds.1);
                for direction in Direction::BOTH {
                    if let Some(written) = limits[direction] {
                        applied[direction] = succeeds[direction].then_some(written);
                    }
                }
            }
        }

        #[test]
        fn a_steady_decision_is_reached(before in steps(), max in 1_u32..5, target in (1_u64..6, 1_u64..6)) {
            let mut guard = WriteGuard::new(BudgetConfig::new(true, max, WINDOW));
            let mut now = Timestamp::ZERO;
            let mut applied: Limits = PerDirection::default();
            let mut settle = |now, intended, applied: &mut Limits| match guard.next(now, intended, *applied) {
                Verdict::Write(limits) => {
                    for direction in Direction::BOTH {
                        applied[direction] = limits[direction].or(applied[direction]);
                    }
                    None
                }
                Verdict::Unchanged => None,
                Verdict::Deferred { until } => Some(until),
            };
            for (millis, (download, upload), _) in before {
                now = now + Duration::from_millis(millis);
                let _: Option<Timestamp> = settle(now, mbps(download, upload), &mut applied);
            }
            let intended = mbps(target.0, target.1);
            for _ in 0..3 {
                now = settle(now, intended, &mut applied).unwrap_or(now);
            }
            prop_assert_eq!(applied, known(intended));
        }
    }
}
