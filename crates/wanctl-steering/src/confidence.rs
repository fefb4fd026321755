//! How sure it is that a WAN is bad: a score from 0 to 100.

use serde::{Deserialize, Serialize};
use wanctl_types::Zone;

use crate::{Assessment, Limits, WanObservation};

/// A RED assessment alone.
const RED: f64 = 50.0;
/// A YELLOW one.
const YELLOW: f64 = 10.0;
/// An outage needs no further evidence.
const DOWN: f64 = 100.0;
/// A delay above [`VERY_SLOW_MS`].
const VERY_SLOW: f64 = 25.0;
/// A delay above [`SLOW_MS`].
const SLOW: f64 = 15.0;
/// Above it a delay is very slow, milliseconds.
const VERY_SLOW_MS: f64 = 120.0;
/// Above it a delay is slow, milliseconds.
const SLOW_MS: f64 = 80.0;
/// Drops from the shaper's queue, or a queue that stays long.
const QUEUE: f64 = 10.0;
/// A shaper that has nothing left to lower.
const AT_FLOOR: f64 = 15.0;
/// What `SOFT_RED` of the rate-control daemon weighs, as a share of RED.
const SOFT_RED_SHARE: f64 = 0.48;

/// A score and what it is made of; the parts may add up to more than the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// 0 to 100.
    pub total: f64,
    /// From the assessment.
    pub assessment: f64,
    /// From the delay's height.
    pub delay: f64,
    /// From drops.
    pub drops: f64,
    /// From the queue's length.
    pub queue: f64,
    /// From what the rate-control daemon says.
    pub shaper: f64,
}

impl Score {
    /// Adds up.
    pub(crate) fn of(assessment: f64, delay: f64, drops: f64, queue: f64, shaper: f64) -> Self {
        Self {
            total: (assessment + delay + drops + queue + shaper).clamp(0.0, 100.0),
            assessment,
            delay,
            drops,
            queue,
            shaper,
        }
    }

    /// Scores a WAN. Evidence that is missing or old adds nothing.
    pub(crate) fn standard(
        assessment: &Assessment,
        seen: &WanObservation,
        limits: &Limits,
        zone_weight: Option<f64>,
    ) -> Self {
        let level = match assessment {
            Assessment::Unknown { .. } | Assessment::Green { .. } => 0.0,
            Assessment::Yellow { .. } => YELLOW,
            Assessment::Red { .. } => RED,
            Assessment::Down { .. } => DOWN,
        };
        let delay = assessment
            .quality()
            .map_or(0.0, |quality| height(quality.delay.get()));
        let queue = seen.queue.filter(|queue| queue.age <= limits.fresh);
        let drops = queue.is_some_and(|queue| queue.drops >= limits.red_drops);
        let long = queue.is_some_and(|queue| queue.queued >= limits.red_queue);
        let shaper = seen.shaper.filter(|shaper| shaper.age <= limits.fresh);
        let shaper = shaper.map_or(0.0, |shaper| {
            let floor = if shaper.is_at_floor() && !shaper.can_help() {
                AT_FLOOR
            } else {
                0.0
            };
            floor + zone_weight.map_or(0.0, |weight| zone(shaper.worst_zone(), weight))
        });
        Self::of(level, delay, points(drops), points(long), shaper)
    }
}

/// What a delay's height adds, milliseconds.
pub(crate) fn height(delay: f64) -> f64 {
    if delay > VERY_SLOW_MS {
        VERY_SLOW
    } else if delay > SLOW_MS {
        SLOW
    } else {
        0.0
    }
}

/// What a zone of the rate-control daemon adds.
pub(crate) fn zone(zone: Option<Zone>, red_weight: f64) -> f64 {
    match zone {
        Some(Zone::Red) => red_weight,
        Some(Zone::SoftRed) => (red_weight * SOFT_RED_SHARE).trunc(),
        Some(Zone::Yellow | Zone::Green) | None => 0.0,
    }
}

fn points(evidence: bool) -> f64 {
    if evidence { QUEUE } else { 0.0 }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "sums of small whole numbers are exact")]
mod tests {
    use super::*;

    #[test]
    fn heights_are_strict() {
        assert_eq!(
            [80.0, 80.1, 120.0, 120.1].map(height),
            [0.0, 15.0, 15.0, 25.0]
        );
    }

    #[test]
    fn soft_red_weighs_about_half() {
        assert_eq!(zone(Some(Zone::Red), 25.0), 25.0);
        assert_eq!(zone(Some(Zone::SoftRed), 25.0), 12.0);
        assert_eq!(zone(None, 25.0), 0.0);
    }

    #[test]
    fn a_score_never_leaves_its_scale() {
        assert_eq!(Score::of(100.0, 25.0, 10.0, 10.0, 40.0).total, 100.0);
    }
}
