//! One RTT out of the reflectors' answers.

use arrayvec::ArrayVec;
use wanctl_signal::median;
use wanctl_types::Millis;

use crate::{Aggregation, ReflectorObservation};

/// How many reflectors the median is taken of.
const MEDIAN_OF: usize = 3;

impl Aggregation {
    /// The RTT of this round; `None` when no reflector that counts has answered.
    ///
    /// [`MedianOfThree`](Self::MedianOfThree) needs three reflectors to choose from; with fewer
    /// only the first counts. An RTT of zero or less is no answer.
    #[must_use]
    pub fn rtt(self, reflectors: &[ReflectorObservation]) -> Option<Millis> {
        match self {
            Self::First => first(reflectors),
            Self::MedianOfThree if reflectors.len() < MEDIAN_OF => first(reflectors),
            Self::MedianOfThree => median_of_three(reflectors),
        }
    }
}

fn first(reflectors: &[ReflectorObservation]) -> Option<Millis> {
    reflectors.first().and_then(answer)
}

fn median_of_three(reflectors: &[ReflectorObservation]) -> Option<Millis> {
    let mut answers: ArrayVec<Millis, MEDIAN_OF> = reflectors
        .iter()
        .take(MEDIAN_OF)
        .filter_map(answer)
        .collect();
    median(&mut answers)
}

fn answer(reflector: &ReflectorObservation) -> Option<Millis> {
    reflector.rtt.filter(|rtt| *rtt > Millis::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::answered;

    #[test]
    fn the_median_needs_two_answers_and_takes_one_as_it_is() {
        for (replies, expected) in [
            ([Some(10.0), None, Some(15.0)], Some(12.5)),
            ([None, Some(10.0), None], Some(10.0)),
            ([None, None, None], None),
            ([Some(10.0), Some(20.0), Some(15.0)], Some(15.0)),
        ] {
            assert_eq!(rtt(Aggregation::MedianOfThree, &replies), expected);
        }
    }

    #[test]
    fn with_two_reflectors_only_the_first_counts() {
        assert_eq!(
            rtt(Aggregation::MedianOfThree, &[Some(10.0), Some(20.0)]),
            Some(10.0)
        );
        assert_eq!(rtt(Aggregation::MedianOfThree, &[None, Some(20.0)]), None);
    }

    #[test]
    fn a_fourth_reflector_does_not_count() {
        let replies = [None, None, None, Some(20.0)];
        assert_eq!(rtt(Aggregation::MedianOfThree, &replies), None);
    }

    #[test]
    fn the_first_reflector_alone_decides_without_the_median() {
        assert_eq!(rtt(Aggregation::First, &[None, Some(10.0)]), None);
        assert_eq!(rtt(Aggregation::First, &[Some(9.0), Some(10.0)]), Some(9.0));
        assert_eq!(rtt(Aggregation::First, &[]), None);
    }

    #[test]
    fn an_rtt_of_zero_or_less_is_no_answer() {
        for bad in [0.0, -0.0, -3.0] {
            assert_eq!(rtt(Aggregation::First, &[Some(bad)]), None);
            let replies = [Some(bad), Some(12.0), Some(14.0)];
            assert_eq!(rtt(Aggregation::MedianOfThree, &replies), Some(13.0));
        }
    }

    fn rtt(aggregation: Aggregation, replies: &[Option<f64>]) -> Option<f64> {
        let reflectors: Vec<_> = replies.iter().copied().map(answered).collect();
        aggregation.rtt(&reflectors).map(Millis::get)
    }
}
