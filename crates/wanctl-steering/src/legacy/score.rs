//! The score of the Python program, its timers and its brake.

use core::time::Duration;

use arrayvec::ArrayVec;
use wanctl_types::{Timestamp, Zone};

use crate::brake::Brake;
use crate::confidence::{height, zone};
use crate::{ConfidenceConfig, Held, LegacyConfig, Level, Score};

/// A queue this long, packets, twice in a row, is evidence.
const LONG_QUEUE: u64 = 50;
/// Coming back asks for a delay below this, milliseconds.
const CALM_DELAY: f64 = 10.0;

/// One cycle's evidence.
pub(super) struct Evidence {
    pub(super) level: Level,
    /// Not smoothed, milliseconds.
    pub(super) delta: f64,
    pub(super) drops: u64,
    pub(super) queued: u64,
    pub(super) zone: Option<Zone>,
}

/// What the score asks for.
pub(super) enum Verdict {
    Enable { score: f64, threshold: f64 },
    Disable,
    Stay(Held),
}

/// Timers in seconds that count down by one cycle each.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Scorer {
    drops: ArrayVec<u64, 3>,
    queued: ArrayVec<u64, 2>,
    sustain: Option<f64>,
    hold_down: Option<f64>,
    recovery: Option<f64>,
    brake: Brake,
}

impl Scorer {
    /// The score, and what it asks for; `None` when no score decides.
    pub(super) fn step(
        &mut self,
        now: Timestamp,
        evidence: &Evidence,
        config: &LegacyConfig,
        degraded: bool,
    ) -> (Score, Option<Verdict>) {
        push(&mut self.drops, evidence.drops);
        push(&mut self.queued, evidence.queued);
        let weight = config
            .confidence
            .and_then(|confidence| confidence.zone_weight);
        let score = self.score(evidence, weight);
        let Some(confidence) = config.confidence else {
            return (score, None);
        };
        let verdict = if degraded {
            self.toward_home(now, evidence, score.total, config, &confidence)
        } else {
            self.toward_alternate(now, score.total, config, &confidence)
        };
        (score, Some(verdict))
    }

    fn score(&self, evidence: &Evidence, zone_weight: Option<f64>) -> Score {
        let level = match evidence.level {
            Level::Red | Level::Down => 50.0,
            Level::Yellow => 10.0,
            Level::Green | Level::Unknown => 0.0,
        };
        let rising = match self.drops.as_slice() {
            [two_earlier, _, last] => last > two_earlier && *last > 0,
            _ => false,
        };
        let long = match self.queued.as_slice() {
            both @ [_, _] => both.iter().all(|queued| *queued > LONG_QUEUE),
            _ => false,
        };
        let ten = |evidence: bool| if evidence { 10.0 } else { 0.0 };
        let shaper = zone_weight.map_or(0.0, |weight| zone(evidence.zone, weight));
        Score::of(
            level,
            height(evidence.delta),
            ten(rising),
            ten(long),
            shaper,
        )
    }

    fn toward_alternate(
        &mut self,
        now: Timestamp,
        score: f64,
        config: &LegacyConfig,
        confidence: &ConfidenceConfig,
    ) -> Verdict {
        let extra = if self.brake.penalised(now) {
            config.brake.penalty_score
        } else {
            0.0
        };
        let threshold = confidence.steer_threshold + extra;
        if score < threshold {
            self.sustain = None;
            return Verdict::Stay(Held::Calm);
        }
        let sustain = confidence.sustain.as_secs_f64();
        let left = count_down(&mut self.sustain, sustain, config.interval.as_secs_f64());
        if let Some(left) = left {
            return Verdict::Stay(confirming(left, confidence.sustain));
        }
        self.hold_down = Some(config.brake.hold_down.as_secs_f64());
        let _hold = self.brake.moved(now, true, &config.brake);
        Verdict::Enable { score, threshold }
    }

    fn toward_home(
        &mut self,
        now: Timestamp,
        evidence: &Evidence,
        score: f64,
        config: &LegacyConfig,
        confidence: &ConfidenceConfig,
    ) -> Verdict {
        let interval = config.interval.as_secs_f64();
        if let Some(left) = self.hold_down {
            let left = left - interval;
            self.hold_down = (left > 0.0).then_some(left);
        }
        if let Some(left) = self.hold_down {
            let left = Duration::try_from_secs_f64(left).unwrap_or_default();
            return Verdict::Stay(Held::HoldDown { until: now + left });
        }
        let zone_allows = confidence.zone_weight.is_none()
            || evidence.zone.is_none_or(|zone| zone == Zone::Green);
        let eligible = score <= confidence.recovery_threshold
            && evidence.level == Level::Green
            && evidence.delta < CALM_DELAY
            && evidence.drops == 0
            && zone_allows;
        if !eligible {
            self.recovery = None;
            return Verdict::Stay(Held::NotRecovered);
        }
        let recovery = confidence.recovery_sustain;
        if let Some(left) = count_down(&mut self.recovery, recovery.as_secs_f64(), interval) {
            return Verdict::Stay(recovering(left, recovery));
        }
        let _hold = self.brake.moved(now, false, &config.brake);
        Verdict::Disable
    }
}

/// Starts a timer, or takes a cycle off it; `None` when it has run out, and is cleared then.
fn count_down(timer: &mut Option<f64>, start: f64, interval: f64) -> Option<f64> {
    let left = match *timer {
        None => start,
        Some(left) => {
            let left = left - interval;
            if left <= 0.0 {
                *timer = None;
                return None;
            }
            left
        }
    };
    *timer = Some(left);
    Some(left)
}

fn confirming(left: f64, needed: Duration) -> Held {
    let lasted = needed.saturating_sub(Duration::try_from_secs_f64(left).unwrap_or_default());
    Held::Confirming { lasted, needed }
}

fn recovering(left: f64, needed: Duration) -> Held {
    let lasted = needed.saturating_sub(Duration::try_from_secs_f64(left).unwrap_or_default());
    Held::Recovering { lasted, needed }
}

fn push<const N: usize>(history: &mut ArrayVec<u64, N>, value: u64) {
    if history.is_full() {
        history.remove(0);
    }
    history.push(value);
}
