//! What a series is like, in a few numbers.

/// Mean, percentiles and autocorrelation of a series of equally long bins.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// Mean, in the unit of the series.
    pub mean: f64,
    /// 5th percentile, between the two values nearest to it.
    pub p5: f64,
    /// 95th percentile, between the two values nearest to it.
    pub p95: f64,
    /// Part of the bins below 2 % of the mean, 0 to 1.
    pub near_zero: f64,
    deviations: Vec<f64>,
}

/// A bin below this part of the mean counts as near zero.
const NEAR_ZERO: f64 = 0.02;

impl Figures {
    /// Looks at a series of finite values; `None` when it is empty.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let mean = mean_of(values.iter().copied(), values.len())?;
        let low = values.iter().filter(|value| **value < NEAR_ZERO * mean);
        Some(Self {
            mean,
            p5: percentile(&sorted, 0.05)?,
            p95: percentile(&sorted, 0.95)?,
            near_zero: as_f64(low.count()) / as_f64(values.len()),
            deviations: values.iter().map(|value| value - mean).collect(),
        })
    }

    /// Correlation of the series with itself `lag` bins later, −1 to 1; zero for a series that
    /// never changes.
    #[must_use]
    pub fn autocorrelation(&self, lag: usize) -> f64 {
        let all: f64 = self.deviations.iter().map(|one| one * one).sum();
        if all <= 0.0 {
            return 0.0;
        }
        let later = self.deviations.iter().skip(lag);
        let products = self
            .deviations
            .iter()
            .zip(later)
            .map(|(one, two)| one * two);
        products.sum::<f64>() / all
    }
}

fn mean_of(values: impl Iterator<Item = f64>, count: usize) -> Option<f64> {
    (count > 0).then(|| values.sum::<f64>() / as_f64(count))
}

fn percentile(sorted: &[f64], part: f64) -> Option<f64> {
    let place = part * as_f64(sorted.len().checked_sub(1)?);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in a slice"
    )]
    let below = place as usize;
    let low = *sorted.get(below)?;
    let high = sorted.get(below + 1).copied().unwrap_or(low);
    Some((high - low).mul_add(place.fract(), low))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a series has far fewer than 2^52 bins"
)]
const fn as_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_series_has_known_figures() {
        let values: Vec<f64> = (0..=100).map(f64::from).collect();
        let figures = Figures::of(&values).unwrap();
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(near(figures.mean, 50.0), "{figures:?}");
        assert!(
            near(figures.p5, 5.0) && near(figures.p95, 95.0),
            "{figures:?}"
        );
        assert!(near(figures.near_zero, 1.0 / 101.0), "{figures:?}");
        assert!(figures.autocorrelation(1) > 0.9);
        assert!(near(figures.autocorrelation(0), 1.0));
    }

    #[test]
    fn a_constant_or_empty_series_makes_no_trouble() {
        assert_eq!(Figures::of(&[]), None);
        let constant = Figures::of(&[3.0; 10]).unwrap();
        assert!((constant.p5 - 3.0).abs() < 1e-12);
        assert!(constant.autocorrelation(1).abs() < 1e-12);
        let alternating = Figures::of(&[1.0, 2.0].repeat(50)).unwrap();
        assert!(alternating.autocorrelation(1) < -0.9);
    }
}
