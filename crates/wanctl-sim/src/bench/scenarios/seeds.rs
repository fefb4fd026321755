//! Which seeds are for what.

/// The two halves of all seeds. What is tuned on one is reported on the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seeds {
    /// For choosing a law's constants: 1, 3, 5 …
    Tuning,
    /// For reporting: 2, 4, 6 …
    Reporting,
}

impl Seeds {
    /// The first `count` of them.
    pub fn take(self, count: usize) -> impl Iterator<Item = u64> {
        let first = match self {
            Self::Tuning => 1,
            Self::Reporting => 2,
        };
        (first..).step_by(2).take(count)
    }

    /// Which half a seed belongs to.
    #[must_use]
    pub const fn of(seed: u64) -> Self {
        if seed % 2 == 1 {
            Self::Tuning
        } else {
            Self::Reporting
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_do_not_overlap() {
        assert_eq!(Seeds::Tuning.take(3).collect::<Vec<_>>(), [1, 3, 5]);
        assert_eq!(Seeds::Reporting.take(3).collect::<Vec<_>>(), [2, 4, 6]);
        for half in [Seeds::Tuning, Seeds::Reporting] {
            assert!(half.take(50).all(|seed| Seeds::of(seed) == half));
        }
    }
}
