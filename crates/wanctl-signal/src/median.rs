//! Median of a few delays.

use wanctl_types::Millis;

/// The median of `samples`, which it sorts; of an even number the mean of the middle two. `None`
/// of nothing.
#[must_use]
pub fn median(samples: &mut [Millis]) -> Option<Millis> {
    samples.sort_unstable_by(|a, b| a.get().total_cmp(&b.get()));
    let middle = samples.len() / 2;
    let upper = *samples.get(middle)?;
    if samples.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *samples.get(middle.checked_sub(1)?)?;
    Some(Millis::saturating(f64::midpoint(lower.get(), upper.get())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    #[test]
    fn odd_numbers_have_a_middle_and_even_ones_a_mean() {
        for (samples, expected) in [
            (vec![], None),
            (vec![10.0], Some(10.0)),
            (vec![15.0, 10.0], Some(12.5)),
            (vec![10.0, 20.0, 15.0], Some(15.0)),
            (vec![4.0, 1.0, 3.0, 2.0], Some(2.5)),
            (vec![f64::MAX, f64::MAX], Some(f64::MAX)),
        ] {
            let mut samples: Vec<Millis> = samples.into_iter().map(Millis::saturating).collect();
            assert_eq!(median(&mut samples).map(Millis::get), expected);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(2), ..ProptestConfig::default() })]

        #[test]
        fn half_of_the_samples_lie_on_either_side(
            samples in prop::collection::vec(-1e9..1e9, 1..20),
        ) {
            let mut samples: Vec<Millis> = samples.into_iter().map(Millis::saturating).collect();
            let middle = median(&mut samples).unwrap();
            let below = samples.iter().filter(|sample| **sample <= middle).count();
            let above = samples.iter().filter(|sample| **sample >= middle).count();
            prop_assert!(below * 2 >= samples.len() && above * 2 >= samples.len());
        }
    }
}
