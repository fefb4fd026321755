//! What the steering loop hands over each cycle.

use wanctl_types::{Millis, WallTime};

use crate::{Labels, ReasonText, labels, names};

/// One cycle of steering, stored under the WAN in normal use. Fixed size, no heap, and by its types
/// never NaN.
///
/// It is stored as up to five rows of `metrics` in one transaction, in this order: round trip, idle
/// round trip, delay, whether traffic is steered, and the state with the label
/// `"source": "steering"`. What is not known has no row. A move is two rows more, the same values
/// and labels under two names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SteeringRecord {
    /// When the cycle was decided.
    pub time: WallTime,
    /// Whether the system clock had been set by then; if not, the rows carry the label
    /// `"clock": "unset"`.
    pub clock_set: bool,
    /// Measured round trip.
    pub rtt: Option<Millis>,
    /// Idle round trip.
    pub baseline: Option<Millis>,
    /// The first above the second, at least zero, not smoothed.
    pub delta: Option<Millis>,
    /// Whether eligible traffic is on another WAN than in normal use.
    pub steered: bool,
    /// How the WAN in normal use does: GREEN 0, YELLOW 1, RED 2; `None` when nobody knows.
    pub state: Option<u8>,
    /// The move that was completed in this cycle.
    pub moved: Option<SteeringMove>,
}

/// Eligible traffic has moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SteeringMove {
    /// Why.
    pub reason: ReasonText,
    /// Name of the state left, such as `CABLE_GOOD`.
    pub from: ReasonText,
    /// Name of the state entered.
    pub to: ReasonText,
}

/// Labels of the state.
const SOURCE: &str = r#"{"source": "steering"}"#;
/// As [`SOURCE`], dated by a clock not yet set.
const SOURCE_CLOCK_UNSET: &str = r#"{"source": "steering", "clock": "unset"}"#;

impl SteeringRecord {
    /// Name, value and labels of the rows of a cycle, without a move's.
    pub(crate) fn samples(
        &self,
    ) -> impl Iterator<Item = (&'static str, f64, Option<&'static str>)> + use<> {
        let (plain, state) = if self.clock_set {
            (None, SOURCE)
        } else {
            (Some(labels::CLOCK_UNSET), SOURCE_CLOCK_UNSET)
        };
        let steered = if self.steered { 1.0 } else { 0.0 };
        [
            (names::RTT_MS, self.rtt.map(Millis::get), plain),
            (
                names::RTT_BASELINE_MS,
                self.baseline.map(Millis::get),
                plain,
            ),
            (names::RTT_DELTA_MS, self.delta.map(Millis::get), plain),
            (names::STEERING_ENABLED, Some(steered), plain),
            (names::STATE, self.state.map(f64::from), Some(state)),
        ]
        .into_iter()
        .filter_map(|(name, value, labels)| Some((name, value?, labels)))
    }

    /// Name, value and labels of the rows of a move.
    pub(crate) fn move_rows(&self) -> Option<([&'static str; 2], f64, Option<String>)> {
        let moved = self.moved.as_ref()?;
        let labels = Labels::new()
            .with("reason", moved.reason.as_str())
            .with("from_state", moved.from.as_str())
            .with("to_state", moved.to.as_str());
        let labels = if self.clock_set {
            labels
        } else {
            labels.with("clock", "unset")
        };
        let value = if self.steered { 1.0 } else { 0.0 };
        let names = [names::STEERING_ENABLED, names::STEERING_TRANSITION];
        Some((names, value, labels.to_json()))
    }
}
