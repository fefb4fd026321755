//! What the rate-control daemon says about each shaper, over a Unix socket beside the state file.
//!
//! A client connects and reads one line of JSON at once and one more whenever a control step has
//! changed something, at most twenty a second. It sends nothing. A daemon that hangs sends nothing
//! either, and what was said last grows old in the client's hands.

mod feed;
mod socket;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wanctl_controller::{ControllerConfig, LawKind, QueueConfig};
use wanctl_steering::ShaperObservation;
use wanctl_telemetry::WanSnapshot;
use wanctl_types::{Bps, Direction, Millis, PerDirection, Timestamp, WanName, Zone};

pub use feed::{NoFeed, ShaperFeed, SocketFeed};
pub(crate) use socket::{ShaperSocket, open as listen};

/// How one WAN's shaper does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShaperReport {
    /// Whose.
    pub wan: WanName,
    /// How congested each direction is.
    pub zone: PerDirection<Option<Zone>>,
    /// The rate each direction is held to.
    pub rate: PerDirection<Option<Bps>>,
    /// The lowest rate it may be held to while it is as congested as this.
    pub floor: PerDirection<Option<Bps>>,
    /// The idle round trip.
    pub baseline: Option<Millis>,
    /// Milliseconds since the control step that says so.
    pub age_ms: u64,
}

impl ShaperReport {
    /// What a WAN's snapshot says at `now`; `None` before its first control step.
    #[must_use]
    pub fn of(snapshot: &WanSnapshot, config: &ControllerConfig, now: Timestamp) -> Option<Self> {
        let age = now.saturating_since(snapshot.last_step?);
        let directions = &snapshot.directions;
        let floor = |direction: Direction| {
            let queue = &config.queues[direction];
            let floor = match config.law {
                // It has one floor, whatever it calls the line's state.
                LawKind::Adaptive => queue.floors.red.truncate(),
                LawKind::Reference | _ => floor_in(queue, directions[direction].zone),
            };
            Some(floor)
        };
        Some(Self {
            wan: snapshot.name.clone(),
            zone: PerDirection::from_fn(|direction| Some(directions[direction].zone)),
            rate: PerDirection::from_fn(|direction| Some(directions[direction].intended)),
            floor: PerDirection::from_fn(floor),
            baseline: Some(snapshot.baseline),
            age_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// The same as evidence, `held` after it was received.
    #[must_use]
    pub fn observation(&self, held: Duration) -> ShaperObservation {
        ShaperObservation {
            zone: self.zone,
            rate: self.rate,
            floor: self.floor,
            baseline: self.baseline,
            age: Duration::from_millis(self.age_ms).saturating_add(held),
        }
    }
}

fn floor_in(queue: &QueueConfig, zone: Zone) -> Bps {
    let floors = &queue.floors;
    let floor = match zone {
        Zone::Green => floors.green,
        Zone::Yellow => floors.yellow,
        Zone::SoftRed => floors.soft_red,
        Zone::Red => floors.red,
    };
    floor.truncate()
}

/// Where the socket of a state file is: beside it, with another ending.
#[must_use]
pub fn socket_path(state_file: &Path) -> PathBuf {
    state_file.with_extension("sock")
}

#[cfg(test)]
mod tests {
    use wanctl_controller::Controller;
    use wanctl_types::RateBound;

    use super::*;

    #[test]
    fn the_adaptive_law_has_one_floor_in_every_zone() {
        let mut config = fixture::config();
        config.queues.download.floors.yellow = RateBound::from_mbps(300.0).unwrap();
        config.queues.download.floors.green = RateBound::from_mbps(400.0).unwrap();
        let name = WanName::new("cable").unwrap();
        let state = Controller::new(config.clone()).state();
        let mut snapshot = crate::wan::initial_snapshot(&name, &state);
        snapshot.last_step = Some(Timestamp::ZERO);
        snapshot.directions.download.zone = Zone::Yellow;
        let floor = |config: &ControllerConfig| {
            let report = ShaperReport::of(&snapshot, config, Timestamp::ZERO).unwrap();
            report.floor.download
        };
        assert_eq!(floor(&config), Some(Bps::from_mbps(300)));
        config.law = LawKind::Adaptive;
        assert_eq!(floor(&config), Some(Bps::from_mbps(100)));
    }
}

#[cfg(test)]
mod fixture {
    //! A WAN of 100 to 900 Mbit/s down and 10 to 40 up.

    use wanctl_controller::{
        Alpha, BaselineConfig, ControllerConfig, Factor, Floors, QueueConfig, Threshold, Thresholds,
    };
    use wanctl_types::{Millis, PerDirection, RateBound};

    pub(super) fn config() -> ControllerConfig {
        let queue = |floor: f64, ceiling: f64| {
            let mbps = |mbps| RateBound::from_mbps(mbps).unwrap();
            QueueConfig::new(
                Floors::uniform(mbps(floor)),
                mbps(ceiling),
                mbps(1.0),
                Factor::new(0.85).unwrap(),
                Factor::new(0.96).unwrap(),
            )
            .unwrap()
        };
        let [target, warn, hard] = [15, 45, 80].map(Threshold::from_integer);
        ControllerConfig::new(
            PerDirection::new(queue(100.0, 900.0), queue(10.0, 40.0)),
            Thresholds::new(target, warn, hard).unwrap(),
            BaselineConfig {
                initial: Millis::saturating(20.0),
                alpha: Alpha::new(0.001).unwrap(),
                update_threshold: Millis::saturating(3.0),
                min: Millis::saturating(10.0),
                max: Millis::saturating(60.0),
            },
            Alpha::new(0.5).unwrap(),
        )
    }
}
