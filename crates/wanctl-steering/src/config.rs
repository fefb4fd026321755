//! What an operator decides.

mod legacy;

use core::time::Duration;

use arrayvec::ArrayVec;
use serde::{Deserialize, Serialize};
use wanctl_types::Millis;

use crate::{MAX_TARGETS, MAX_WANS};
pub use legacy::LegacyConfig;

/// How it is decided which WAN carries traffic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SteeringConfig {
    /// The rules.
    pub engine: EngineConfig,
    /// The WANs; the first is the one in normal use.
    pub wans: ArrayVec<WanPolicy, MAX_WANS>,
}

impl SteeringConfig {
    /// Decides between these WANs.
    ///
    /// # Errors
    ///
    /// [`ConfigError`]: fewer than two WANs, a quorum that cannot be met, or limits out of order.
    pub fn new(
        engine: EngineConfig,
        wans: ArrayVec<WanPolicy, MAX_WANS>,
    ) -> Result<Self, ConfigError> {
        if wans.len() < 2 {
            return Err(ConfigError::TooFewWans { found: wans.len() });
        }
        for (wan, policy) in wans.iter().enumerate() {
            let most = policy.targets.min(MAX_TARGETS);
            if policy.quorum == 0 || policy.quorum > most {
                return Err(ConfigError::Quorum {
                    wan,
                    quorum: policy.quorum,
                    targets: policy.targets,
                });
            }
        }
        match &engine {
            EngineConfig::Standard(standard) => standard.check()?,
            EngineConfig::Legacy(legacy) => legacy.check()?,
        }
        Ok(Self { engine, wans })
    }
}

/// The rules, by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineConfig {
    /// The rules of the Python program, sample by sample.
    Legacy(LegacyConfig),
    /// Every WAN is judged, durations are in seconds.
    Standard(StandardConfig),
}

/// What may be done with one WAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WanPolicy {
    /// How many targets it is probed with.
    pub targets: usize,
    /// How many of them must answer for the WAN to be up.
    pub quorum: usize,
    /// Whether a rule exists that sends eligible traffic there. The WAN in normal use needs none.
    pub steerable: bool,
    /// Whether its default route may be moved.
    pub route: bool,
    /// Lower is preferred among WANs that are good enough.
    pub priority: u8,
}

impl WanPolicy {
    /// A majority of so many targets must answer, eligible traffic may go there, the default
    /// route stays.
    #[must_use]
    pub const fn new(targets: usize) -> Self {
        Self {
            targets,
            quorum: targets / 2 + 1,
            steerable: true,
            route: false,
            priority: 0,
        }
    }
}

/// The rules that judge every WAN.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StandardConfig {
    /// Time from one decision to the next when nothing asks for an earlier one.
    pub interval: Duration,
    /// Limits on what is measured.
    pub limits: Limits,
    /// How much better another WAN must be.
    pub margin: Margin,
    /// How long things must last.
    pub dwell: DwellTimes,
    /// How repeated moves are slowed down.
    pub brake: BrakeConfig,
    /// Whether a score decides instead of the assessment alone.
    pub confidence: Option<ConfidenceConfig>,
    /// How the default route is moved; never when absent.
    pub routes: Option<RouteConfig>,
}

impl StandardConfig {
    /// The defaults, at this cycle.
    #[must_use]
    pub fn new(interval: Duration) -> Self {
        Self {
            interval,
            limits: Limits::default(),
            margin: Margin::default(),
            dwell: DwellTimes::default(),
            brake: BrakeConfig::default(),
            confidence: None,
            routes: None,
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        let limits = &self.limits;
        ordered(
            ("leave_rtt_ms", limits.leave_delay.get()),
            ("yellow_rtt_ms", limits.yellow_delay.get()),
        )?;
        ordered(
            ("yellow_rtt_ms", limits.yellow_delay.get()),
            ("red_rtt_ms", limits.red_delay.get()),
        )?;
        self.confidence.as_ref().map_or(Ok(()), |confidence| {
            below(
                ("recovery_threshold", confidence.recovery_threshold),
                ("steer_threshold", confidence.steer_threshold),
            )
        })
    }
}

/// Limits on what is measured of one WAN.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Limits {
    /// A WAN has recovered when its smoothed delay above baseline is below this.
    pub leave_delay: Millis,
    /// Above it YELLOW.
    pub yellow_delay: Millis,
    /// Above it RED.
    pub red_delay: Millis,
    /// Share of probes lost above which a WAN is YELLOW, 0 to 1.
    pub yellow_loss: f64,
    /// Share of probes lost above which a WAN is RED, 0 to 1.
    pub red_loss: f64,
    /// Smoothed jitter above which a WAN is RED.
    pub red_jitter: Millis,
    /// Packets waiting in the shaper's queue from which a WAN is YELLOW.
    pub yellow_queue: u64,
    /// Packets waiting from which drops are evidence of congestion.
    pub red_queue: u64,
    /// Drops since the previous reading from which they are evidence.
    pub red_drops: u64,
    /// Silence after which a target does not answer.
    pub silence: Duration,
    /// Age up to which the shaper's report and the queue's state are believed.
    pub fresh: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            leave_delay: Millis::saturating(10.0),
            yellow_delay: Millis::saturating(15.0),
            red_delay: Millis::saturating(15.0),
            yellow_loss: 0.015,
            red_loss: 0.025,
            red_jitter: Millis::saturating(30.0),
            yellow_queue: 10,
            red_queue: 50,
            red_drops: 1,
            silence: Duration::from_millis(1_500),
            fresh: Duration::from_secs(5),
        }
    }
}

/// How much better another WAN must be before traffic moves to it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Margin {
    /// At least so many milliseconds of [cost](crate::Quality::cost) less.
    pub absolute: Millis,
    /// At most this share of the cost, 0 to 1.
    pub ratio: f64,
}

impl Default for Margin {
    /// Ten milliseconds and two thirds, as Tailscale's choice of a relay.
    fn default() -> Self {
        Self {
            absolute: Millis::saturating(10.0),
            ratio: 2.0 / 3.0,
        }
    }
}

/// How long things must last before they count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DwellTimes {
    /// A WAN must be bad for so long before traffic leaves it. An outage needs no dwell: the
    /// silence has lasted already.
    pub enter: Duration,
    /// The WAN in normal use must be good for so long before traffic comes back.
    pub leave: Duration,
    /// While the shaper can still help, it must be bad for so long in all.
    pub patience: Duration,
    /// A WAN is unknown until it has been measured for so long.
    pub settle: Duration,
}

impl Default for DwellTimes {
    fn default() -> Self {
        Self {
            enter: Duration::from_secs(4),
            leave: Duration::from_secs(30),
            patience: Duration::from_secs(20),
            settle: Duration::from_secs(3),
        }
    }
}

/// How repeated moves are slowed down.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BrakeConfig {
    /// After traffic has left the WAN in normal use it stays away for so long, and for twice as
    /// long with every earlier departure within the window.
    pub hold_down: Duration,
    /// The longest hold-down.
    pub longest: Duration,
    /// How long a move is remembered.
    pub window: Duration,
    /// More moves than this within the window are flapping; `None` never is.
    pub max_moves: Option<usize>,
    /// How long flapping makes leaving harder.
    pub penalty: Duration,
    /// What flapping adds to the score that is needed, 0 to 100.
    pub penalty_score: f64,
}

impl Default for BrakeConfig {
    fn default() -> Self {
        Self {
            hold_down: Duration::from_secs(30),
            longest: Duration::from_mins(30),
            window: Duration::from_mins(10),
            max_moves: Some(4),
            penalty: Duration::from_mins(1),
            penalty_score: 15.0,
        }
    }
}

/// When a score is enough.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ConfidenceConfig {
    /// Bad from this score on, 0 to 100.
    pub steer_threshold: f64,
    /// Good up to this score, below the other.
    pub recovery_threshold: f64,
    /// How long it must be bad.
    pub sustain: Duration,
    /// How long it must be good.
    pub recovery_sustain: Duration,
    /// What a RED zone of the rate-control daemon adds; about half of it for `SOFT_RED`. Nothing
    /// when absent.
    pub zone_weight: Option<f64>,
}

impl Default for ConfidenceConfig {
    fn default() -> Self {
        Self {
            steer_threshold: 55.0,
            recovery_threshold: 20.0,
            sustain: Duration::from_secs(2),
            recovery_sustain: Duration::from_secs(3),
            zone_weight: None,
        }
    }
}

/// When the default route moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RouteConfig {
    /// A WAN must be silent for so long before its route is demoted.
    pub down_after: Duration,
    /// It must answer for so long before its route is restored.
    pub up_after: Duration,
}

impl Default for RouteConfig {
    fn default() -> Self {
        Self {
            down_after: Duration::from_secs(2),
            up_after: Duration::from_secs(15),
        }
    }
}

type Named = (&'static str, f64);

fn ordered(lower: Named, upper: Named) -> Result<(), ConfigError> {
    if lower.1 <= upper.1 {
        return Ok(());
    }
    Err(ConfigError::order(lower, upper))
}

fn below(lower: Named, upper: Named) -> Result<(), ConfigError> {
    if lower.1 < upper.1 {
        return Ok(());
    }
    Err(ConfigError::order(lower, upper))
}

/// A configuration that cannot work.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Nothing to choose from.
    #[error("steering needs two WANs at least, found {found}")]
    TooFewWans {
        /// How many there are.
        found: usize,
    },
    /// More answers asked for than targets.
    #[error("WAN {wan}: a quorum of {quorum} cannot be met with {targets} targets")]
    Quorum {
        /// Place of the WAN.
        wan: usize,
        /// What was asked for.
        quorum: usize,
        /// How many targets there are.
        targets: usize,
    },
    /// Limits out of order.
    #[error("{lower} ({low}) must lie below {upper} ({high})")]
    Order {
        /// Name of the limit that should be lower.
        lower: &'static str,
        /// Its value.
        low: f64,
        /// Name of the limit that should be higher.
        upper: &'static str,
        /// Its value.
        high: f64,
    },
    /// A weight outside 0 to 1.
    #[error("an averaging weight must lie between 0 and 1, not {found}")]
    Alpha {
        /// What was given.
        found: f64,
    },
}

impl ConfigError {
    const fn order((lower, low): Named, (upper, high): Named) -> Self {
        Self::Order {
            lower,
            low,
            upper,
            high,
        }
    }
}
