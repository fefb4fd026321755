//! A mean over seeds and how sure it is.

/// What a figure is over all seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Its standard error: the deviation from seed to seed over the root of their number; zero
    /// with a single seed, which tells nothing of it.
    pub error: f64,
    /// The least value.
    pub least: f64,
    /// The greatest.
    pub greatest: f64,
    /// How many seeds had it.
    pub count: usize,
}

impl Estimate {
    /// Estimates from finite values; `None` without any.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "there are far fewer than 2^52 seeds"
        )]
        let count = values.len() as f64;
        let least = values.iter().copied().reduce(f64::min)?;
        let greatest = values.iter().copied().reduce(f64::max)?;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let variance = if values.len() > 1 {
            squares / (count - 1.0)
        } else {
            0.0
        };
        Some(Self {
            mean,
            error: (variance / count).sqrt(),
            least,
            greatest,
            count: values.len(),
        })
    }

    /// The mean of two figures of the same runs; their errors count as independent.
    pub(super) fn mean_with(&self, other: &Self) -> Self {
        Self {
            mean: f64::midpoint(self.mean, other.mean),
            error: self.error_of_difference(other) / 2.0,
            least: f64::midpoint(self.least, other.least),
            greatest: f64::midpoint(self.greatest, other.greatest),
            count: self.count.min(other.count),
        }
    }

    /// The standard error of the difference to another.
    #[must_use]
    pub fn error_of_difference(&self, other: &Self) -> f64 {
        self.error.hypot(other.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_a_mean_is_that_of_the_textbook() {
        let estimate = Estimate::of(&[2.0, 4.0, 4.0, 6.0]).unwrap();
        assert!((estimate.mean - 4.0).abs() < 1e-12);
        // Deviation sqrt(8 / 3), over sqrt(4).
        assert!((estimate.error - (8.0_f64 / 3.0).sqrt() / 2.0).abs() < 1e-12);
        assert_eq!(
            (estimate.least, estimate.greatest, estimate.count),
            (2.0, 6.0, 4)
        );
        assert_eq!(Estimate::of(&[]), None);
        let single = Estimate::of(&[3.0]).unwrap();
        assert!(single.error.abs() < 1e-12);
        assert!((single.error_of_difference(&estimate) - estimate.error).abs() < 1e-12);
    }
}
