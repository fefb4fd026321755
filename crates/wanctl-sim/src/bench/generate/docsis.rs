//! A cable segment in the evening.

use std::time::Duration;

use wanctl_types::{Bps, PerDirection};

use super::radio::mbps;
use super::steady::BASE_RTT;
use super::wander::{Memory, Wander};
use super::{BIN_SECONDS, Dice, Series, bins_of, stream};

/// How long the neighbours' evening lasts: from nothing to its height and back.
const EVENING_SECONDS: f64 = 600.0;

/// One direction of a segment. The neighbours' use wanders around a hump that lasts the evening;
/// what they leave is ours, up to our plan.
struct Segment {
    /// The plan's rate, Mbit/s.
    plan: f64,
    /// What is left when the neighbours are quiet, as a part of the plan; the plan caps it.
    quiet: f64,
    /// How much more they take at the height of the evening, as a part of the plan.
    evening: f64,
    /// Standard deviation of their wandering, as a part of the plan.
    wandering: f64,
    /// How it wanders.
    memories: &'static [Memory],
}

const DOWNLOAD: Segment = Segment {
    plan: 940.0,
    quiet: 1.07,
    evening: 0.46,
    wandering: 0.1,
    memories: &[Memory {
        share: 1.0,
        seconds: 8.0,
    }],
};

const UPLOAD: Segment = Segment {
    plan: 40.0,
    quiet: 1.07,
    evening: 0.5,
    wandering: 0.1,
    memories: &[Memory {
        share: 1.0,
        seconds: 8.0,
    }],
};

/// An evening on DOCSIS with a plan of 940/40 Mbit/s: capacity sags by about half within five
/// minutes and comes back within five more. `length` of it from the moment `from`.
#[must_use]
pub fn docsis_evening(seed: u64, from: Duration, length: Duration) -> Series {
    let start = from.as_secs_f64();
    let bins = bins_of(length);
    let of = |segment: &Segment, stream| segment.series(Dice::new(seed, stream), start, bins);
    Series {
        capacity: PerDirection::new(
            of(&DOWNLOAD, stream::LINE),
            of(&UPLOAD, stream::LINE_UPLOAD),
        ),
        base_rtt: vec![BASE_RTT],
    }
}

impl Segment {
    fn series(&self, mut dice: Dice, start: f64, bins: usize) -> Vec<Bps> {
        let mut wander = Wander::start(self.memories, &mut dice);
        let times = std::iter::successors(Some(start), |time| Some(time + BIN_SECONDS));
        times
            .take(bins)
            .map(|time| self.rate(time, wander.next(&mut dice)))
            .collect()
    }

    fn rate(&self, time: f64, wander: f64) -> Bps {
        let turn = (core::f64::consts::TAU * time / EVENING_SECONDS).cos();
        let hump = self.evening * (1.0 - turn) / 2.0;
        let left = self.wandering.mul_add(wander, self.quiet - hump);
        mbps(self.plan * left.clamp(0.0, 1.0))
    }
}
