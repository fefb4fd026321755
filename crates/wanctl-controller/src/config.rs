//! What an operator decides about one WAN's control.

use core::fmt;

use serde::{Deserialize, Serialize};
use wanctl_types::{Millis, PerDirection, RateBound};

/// Everything a [`Controller`](crate::Controller) needs to know of one WAN.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ControllerConfig {
    /// Bounds and steps of each direction.
    pub queues: PerDirection<QueueConfig>,
    /// Delay thresholds. Upload uses the first two.
    pub thresholds: Thresholds,
    /// How the idle RTT is learned.
    pub baseline: BaselineConfig,
    /// Weight of a new sample in the load RTT.
    pub load_alpha: Alpha,
    /// A rise of the load RTT from one step to the next above this is a spike.
    pub accel_threshold: Threshold,
    /// How the reflectors' answers become one RTT.
    pub aggregation: Aggregation,
    /// What to do while ICMP is silent.
    pub silence: SilencePolicy,
    /// Which control law decides.
    pub law: LawKind,
}

impl ControllerConfig {
    /// A configuration with the defaults for everything that has one.
    #[must_use]
    pub fn new(
        queues: PerDirection<QueueConfig>,
        thresholds: Thresholds,
        baseline: BaselineConfig,
        load_alpha: Alpha,
    ) -> Self {
        Self {
            queues,
            thresholds,
            baseline,
            load_alpha,
            accel_threshold: Threshold::DEFAULT_ACCEL,
            aggregation: Aggregation::default(),
            silence: SilencePolicy::default(),
            law: LawKind::default(),
        }
    }
}

/// Lower bounds of the rate, one per zone, ascending from red to green.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Floors {
    /// Lowest rate while GREEN.
    pub green: RateBound,
    /// Lowest rate while YELLOW.
    pub yellow: RateBound,
    /// Lowest rate while `SOFT_RED`.
    pub soft_red: RateBound,
    /// Lowest rate ever.
    pub red: RateBound,
}

impl Floors {
    /// The same floor in every zone.
    #[must_use]
    pub const fn uniform(floor: RateBound) -> Self {
        Self {
            green: floor,
            yellow: floor,
            soft_red: floor,
            red: floor,
        }
    }
}

/// Bounds and steps of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct QueueConfig {
    /// Lower bounds.
    pub floors: Floors,
    /// Upper bound.
    pub ceiling: RateBound,
    /// What a GREEN step adds.
    pub step_up: RateBound,
    /// What a RED step multiplies by.
    pub factor_down: Factor,
    /// What a YELLOW step multiplies by.
    pub factor_down_yellow: Factor,
    /// GREEN steps in a row before the rate rises.
    pub green_required: u32,
    /// Steps in a row above the `soft_red` threshold before `SOFT_RED` is believed.
    pub soft_red_required: u32,
    /// The rate the line was sold with, where [`LawKind::Adaptive`] begins; the ceiling when
    /// absent.
    #[serde(default)]
    pub plan: Option<RateBound>,
}

impl QueueConfig {
    /// GREEN steps in a row before the rate rises, when nothing else is configured.
    pub const DEFAULT_GREEN_REQUIRED: u32 = 5;
    /// `SOFT_RED` steps in a row before it is believed, when nothing else is configured.
    pub const DEFAULT_SOFT_RED_REQUIRED: u32 = 1;

    /// Accepts bounds in the order red, soft red, yellow, green, ceiling.
    ///
    /// # Errors
    ///
    /// [`ConfigError::BoundOrder`] names the first pair out of order.
    pub fn new(
        floors: Floors,
        ceiling: RateBound,
        step_up: RateBound,
        factor_down: Factor,
        factor_down_yellow: Factor,
    ) -> Result<Self, ConfigError> {
        let ascending = [
            ("floor_red", floors.red),
            ("floor_soft_red", floors.soft_red),
            ("floor_yellow", floors.yellow),
            ("floor_green", floors.green),
            ("ceiling", ceiling),
        ];
        for pair in ascending.windows(2) {
            let [(lower, low), (upper, high)] = pair else {
                continue;
            };
            if low > high {
                return Err(ConfigError::BoundOrder {
                    lower,
                    low: *low,
                    upper,
                    high: *high,
                });
            }
        }
        Ok(Self {
            floors,
            ceiling,
            step_up,
            factor_down,
            factor_down_yellow,
            green_required: Self::DEFAULT_GREEN_REQUIRED,
            soft_red_required: Self::DEFAULT_SOFT_RED_REQUIRED,
            plan: None,
        })
    }
}

/// A delay threshold that remembers how it was written, since reasons print it back: `15` or
/// `15.0`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    value: Millis,
    integer: bool,
}

impl Threshold {
    /// The spike threshold when none is configured: `15.0`.
    pub const DEFAULT_ACCEL: Self = Self {
        value: match Millis::new(15.0) {
            Some(value) => value,
            None => Millis::ZERO,
        },
        integer: false,
    };

    /// A threshold written as a floating-point number; prints `15.0`.
    #[must_use]
    pub const fn from_float(value: Millis) -> Self {
        Self {
            value,
            integer: false,
        }
    }

    /// A threshold written as an integer; prints `15`.
    #[must_use]
    pub fn from_integer(milliseconds: i32) -> Self {
        Self {
            value: Millis::saturating(f64::from(milliseconds)),
            integer: true,
        }
    }

    /// The delay.
    #[must_use]
    pub const fn get(self) -> Millis {
        self.value
    }
}

/// The number as it was written, without a unit: shortest text that reads back as the same value.
/// A float always has a point or an exponent of at least two digits and a sign, as in `1e-05`.
impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value.get();
        if self.integer {
            return write!(f, "{value}");
        }
        let text = format!("{value:?}");
        match text.split_once('e') {
            None => f.write_str(&text),
            Some((digits, exponent)) => {
                write!(f, "{digits}e{:+03}", exponent.parse::<i32>().unwrap_or(0))
            }
        }
    }
}

/// Three thresholds on the delay above baseline, strictly ascending.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedThresholds")]
pub struct Thresholds {
    target: Threshold,
    warn: Threshold,
    hard_red: Threshold,
}

/// What a serialised [`Thresholds`] looks like before its order is checked.
#[derive(Deserialize)]
struct UncheckedThresholds {
    target: Threshold,
    warn: Threshold,
    hard_red: Threshold,
}

impl TryFrom<UncheckedThresholds> for Thresholds {
    type Error = ConfigError;

    fn try_from(found: UncheckedThresholds) -> Result<Self, ConfigError> {
        Self::new(found.target, found.warn, found.hard_red)
    }
}

impl Thresholds {
    /// Accepts `target < warn < hard_red`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::ThresholdOrder`] names the first pair out of order.
    pub fn new(
        target: Threshold,
        warn: Threshold,
        hard_red: Threshold,
    ) -> Result<Self, ConfigError> {
        for (lower, low, upper, high) in [
            ("target_bloat_ms", target, "warn_bloat_ms", warn),
            ("warn_bloat_ms", warn, "hard_red_bloat_ms", hard_red),
        ] {
            if low.get() >= high.get() {
                return Err(ConfigError::ThresholdOrder {
                    lower,
                    low,
                    upper,
                    high,
                });
            }
        }
        Ok(Self {
            target,
            warn,
            hard_red,
        })
    }

    /// GREEN up to here, inclusive.
    #[must_use]
    pub const fn target(&self) -> Threshold {
        self.target
    }

    /// Download: YELLOW up to here. Upload: RED above.
    #[must_use]
    pub const fn warn(&self) -> Threshold {
        self.warn
    }

    /// Download: `SOFT_RED` up to here, RED above.
    #[must_use]
    pub const fn hard_red(&self) -> Threshold {
        self.hard_red
    }
}

/// A weight in `0 < alpha <= 1` of an exponentially weighted moving average.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Alpha(f64);

impl Alpha {
    /// Accepts `0 < alpha <= 1`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Alpha`] otherwise.
    pub fn new(alpha: f64) -> Result<Self, ConfigError> {
        if alpha > 0.0 && alpha <= 1.0 {
            Ok(Self(alpha))
        } else {
            Err(ConfigError::Alpha { found: alpha })
        }
    }

    /// The plain weight.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Alpha {
    type Error = ConfigError;

    fn try_from(alpha: f64) -> Result<Self, ConfigError> {
        Self::new(alpha)
    }
}

impl From<Alpha> for f64 {
    fn from(alpha: Alpha) -> Self {
        alpha.0
    }
}

/// A multiplier in `0 < factor <= 1` that lowers a rate.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Factor(f64);

impl Factor {
    /// Accepts `0 < factor <= 1`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Factor`] otherwise.
    pub fn new(factor: f64) -> Result<Self, ConfigError> {
        if factor > 0.0 && factor <= 1.0 {
            Ok(Self(factor))
        } else {
            Err(ConfigError::Factor { found: factor })
        }
    }

    /// The plain multiplier.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Factor {
    type Error = ConfigError;

    fn try_from(factor: f64) -> Result<Self, ConfigError> {
        Self::new(factor)
    }
}

impl From<Factor> for f64 {
    fn from(factor: Factor) -> Self {
        factor.0
    }
}

/// How the idle RTT is learned.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BaselineConfig {
    /// Where it starts.
    pub initial: Millis,
    /// Weight of a new sample.
    pub alpha: Alpha,
    /// Learning stops while the load RTT is this much or more above the baseline.
    pub update_threshold: Millis,
    /// The lowest baseline that is believed, inclusive.
    pub min: Millis,
    /// The highest baseline that is believed, inclusive.
    pub max: Millis,
}

/// How the reflectors' answers of one round become one RTT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregation {
    /// Only the first reflector counts.
    #[default]
    First,
    /// Median of the first three; of two answers their mean; one answer is taken as it is.
    MedianOfThree,
}

/// What to do while no reflector answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilencePolicy {
    /// What a gateway that still answers is worth.
    pub mode: SilenceMode,
    /// Silent steps that [`SilenceMode::GracefulDegradation`] tolerates.
    pub max_cycles: u32,
}

impl Default for SilencePolicy {
    fn default() -> Self {
        Self {
            mode: SilenceMode::GracefulDegradation,
            max_cycles: 3,
        }
    }
}

/// How a controller goes on when only the gateway answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SilenceMode {
    /// Reuse the load RTT once, then freeze, then fail.
    GracefulDegradation,
    /// Freeze the rates for as long as it lasts.
    Freeze,
    /// Reuse the load RTT for as long as it lasts.
    UseLastRtt,
}

/// The control laws.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LawKind {
    /// Four zones for download, three for upload, thresholds in milliseconds.
    #[default]
    Reference,
    /// A capacity estimate per direction, thresholds learned from the line's own noise.
    Adaptive,
}

impl LawKind {
    /// When this law wants to be stepped.
    #[must_use]
    pub const fn cadence(self) -> Cadence {
        match self {
            Self::Reference => Cadence::Rounds,
            Self::Adaptive => Cadence::Ticks,
        }
    }

    /// Whether this law looks at the counters of our shaper, where there are any.
    #[must_use]
    pub const fn looks_at_load(self) -> bool {
        match self {
            Self::Reference => false,
            Self::Adaptive => true,
        }
    }
}

/// When a control law makes its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cadence {
    /// Whenever a round of probes closes: it counts steps, and looks at delay alone.
    Rounds,
    /// On every tick of a clock, with the newest of everything: it measures time itself.
    Ticks,
}

/// A configuration that cannot work.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Floors or ceiling out of order.
    #[error("{lower} ({low}) is above {upper} ({high})")]
    BoundOrder {
        /// Name of the bound that should be lower.
        lower: &'static str,
        /// Its value.
        low: RateBound,
        /// Name of the bound that should be higher.
        upper: &'static str,
        /// Its value.
        high: RateBound,
    },
    /// Thresholds not strictly ascending.
    #[error("{lower} ({low}) is not below {upper} ({high})")]
    ThresholdOrder {
        /// Name of the threshold that should be lower.
        lower: &'static str,
        /// Its value.
        low: Threshold,
        /// Name of the threshold that should be higher.
        upper: &'static str,
        /// Its value.
        high: Threshold,
    },
    /// A weight outside `0 < alpha <= 1`.
    #[error("an averaging weight must be above 0 and at most 1, not {found}")]
    Alpha {
        /// What was given.
        found: f64,
    },
    /// A multiplier outside `0 < factor <= 1`.
    #[error("a decrease factor must be above 0 and at most 1, not {found}")]
    Factor {
        /// What was given.
        found: f64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{config, ms};

    #[test]
    fn thresholds_print_as_they_were_written() {
        assert_eq!(Threshold::from_integer(15).to_string(), "15");
        for (value, text) in [
            (15.0, "15.0"),
            (31.700_000_000_000_003, "31.700000000000003"),
            (0.5, "0.5"),
            (0.000_01, "1e-05"),
            (1.5e16, "1.5e+16"),
            (1e100, "1e+100"),
        ] {
            assert_eq!(Threshold::from_float(ms(value)).to_string(), text);
        }
    }

    #[test]
    fn thresholds_ascend_strictly() {
        let [low, high] = [15, 45].map(Threshold::from_integer);
        let error = Thresholds::new(low, low, high).unwrap_err();
        assert_eq!(
            error.to_string(),
            "target_bloat_ms (15) is not below warn_bloat_ms (15)"
        );
        let error = Thresholds::new(low, high, low).unwrap_err();
        assert_eq!(
            error.to_string(),
            "warn_bloat_ms (45) is not below hard_red_bloat_ms (15)"
        );
    }

    #[test]
    fn serialised_thresholds_obey_the_same_order() {
        let text = serde_json::to_string(&config().thresholds).unwrap();
        assert_eq!(
            serde_json::from_str::<Thresholds>(&text).unwrap(),
            config().thresholds
        );
        let swapped = text.replace("target", "x").replace("warn", "target");
        let swapped = swapped.replace("\"x\"", "\"warn\"");
        assert!(serde_json::from_str::<Thresholds>(&swapped).is_err());
    }

    #[test]
    fn bounds_ascend_from_the_red_floor_to_the_ceiling() {
        let queue = config().queues.download;
        let mut floors = queue.floors;
        floors.soft_red = queue.ceiling;
        let error = QueueConfig::new(
            floors,
            queue.ceiling,
            queue.step_up,
            queue.factor_down,
            queue.factor_down_yellow,
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "floor_soft_red (920.0 Mbit/s) is above floor_yellow (600.0 Mbit/s)"
        );
    }

    #[test]
    fn weights_and_factors_lie_above_zero_and_at_most_at_one() {
        for bad in [0.0, -0.5, 1.000_1, f64::NAN, f64::INFINITY] {
            assert!(Alpha::new(bad).is_err());
            assert!(Factor::new(bad).is_err());
        }
        assert!(Alpha::new(1.0).is_ok() && Factor::new(1.0).is_ok());
    }
}
