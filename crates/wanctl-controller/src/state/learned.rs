//! How far a stored [`AdaptiveState`] is believed.

use wanctl_types::{Bps, Direction, Millis, PerDirection};

use super::{AdaptiveState, ControllerState, Correction, LearnedCapacity};
use crate::{ControllerConfig, QueueConfig};

/// The most an estimate can be, of the ceiling: the law follows the line no farther than its own
/// limit lets it look.
const MOST_ESTIMATE: f64 = 2.0;
/// More delay than this on an idle line is no noise.
const MOST_NOISE: Millis = Millis::saturating(1_000.0);

impl AdaptiveState {
    pub(super) fn believed(
        self,
        config: &ControllerConfig,
        note: &mut impl FnMut(Correction),
    ) -> Self {
        Self {
            directions: PerDirection::from_fn(|direction| {
                self.directions[direction].believed(direction, &config.queues[direction], note)
            }),
            noise: believed_noise(self.noise, note),
            baselines: believed_baselines(self.baselines, note),
        }
    }
}

impl LearnedCapacity {
    fn believed(
        self,
        direction: Direction,
        config: &QueueConfig,
        note: &mut impl FnMut(Correction),
    ) -> Self {
        Self {
            estimate: believed_estimate(self.estimate, direction, config, note),
            volatility: believed_volatility(self.volatility, direction, note),
        }
    }
}

/// Zero stands for nothing known and stays.
fn believed_estimate(
    found: Bps,
    direction: Direction,
    config: &QueueConfig,
    note: &mut impl FnMut(Correction),
) -> Bps {
    let least = config.floors.red.truncate();
    let most = Bps::truncating(MOST_ESTIMATE * config.ceiling.get());
    let used = found.clamp(least.min(most), most);
    if found == Bps::ZERO || used == found {
        return found;
    }
    note(Correction::Estimate {
        direction,
        found,
        used,
    });
    used
}

fn believed_volatility(found: f64, direction: Direction, note: &mut impl FnMut(Correction)) -> f64 {
    if (0.0..=1.0).contains(&found) {
        return found;
    }
    let used = if found > 1.0 { 1.0 } else { 0.0 };
    note(Correction::Volatility {
        direction,
        found,
        used,
    });
    used
}

/// Zero stands for nothing known.
fn believed_noise(found: Millis, note: &mut impl FnMut(Correction)) -> Millis {
    if found >= Millis::ZERO && found <= MOST_NOISE {
        return found;
    }
    note(Correction::Noise { found });
    Millis::ZERO
}

fn believed_baselines<const N: usize>(
    found: [Option<Millis>; N],
    note: &mut impl FnMut(Correction),
) -> [Option<Millis>; N] {
    let mut used = found;
    for (reflector, baseline) in used.iter_mut().enumerate() {
        if let Some(found) = *baseline
            && !(found > Millis::ZERO && found <= ControllerState::MAX_LOAD)
        {
            note(Correction::ReflectorBaseline { reflector, found });
            *baseline = None;
        }
    }
    used
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{config, ms};

    #[test]
    fn what_a_line_can_teach_is_believed() {
        let learned = learned();
        assert_eq!(validated(learned), (learned, Vec::new()));
        let nothing = AdaptiveState::default();
        assert_eq!(validated(nothing), (nothing, Vec::new()));
    }

    #[test]
    fn estimates_come_into_reach_of_the_limits() {
        let mut wild = learned();
        wild.directions.download.estimate = Bps::new(1);
        wild.directions.upload.estimate = Bps::new(u64::MAX);
        let (state, texts) = validated(wild);
        assert_eq!(state.directions.download.estimate, Bps::from_mbps(400));
        assert_eq!(state.directions.upload.estimate, Bps::from_mbps(80));
        assert!(texts[0].starts_with("stored download capacity 0.0 Mbit/s is out of reach"));
        assert!(texts[1].ends_with("; using 80.0 Mbit/s"), "{texts:?}");
    }

    #[test]
    fn a_volatility_is_a_part() {
        for (found, used) in [
            (-0.5, 0.0),
            (7.0, 1.0),
            (f64::NAN, 0.0),
            (f64::INFINITY, 1.0),
        ] {
            let mut wild = learned();
            wild.directions.download.volatility = found;
            let (state, texts) = validated(wild);
            assert!((state.directions.download.volatility - used).abs() < f64::EPSILON);
            assert_eq!(texts.len(), 1);
        }
    }

    #[test]
    fn delays_that_cannot_have_been_measured_are_forgotten() {
        for absurd in [-1.0, 20_000.0, f64::MAX] {
            let mut wild = learned();
            (wild.noise, wild.baselines[1]) = (ms(absurd), Some(ms(absurd)));
            let (state, texts) = validated(wild);
            assert_eq!((state.noise, state.baselines[1]), (Millis::ZERO, None));
            assert_eq!(state.baselines[0], learned().baselines[0]);
            assert_eq!(texts.len(), 2);
            assert!(texts[1].contains("of reflector 2 cannot have been measured"));
        }
    }

    fn learned() -> AdaptiveState {
        let mut learned = AdaptiveState::default();
        learned.directions.download = LearnedCapacity {
            estimate: Bps::from_mbps(870),
            volatility: 0.25,
        };
        learned.directions.upload = LearnedCapacity {
            estimate: Bps::from_mbps(38),
            volatility: 0.0,
        };
        learned.noise = ms(4.5);
        learned.baselines[0] = Some(ms(21.25));
        learned
    }

    /// What is believed of it, twice over, and why.
    fn validated(learned: AdaptiveState) -> (AdaptiveState, Vec<String>) {
        let config = config();
        let mut state = ControllerState::initial(&config);
        state.adaptive = Some(learned);
        let (state, corrections) = state.validated(&config);
        assert_eq!(state.validated(&config), (state, Vec::new()));
        let texts = corrections.iter().map(Correction::to_string).collect();
        (state.adaptive.unwrap(), texts)
    }
}
