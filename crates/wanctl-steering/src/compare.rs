//! Which WAN traffic would move to.

use core::time::Duration;

use arrayvec::ArrayVec;
use wanctl_types::Millis;

use crate::{Assessment, Level, MAX_WANS, Margin, Rejection, WanIndex, WanPolicy};

/// Every WAN's assessment, in the order of the configuration.
pub(crate) type Assessments = ArrayVec<Assessment, MAX_WANS>;

/// How long each WAN has been silent, as far as its quorum goes.
pub(crate) type Silences = ArrayVec<Duration, MAX_WANS>;

/// What speaks against each WAN, and the one that nothing speaks against.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Choice {
    pub(crate) best: Option<WanIndex>,
    pub(crate) rejections: ArrayVec<Option<Rejection>, MAX_WANS>,
}

/// Chooses where traffic would go from `current`: usable, better by the margin, of the highest
/// rank, then of the lowest cost, then the first in the configuration.
pub(crate) fn choose(
    current: WanIndex,
    assessments: &Assessments,
    silences: &Silences,
    limit: Duration,
    policies: &[WanPolicy],
    margin: &Margin,
) -> Choice {
    let from = assessments.get(current.get());
    let mut choice = Choice {
        best: None,
        rejections: ArrayVec::new(),
    };
    let mut ranks: ArrayVec<(u8, f64, WanIndex), MAX_WANS> = ArrayVec::new();
    for ((wan, assessment), policy) in WanIndex::first(MAX_WANS).zip(assessments).zip(policies) {
        let verdict = match from {
            _ if wan == current => None,
            Some(from) => {
                let silent = silences.get(wan.get()).copied().unwrap_or_default();
                let judged = judge(wan, assessment, policy, from, margin);
                Some(judged.and_then(|cost| heard(cost, silent, from, limit)))
            }
            None => Some(Err(Rejection::Unknown)),
        };
        match verdict {
            None => choice.rejections.push(None),
            Some(Err(rejection)) => choice.rejections.push(Some(rejection)),
            Some(Ok(cost)) => {
                ranks.push((policy.priority, cost.get(), wan));
                choice.rejections.push(Some(Rejection::Outranked));
            }
        }
    }
    ranks.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
    choice.best = ranks.first().map(|rank| rank.2);
    let chosen = choice
        .best
        .and_then(|best| choice.rejections.get_mut(best.get()));
    if let Some(rejection) = chosen {
        *rejection = None;
    }
    choice
}

/// The cost of a WAN that traffic may move to, or why not.
fn judge(
    wan: WanIndex,
    assessment: &Assessment,
    policy: &WanPolicy,
    from: &Assessment,
    margin: &Margin,
) -> Result<Millis, Rejection> {
    if !policy.steerable && !wan.is_primary() {
        return Err(Rejection::NoRule);
    }
    let Some(quality) = assessment.quality() else {
        return Err(match assessment.level() {
            Level::Down => Rejection::Down,
            Level::Unknown | Level::Green | Level::Yellow | Level::Red => Rejection::Unknown,
        });
    };
    let cost = quality.cost();
    match from.quality() {
        // From a WAN that is down anything that answers is better.
        None if from.level() == Level::Down => Ok(cost),
        None => Err(Rejection::Unknown),
        Some(_) if assessment.level() == Level::Red => Err(Rejection::Congested),
        Some(present) => {
            let most = most(present.cost(), margin);
            if cost <= most {
                Ok(cost)
            } else {
                Err(Rejection::NotBetter { cost, most })
            }
        }
    }
}

/// What cuts one line may have cut the other a moment later: from a WAN that is down traffic moves
/// only to one that was heard within half of the time that makes a WAN down.
fn heard(
    cost: Millis,
    silent: Duration,
    from: &Assessment,
    limit: Duration,
) -> Result<Millis, Rejection> {
    if from.level() == Level::Down && silent >= limit / 2 {
        return Err(Rejection::Silent { silent });
    }
    Ok(cost)
}

/// What another WAN may cost at most for a move to be worth it.
fn most(present: Millis, margin: &Margin) -> Millis {
    let absolute = present.get() - margin.absolute.get();
    let relative = present.get() * margin.ratio;
    Millis::saturating(absolute.min(relative))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cause, Quality};

    fn quality(rtt: f64) -> Quality {
        Quality {
            rtt: Millis::saturating(rtt),
            ..Quality::default()
        }
    }

    fn green(rtt: f64) -> Assessment {
        Assessment::Green {
            quality: quality(rtt),
        }
    }

    fn red(rtt: f64) -> Assessment {
        Assessment::Red {
            quality: quality(rtt),
            cause: Cause::Loss {
                found: 1.0,
                limit: 0.0,
            },
        }
    }

    fn down() -> Assessment {
        Assessment::Down {
            silent: Duration::from_secs(2),
            answering: 0,
            quorum: 2,
        }
    }

    fn best(assessments: &[Assessment], policies: &[WanPolicy]) -> Option<usize> {
        let assessments = assessments.iter().copied().collect();
        let silences = policies.iter().map(|_| Duration::ZERO).collect();
        let limit = Duration::from_secs(1);
        let margin = Margin::default();
        choose(
            WanIndex::PRIMARY,
            &assessments,
            &silences,
            limit,
            policies,
            &margin,
        )
        .best
        .map(WanIndex::get)
    }

    #[test]
    fn both_margins_must_be_met() {
        let policies = [WanPolicy::new(3); 2];
        // Ten milliseconds less, but more than two thirds.
        assert_eq!(best(&[red(100.0), green(80.0)], &policies), None);
        // Less than two thirds, but by less than ten milliseconds.
        assert_eq!(best(&[red(20.0), green(11.0)], &policies), None);
        assert_eq!(best(&[red(100.0), green(66.0)], &policies), Some(1));
    }

    #[test]
    fn a_wan_that_is_congested_down_or_unknown_is_no_choice() {
        let policies = [WanPolicy::new(3); 2];
        let unknown = Assessment::Unknown {
            measured: Duration::ZERO,
            needed: Duration::from_secs(3),
        };
        for other in [red(20.0), down(), unknown] {
            assert_eq!(best(&[red(300.0), other], &policies), None, "{other}");
        }
    }

    #[test]
    fn from_a_dead_wan_a_congested_one_is_better_than_nothing() {
        let policies = [WanPolicy::new(3); 2];
        assert_eq!(best(&[down(), red(400.0)], &policies), Some(1));
        assert_eq!(best(&[down(), down()], &policies), None);
    }

    #[test]
    fn from_a_dead_wan_one_that_fell_silent_with_it_is_no_choice() {
        let policies = [WanPolicy::new(3); 2];
        let assessments = [down(), green(30.0)].into_iter().collect();
        let limit = Duration::from_secs(1);
        let choice = |millis| {
            let silences = [1_000, millis].map(Duration::from_millis);
            let silences = silences.into_iter().collect();
            let margin = Margin::default();
            choose(
                WanIndex::PRIMARY,
                &assessments,
                &silences,
                limit,
                &policies,
                &margin,
            )
            .best
        };
        assert_eq!(choice(499).map(WanIndex::get), Some(1));
        assert_eq!(choice(500), None);
    }

    #[test]
    fn rank_comes_before_cost_and_cost_before_place() {
        let mut policies = [WanPolicy::new(3); 4];
        let wans = [red(200.0), green(60.0), green(30.0), green(30.0)];
        assert_eq!(best(&wans, &policies), Some(2));
        policies[2].priority = 1;
        policies[3].priority = 1;
        assert_eq!(best(&wans, &policies), Some(1));
        policies[1].steerable = false;
        assert_eq!(best(&wans, &policies), Some(2));
    }
}
