//! What survives a restart, and how far a stored state is believed.

mod correction;
mod learned;

use serde::{Deserialize, Serialize};
use wanctl_types::{Bps, Direction, Millis, PerDirection, RateBound, Zone};

use crate::{BaselineConfig, ControllerConfig, MAX_REFLECTORS, QueueConfig};

pub use correction::{Correction, Counter, LoadKind};

/// Everything that must survive a restart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ControllerState {
    /// State of each queue controller.
    pub queues: PerDirection<QueueState>,
    /// Idle RTT.
    pub baseline: Millis,
    /// Smoothed RTT.
    pub load: Millis,
    /// Smoothed RTT of the previous step.
    pub previous_load: Millis,
    /// Silent steps counted so far.
    pub outage_cycles: u32,
    /// What [`LawKind::Adaptive`](crate::LawKind::Adaptive) has learned of the line.
    #[serde(default)]
    pub adaptive: Option<AdaptiveState>,
}

/// What the adaptive law has learned of the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AdaptiveState {
    /// Of each direction.
    pub directions: PerDirection<LearnedCapacity>,
    /// Delay above the baseline that an idle line shows by itself.
    pub noise: Millis,
    /// Idle RTT of each reflector, in the order of the configuration.
    pub baselines: [Option<Millis>; MAX_REFLECTORS],
}

/// What the adaptive law has learned of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LearnedCapacity {
    /// Estimate of the capacity.
    pub estimate: Bps,
    /// How much the capacity changes from one cut to the next, 0 (never) to 1 (by 15 % or more).
    pub volatility: f64,
}

impl ControllerState {
    /// Longest RTT that a stored state is believed: longer than any probe waits.
    pub const MAX_LOAD: Millis = Millis::saturating(10_000.0);
    /// Most steps a streak of a stored state is believed: a year of steps every 50 ms.
    pub const MAX_STREAK: u32 = 365 * 24 * 3_600 * 20;

    /// The state before the first step.
    #[must_use]
    pub fn initial(config: &ControllerConfig) -> Self {
        let rtt = config.baseline.initial;
        Self {
            queues: config.queues.map(|queue| QueueState::initial(&queue)),
            baseline: rtt,
            load: rtt,
            previous_load: rtt,
            outage_cycles: 0,
            adaptive: None,
        }
    }

    /// The nearest state that a controller with this configuration can work with, and what had to
    /// be corrected. For states that come from outside; one that a controller exported under the
    /// same configuration comes back as it is.
    ///
    /// Rates are brought between the red floor and the ceiling. The baseline is brought into its
    /// bounds, except that the configured start value is believed even outside of them. A load RTT
    /// that is not above zero, or above [`MAX_LOAD`](Self::MAX_LOAD), is replaced by the baseline.
    /// Counters stop at [`MAX_STREAK`](Self::MAX_STREAK).
    ///
    /// What the adaptive law has learned is brought into reach: an estimate between the red floor
    /// and twice the ceiling, a volatility between 0 and 1. Noise and idle RTTs that cannot have
    /// been measured are forgotten.
    #[must_use]
    pub fn validated(self, config: &ControllerConfig) -> (Self, Vec<Correction>) {
        let mut corrections = Vec::new();
        let mut note = |correction| corrections.push(correction);
        let baseline = believed_baseline(self.baseline, &config.baseline, &mut note);
        let load = believed_load(self.load, baseline, LoadKind::Current, &mut note);
        let previous_load = believed_load(self.previous_load, load, LoadKind::Previous, &mut note);
        let outage_cycles = capped(self.outage_cycles, Counter::Outage, &mut note);
        let state = Self {
            queues: PerDirection::from_fn(|direction| {
                self.queues[direction].believed(direction, &config.queues[direction], &mut note)
            }),
            baseline,
            load,
            previous_load,
            outage_cycles,
            adaptive: self
                .adaptive
                .map(|learned| learned.believed(config, &mut note)),
        };
        (state, corrections)
    }
}

/// State of one queue controller.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueueState {
    /// Current rate; the raw ceiling, fraction included, before the first step.
    pub rate: RateBound,
    /// GREEN steps in a row.
    pub green_streak: u32,
    /// `SOFT_RED` steps in a row.
    pub soft_red_streak: u32,
    /// RED steps in a row.
    pub red_streak: u32,
    /// Zone of the last step.
    pub last_zone: Zone,
}

impl QueueState {
    /// The state before the first step: at the ceiling, GREEN.
    #[must_use]
    pub const fn initial(config: &QueueConfig) -> Self {
        Self {
            rate: config.ceiling,
            green_streak: 0,
            soft_red_streak: 0,
            red_streak: 0,
            last_zone: Zone::Green,
        }
    }

    fn believed(
        self,
        direction: Direction,
        config: &QueueConfig,
        note: &mut impl FnMut(Correction),
    ) -> Self {
        Self {
            rate: believed_rate(self.rate, direction, config, note),
            green_streak: capped(self.green_streak, Counter::Green(direction), note),
            soft_red_streak: capped(self.soft_red_streak, Counter::SoftRed(direction), note),
            red_streak: capped(self.red_streak, Counter::Red(direction), note),
            last_zone: self.last_zone,
        }
    }
}

/// Compares whole bits, since a rate held at a fractional bound has lost the fraction.
fn believed_rate(
    found: RateBound,
    direction: Direction,
    config: &QueueConfig,
    note: &mut impl FnMut(Correction),
) -> RateBound {
    let (floor, ceiling) = (config.floors.red, config.ceiling);
    if found > ceiling {
        note(Correction::RateAboveCeiling {
            direction,
            found,
            ceiling,
        });
        ceiling
    } else if found.truncate() < floor.truncate() {
        note(Correction::RateBelowFloor {
            direction,
            found,
            floor,
        });
        floor
    } else {
        found
    }
}

fn believed_baseline(
    found: Millis,
    config: &BaselineConfig,
    note: &mut impl FnMut(Correction),
) -> Millis {
    let bound = if found == config.initial {
        return found;
    } else if found > config.max {
        config.max
    } else if found < config.min {
        config.min
    } else {
        return found;
    };
    note(Correction::BaselineOutOfBounds { found, bound });
    bound
}

fn believed_load(
    found: Millis,
    instead: Millis,
    kind: LoadKind,
    note: &mut impl FnMut(Correction),
) -> Millis {
    if found > Millis::ZERO && found <= ControllerState::MAX_LOAD {
        return found;
    }
    note(Correction::Load {
        kind,
        found,
        used: instead,
    });
    instead
}

fn capped(found: u32, counter: Counter, note: &mut impl FnMut(Correction)) -> u32 {
    let used = found.min(ControllerState::MAX_STREAK);
    if used < found {
        note(Correction::Counter {
            counter,
            found,
            used,
        });
    }
    used
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{config, ms};

    #[test]
    fn a_fresh_state_needs_no_correction() {
        let config = config();
        let fresh = ControllerState::initial(&config);
        assert_eq!(fresh.validated(&config), (fresh, Vec::new()));
    }

    #[test]
    fn rates_come_between_the_red_floor_and_the_ceiling() {
        let mut state = ControllerState::initial(&config());
        state.queues.download.rate = mbps(5.0);
        state.queues.upload.rate = mbps(900.0);
        let (state, texts) = validated(state);
        assert_eq!(state.queues.download.rate, mbps(400.0));
        assert_eq!(state.queues.upload.rate, mbps(40.0));
        assert_eq!(
            texts,
            [
                "stored download rate 5.0 Mbit/s is below the lowest floor; using 400.0 Mbit/s",
                "stored upload rate 900.0 Mbit/s is above the ceiling; using 40.0 Mbit/s",
            ]
        );
    }

    #[test]
    fn a_baseline_that_would_blind_the_controller_comes_into_bounds() {
        for (found, used) in [(500.0, 60.0), (5.0, 10.0), (-4.0, 10.0)] {
            let mut state = ControllerState::initial(&config());
            state.baseline = ms(found);
            let (state, texts) = validated(state);
            assert_eq!(state.baseline, ms(used));
            assert_eq!(
                texts,
                [format!(
                    "stored baseline RTT {found:.1}ms is outside the configured bounds; \
                     using {used:.1}ms"
                )]
            );
        }
    }

    #[test]
    fn the_configured_start_value_is_believed_outside_the_bounds() {
        let mut config = config();
        config.baseline.initial = ms(4.0);
        let fresh = ControllerState::initial(&config);
        assert_eq!(fresh.validated(&config), (fresh, Vec::new()));
    }

    #[test]
    fn a_load_that_cannot_have_been_measured_becomes_the_baseline() {
        for absurd in [0.0, -20.0, 10_000.1, f64::MAX] {
            let mut state = ControllerState::initial(&config());
            (state.load, state.previous_load) = (ms(absurd), ms(absurd));
            let (state, texts) = validated(state);
            assert_eq!((state.load, state.previous_load), (ms(25.0), ms(25.0)));
            assert_eq!(texts.len(), 2);
            assert!(texts[1].starts_with("stored previous load RTT"));
        }
    }

    #[test]
    fn counters_stop_at_a_year_of_steps() {
        let mut state = ControllerState::initial(&config());
        state.queues.download.green_streak = u32::MAX;
        state.outage_cycles = u32::MAX;
        let (state, texts) = validated(state);
        assert_eq!(state.queues.download.green_streak, 630_720_000);
        assert_eq!(state.outage_cycles, 630_720_000);
        assert_eq!(
            texts,
            [
                "stored count of silent cycles of 4294967295 is higher than it can be; \
                 using 630720000",
                "stored download green streak of 4294967295 is higher than it can be; \
                 using 630720000",
            ]
        );
    }

    fn validated(state: ControllerState) -> (ControllerState, Vec<String>) {
        let config = config();
        let (state, corrections) = state.validated(&config);
        assert_eq!(state.validated(&config), (state, Vec::new()));
        let texts = corrections.iter().map(Correction::to_string).collect();
        (state, texts)
    }

    fn mbps(value: f64) -> RateBound {
        RateBound::from_mbps(value).unwrap()
    }
}
