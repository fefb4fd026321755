//! What the control loop hands over each cycle.

use wanctl_types::{Bps, Direction, Millis, PerDirection, WallTime, Zone};

use crate::{ReasonText, labels, names};

/// One completed control cycle of one WAN. Fixed size, no heap, and by its types never NaN.
///
/// It is stored as six rows of `metrics` in one transaction, in this order: measured RTT,
/// baseline, delta, download rate, upload rate, download zone; then one more zone row with
/// direction and reason for each change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CycleRecord {
    /// When the cycle was decided.
    pub time: WallTime,
    /// Whether the system clock had been set by then. Rows of a cycle that is dated by a clock not
    /// yet set carry the label `"clock": "unset"`.
    pub clock_set: bool,
    /// Measured round-trip time, not smoothed.
    pub rtt: Millis,
    /// Round-trip time of the idle link.
    pub baseline: Millis,
    /// Smoothed round-trip time above the baseline.
    pub delta: Millis,
    /// Limits just decided.
    pub rates: PerDirection<Bps>,
    /// Zones just decided.
    pub zones: PerDirection<Zone>,
    /// The reason, for a direction whose zone changed in this cycle.
    pub transitions: PerDirection<Option<ReasonText>>,
}

impl CycleRecord {
    /// Name, value and labels of the rows that every cycle has.
    pub(crate) fn samples(&self) -> [(&'static str, f64, Option<&'static str>); 6] {
        let rates = self.rates.map(Bps::as_mbps);
        let zone = f64::from(self.zones.download.code());
        let (plain, state) = if self.clock_set {
            (None, labels::CYCLE_STATE)
        } else {
            (Some(labels::CLOCK_UNSET), labels::CYCLE_STATE_CLOCK_UNSET)
        };
        [
            (names::RTT_MS, self.rtt.get(), plain),
            (names::RTT_BASELINE_MS, self.baseline.get(), plain),
            (names::RTT_DELTA_MS, self.delta.get(), plain),
            (names::RATE_DOWNLOAD_MBPS, rates.download, plain),
            (names::RATE_UPLOAD_MBPS, rates.upload, plain),
            (names::STATE, zone, Some(state)),
        ]
    }

    /// The directions whose zone changed, download first.
    pub(crate) fn changes(&self) -> impl Iterator<Item = (Direction, Zone, &ReasonText)> {
        self.transitions.iter().filter_map(|(direction, reason)| {
            Some((direction, self.zones[direction], reason.as_ref()?))
        })
    }
}
