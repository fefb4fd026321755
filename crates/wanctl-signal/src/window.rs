//! The newest values of a stream.

/// The newest `N` values of a stream, oldest first. `N` must not be zero.
///
/// ```
/// use wanctl_signal::Window;
///
/// let mut window = Window::<3>::default();
/// [4.0, 1.0, 2.0, 3.0].map(|value| window.push(value));
/// assert_eq!(window.iter().collect::<Vec<_>>(), [1.0, 2.0, 3.0]);
/// assert_eq!(window.quantile(0.5), Some(2.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window<const N: usize> {
    values: [f64; N],
    /// Where the next value goes.
    next: usize,
    length: usize,
}

impl<const N: usize> Default for Window<N> {
    fn default() -> Self {
        Self {
            values: [0.0; N],
            next: 0,
            length: 0,
        }
    }
}

impl<const N: usize> Window<N> {
    /// Takes a value, and lets the oldest go when there is no more room. NaN is passed over.
    pub fn push(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        if let Some(place) = self.values.get_mut(self.next) {
            *place = value;
        }
        self.next = (self.next + 1).checked_rem(N).unwrap_or(0);
        self.length = (self.length + 1).min(N);
    }

    /// How many values there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.length = 0;
        self.next = 0;
    }

    /// All values, oldest first.
    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = f64> {
        let oldest = (self.next + N).saturating_sub(self.length);
        (oldest..oldest + self.length)
            .filter_map(|place| self.values.get(place.checked_rem(N)?).copied())
    }

    /// The value that the given part of all values does not exceed (nearest rank); `None` without
    /// any. `part` is taken into 0 to 1.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Option<f64> {
        let mut sorted = self.values;
        let sorted = sorted.get_mut(..self.length)?;
        let place = nearest_rank(self.length, part)?;
        let (_, value, _) = sorted.select_nth_unstable_by(place, f64::total_cmp);
        Some(*value)
    }

    /// Adds `shift` to every value.
    pub fn shift(&mut self, shift: f64) {
        for value in &mut self.values {
            *value += shift;
        }
    }
}

/// The index of a quantile among `count` sorted values.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a window has far fewer than 2^52 values, and the product is not negative"
)]
fn nearest_rank(count: usize, part: f64) -> Option<usize> {
    let last = count.checked_sub(1)?;
    let rank = (part.clamp(0.0, 1.0) * count as f64).ceil() as usize;
    Some(rank.saturating_sub(1).min(last))
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "fewer than 50 values")]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(3), ..ProptestConfig::default() })]

        #[test]
        fn a_window_is_the_end_of_the_stream(values in prop::collection::vec(-1e6..1e6, 0..50)) {
            let mut window = Window::<7>::default();
            for value in &values {
                window.push(*value);
            }
            let end = &values[values.len().saturating_sub(7)..];
            prop_assert_eq!(window.iter().collect::<Vec<_>>(), end);
            prop_assert_eq!(window.len(), end.len());
        }

        #[test]
        fn a_quantile_splits_the_values(
            values in prop::collection::vec(-1e6..1e6, 1..50),
            part in 0.0..=1.0,
        ) {
            let mut window = Window::<50>::default();
            for value in &values {
                window.push(*value);
            }
            let quantile = window.quantile(part).unwrap();
            let count = values.len() as f64;
            let up_to = values.iter().filter(|value| **value <= quantile).count() as f64;
            let below = values.iter().filter(|value| **value < quantile).count() as f64;
            prop_assert!(up_to >= part * count - 1e-9);
            prop_assert!(below <= (part * count).max(1.0) - 1e-9 || below == 0.0);
        }
    }

    #[test]
    fn nan_is_no_value_and_nothing_has_no_quantile() {
        let mut window = Window::<4>::default();
        window.push(f64::NAN);
        assert!(window.is_empty());
        assert_eq!(window.quantile(0.5), None);
    }
}
