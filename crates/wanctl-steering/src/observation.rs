//! What one step gets to see.

use core::time::Duration;

use arrayvec::ArrayVec;
use serde::{Deserialize, Serialize};
use wanctl_types::{Bps, Millis, PerDirection, Zone};

use crate::{MAX_TARGETS, MAX_WANS};

/// Everything one decision may be based on. Fixed size; copying it allocates nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// One entry per WAN, in the order of the configuration.
    pub wans: ArrayVec<WanObservation, MAX_WANS>,
}

/// What is known of one WAN.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WanObservation {
    /// One entry per probed target, in the order of the configuration.
    pub targets: ArrayVec<TargetObservation, MAX_TARGETS>,
    /// State of the shaper's queue, where a router tells; `None` also for the first reading,
    /// which has nothing to be compared with.
    pub queue: Option<QueueObservation>,
    /// What the rate-control daemon of this WAN last said.
    pub shaper: Option<ShaperObservation>,
}

/// What the probes to one target came to since the previous step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TargetObservation {
    /// Median round-trip time of the answers; `None` without one.
    pub rtt: Option<Millis>,
    /// Mean difference between successive round-trip times; `None` with fewer than two.
    pub variation: Option<Millis>,
    /// Answers that arrived.
    pub answered: u32,
    /// Probes given up as lost.
    pub lost: u32,
    /// Time since the last answer arrived, or since probing began.
    pub silent: Duration,
}

/// What the shaper's queue did since the previous reading.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueueObservation {
    /// Packets dropped between the two readings. Some routers always say 0.
    pub drops: u64,
    /// Time between the two readings.
    pub interval: Duration,
    /// Packets waiting at the newer one.
    pub queued: u64,
    /// Age of the newer one.
    pub age: Duration,
}

/// What the rate-control daemon of a WAN says about its shaper.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShaperObservation {
    /// How congested it finds each direction; `None` where it does not say.
    pub zone: PerDirection<Option<Zone>>,
    /// The rate each direction is held to.
    pub rate: PerDirection<Option<Bps>>,
    /// The lowest rate it may be held to as things are.
    pub floor: PerDirection<Option<Bps>>,
    /// Its idea of the idle round-trip time.
    pub baseline: Option<Millis>,
    /// How old this is.
    pub age: Duration,
}

/// A rate this little above its floor counts as at it: rates are whole bits per second and a last
/// step may be smaller than the router distinguishes.
const AT_FLOOR: f64 = 1.01;

impl ShaperObservation {
    /// Whether some direction is congested and its rate could still be lowered.
    #[must_use]
    pub fn can_help(&self) -> bool {
        self.any_congested(|rate, floor| rate > floor * AT_FLOOR)
    }

    /// Whether some congested direction is at its floor.
    #[must_use]
    pub fn is_at_floor(&self) -> bool {
        self.any_congested(|rate, floor| rate <= floor * AT_FLOOR)
    }

    /// The worse of the two zones; `None` when neither is known.
    #[must_use]
    pub fn worst_zone(&self) -> Option<Zone> {
        self.zone.download.max(self.zone.upload)
    }

    fn any_congested(&self, test: impl Fn(f64, f64) -> bool) -> bool {
        self.zone
            .iter()
            .filter(|(_, zone)| zone.is_some_and(|zone| zone != Zone::Green))
            .filter_map(|(direction, _)| {
                let rate = self.rate[direction]?;
                let floor = self.floor[direction]?;
                Some((rate.as_f64(), floor.as_f64()))
            })
            .any(|(rate, floor)| test(rate, floor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shaper(zone: [Zone; 2], rate: [u64; 2], floor: [u64; 2]) -> ShaperObservation {
        let bps = |[down, up]: [u64; 2]| {
            PerDirection::new(Some(Bps::from_mbps(down)), Some(Bps::from_mbps(up)))
        };
        ShaperObservation {
            zone: PerDirection::new(Some(zone[0]), Some(zone[1])),
            rate: bps(rate),
            floor: bps(floor),
            baseline: None,
            age: Duration::ZERO,
        }
    }

    #[test]
    fn a_green_shaper_can_neither_help_nor_is_at_its_floor() {
        let idle = shaper([Zone::Green, Zone::Green], [900, 10], [100, 10]);
        assert!(!idle.can_help() && !idle.is_at_floor());
    }

    #[test]
    fn one_congested_direction_above_its_floor_can_still_help() {
        let busy = shaper([Zone::Red, Zone::Yellow], [100, 30], [100, 10]);
        assert!(busy.can_help() && busy.is_at_floor());
    }

    #[test]
    fn a_shaper_at_both_floors_cannot_help_any_more() {
        let spent = shaper([Zone::Red, Zone::Red], [100, 10], [100, 10]);
        assert!(!spent.can_help() && spent.is_at_floor());
    }

    #[test]
    fn what_is_not_known_is_neither() {
        let mut unknown = shaper([Zone::Red, Zone::Red], [100, 10], [100, 10]);
        unknown.floor = PerDirection::default();
        assert!(!unknown.can_help() && !unknown.is_at_floor());
    }
}
