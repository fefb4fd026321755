//! Percentiles of delays.

use wanctl_types::Millis;

/// A summary of many delays.
///
/// Percentiles are exact and by nearest rank: the p-th of n sorted values is the one at rank
/// `ceil(p / 100 * n)`, counted from 1. So each is a value that occurred.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct DelayStats {
    /// How many delays.
    pub count: usize,
    /// The median.
    pub p50: Millis,
    /// Nineteen of twenty are no larger.
    pub p95: Millis,
    /// Ninety-nine of a hundred are no larger.
    pub p99: Millis,
    /// The largest.
    pub max: Millis,
}

impl DelayStats {
    /// Summarises these delays; `None` without any.
    ///
    /// ```
    /// use wanctl_sim::DelayStats;
    /// use wanctl_types::Millis;
    ///
    /// let delays = (1..=200).map(|ms| Millis::saturating(f64::from(ms)));
    /// let stats = DelayStats::of(delays).unwrap();
    /// assert_eq!((stats.p50.get(), stats.p95.get(), stats.p99.get()), (100.0, 190.0, 198.0));
    /// ```
    #[must_use]
    pub fn of(delays: impl IntoIterator<Item = Millis>) -> Option<Self> {
        let mut sorted: Vec<Millis> = delays.into_iter().collect();
        sorted.sort_unstable_by(|a, b| a.get().total_cmp(&b.get()));
        Some(Self {
            count: sorted.len(),
            p50: nearest_rank(&sorted, 50)?,
            p95: nearest_rank(&sorted, 95)?,
            p99: nearest_rank(&sorted, 99)?,
            max: *sorted.last()?,
        })
    }
}

fn nearest_rank(sorted: &[Millis], percent: usize) -> Option<Millis> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let stats = DelayStats::of([3.0, 1.0, 2.0].map(Millis::saturating)).unwrap();
        assert_eq!(stats.count, 3);
        assert_eq!(stats.p50, Millis::saturating(2.0));
        assert_eq!(stats.p99, Millis::saturating(3.0));
        assert_eq!(stats.max, Millis::saturating(3.0));
        assert_eq!(DelayStats::of([]), None);
    }
}
