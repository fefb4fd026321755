//! What an operator decides about the rules of the Python program.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{BrakeConfig, ConfidenceConfig, ConfigError, below, ordered};

/// The rules of the Python program.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LegacyConfig {
    /// Time of one cycle, which the timers of the score count down by.
    pub interval: Duration,
    /// Whether drops and queue are looked at; delay alone otherwise.
    pub cake_aware: bool,
    /// Without drops and queue: bad above this delay.
    pub bad_delay: f64,
    /// Without drops and queue: good below this delay.
    pub recovery_delay: f64,
    /// Bad samples in a row before traffic is moved, without drops and queue.
    pub bad_samples: u32,
    /// Good samples in a row before it comes back, without drops and queue.
    pub good_samples: u32,
    /// YELLOW above this smoothed delay, milliseconds.
    pub yellow_delay: f64,
    /// RED above this smoothed delay, milliseconds, with drops and queue.
    pub red_delay: f64,
    /// Drops from which RED is possible.
    pub red_drops: u64,
    /// Packets waiting from which YELLOW.
    pub yellow_queue: u64,
    /// Packets waiting from which RED is possible.
    pub red_queue: u64,
    /// Weight of a new sample in the smoothed delay, 0 to 1.
    pub delay_alpha: f64,
    /// RED samples in a row before traffic is moved.
    pub red_samples: u32,
    /// GREEN samples in a row before it comes back.
    pub green_samples: u32,
    /// Whether a score decides.
    pub confidence: Option<ConfidenceConfig>,
    /// Hold-down and flap brake of the score.
    pub brake: BrakeConfig,
    /// Lowest and highest baseline that is believed, milliseconds, both allowed.
    pub baseline: (f64, f64),
}

impl LegacyConfig {
    /// The Python program's defaults, at this cycle.
    #[must_use]
    pub fn new(interval: Duration) -> Self {
        Self {
            interval,
            cake_aware: true,
            bad_delay: 25.0,
            recovery_delay: 12.0,
            bad_samples: 8,
            good_samples: 15,
            yellow_delay: 15.0,
            red_delay: 15.0,
            red_drops: 1,
            yellow_queue: 10,
            red_queue: 50,
            delay_alpha: 0.3,
            red_samples: 2,
            green_samples: 15,
            confidence: None,
            brake: BrakeConfig {
                window: Duration::from_mins(5),
                ..BrakeConfig::default()
            },
            baseline: (10.0, 60.0),
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if !(0.0..=1.0).contains(&self.delay_alpha) {
            return Err(ConfigError::Alpha {
                found: self.delay_alpha,
            });
        }
        ordered(
            ("yellow_rtt_ms", self.yellow_delay),
            ("red_rtt_ms", self.red_delay),
        )?;
        self.confidence.as_ref().map_or(Ok(()), |confidence| {
            below(
                ("recovery_threshold", confidence.recovery_threshold),
                ("steer_threshold", confidence.steer_threshold),
            )
        })
    }
}
