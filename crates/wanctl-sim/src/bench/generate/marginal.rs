//! How often a line offers which rate.

/// Quantiles of a rate, as straight pieces over the normal scale.
///
/// Each knot is a standard normal value and the rate, in Mbit/s, that is not exceeded as often as
/// that value is not exceeded: 0 is the median, ±0.674 the quartiles, ±1.645 the 5th and 95th
/// percentile, 2.326 the 99th. Beyond its ends the rate stays as it is there, so it is bounded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Marginal(pub(super) &'static [(f64, f64)]);

impl Marginal {
    /// The rate at a standard normal value.
    pub(super) fn at(&self, normal: f64) -> f64 {
        let above = self.0.partition_point(|(knot, _)| *knot <= normal);
        let left = above.checked_sub(1).and_then(|index| self.0.get(index));
        match (left, self.0.get(above)) {
            (Some((from, low)), Some((to, high))) => {
                let part = (normal - from) / (to - from);
                part.mul_add(high - low, *low)
            }
            (Some((_, rate)), None) | (None, Some((_, rate))) => *rate,
            (None, None) => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_knots_is_straight_and_outside_is_flat() {
        let marginal = Marginal(&[(-1.0, 0.0), (0.0, 4.0), (2.0, 6.0)]);
        for (normal, rate) in [(-3.0, 0.0), (-0.5, 2.0), (0.0, 4.0), (1.0, 5.0), (9.0, 6.0)] {
            let given = marginal.at(normal);
            assert!((given - rate).abs() < 1e-12, "{normal} gives {given}");
        }
    }
}
