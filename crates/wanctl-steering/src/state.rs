//! What outlives a restart.
//!
//! Points on a clock mean nothing to the next process, so times are kept as ages and remainders.

use core::time::Duration;

use arrayvec::ArrayVec;
use serde::{Deserialize, Serialize};
use wanctl_types::Millis;

use crate::{MAX_TARGETS, MAX_WANS, WanIndex};

/// The state of one engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "exists while it is stored or loaded"
)]
pub enum SteeringState {
    /// Of the Python program's rules.
    Legacy(LegacyState),
    /// Of the rules that judge every WAN.
    Standard(StandardState),
}

impl SteeringState {
    /// Where eligible traffic goes.
    #[must_use]
    pub const fn active(&self) -> WanIndex {
        match self {
            Self::Standard(state) => state.active,
            Self::Legacy(state) if state.degraded => LegacyState::ALTERNATE,
            Self::Legacy(_) => WanIndex::PRIMARY,
        }
    }
}

/// The state of the rules that judge every WAN.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StandardState {
    /// Where eligible traffic goes.
    pub active: WanIndex,
    /// How long it is held there yet.
    pub hold_left: Duration,
    /// How long ago it moved, oldest first, and whether away from normal use.
    pub moves: ArrayVec<(Duration, bool), 32>,
    /// Every WAN.
    pub wans: ArrayVec<WanState, MAX_WANS>,
}

/// What is remembered of one WAN.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WanState {
    /// The idle round trip of each target; `None` where none is known.
    pub baselines: ArrayVec<Option<Millis>, MAX_TARGETS>,
    /// Whether its default route stands behind the others.
    pub demoted: bool,
}

/// The state of the Python program's rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LegacyState {
    /// Whether traffic goes to the alternate WAN.
    pub degraded: bool,
    /// Bad samples in a row, while it does not.
    pub bad: u32,
    /// Good samples in a row, while it does.
    pub good: u32,
    /// The idle round trip last believed.
    pub baseline: Option<Millis>,
    /// The smoothed delay; 0 means that there is none yet.
    pub smoothed_delay: f64,
}

impl LegacyState {
    /// The one WAN that the Python program knows besides the one in normal use.
    pub(crate) const ALTERNATE: WanIndex = WanIndex::SECOND;
}
