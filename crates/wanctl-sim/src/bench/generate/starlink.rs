//! A satellite constellation that hands its subscribers over every 15 seconds.

use std::time::Duration;

use wanctl_types::{Bps, Millis, PerDirection};

use super::marginal::Marginal;
use super::radio::mbps;
use super::wander::{Memory, Wander};
use super::{Dice, Series, bins_of, stream};

/// Bins from one reallocation to the next: 15 s, the same for all subscribers.
const SLOT: usize = 150;

/// One direction: a level that is drawn anew in each slot, and a wander around it.
struct Beam {
    marginal: Marginal,
    /// The level's part of the variance of the normal value.
    level: f64,
    /// The wander that is the rest of it.
    memories: &'static [Memory],
}

const DOWNLOAD: Beam = Beam {
    marginal: Marginal(&[
        (-2.326, 25.0),
        (-1.645, 34.0),
        (-0.674, 42.0),
        (0.0, 48.7),
        (0.674, 55.2),
        (1.645, 66.5),
        (2.326, 74.0),
    ]),
    level: 0.6,
    memories: &[
        Memory {
            share: 0.15,
            seconds: 0.0,
        },
        Memory {
            share: 0.85,
            seconds: 1.0,
        },
    ],
};

/// The part of the download's rate that the upload gets.
const UPLOAD_PART: f64 = 0.15;

/// Capacity left in the bin of a reallocation, as a part of what it would be.
const DIP: core::ops::Range<f64> = 0.0..0.1;
/// And in the bin after it.
const AFTER_DIP: core::ops::Range<f64> = 0.35..1.0;

/// The unloaded one-way delay, in milliseconds.
mod delay {
    use super::Memory;

    pub(super) const MEAN: f64 = 10.6;
    /// Standard deviation of the level of a slot.
    pub(super) const LEVEL: f64 = 0.8;
    /// Standard deviation of the wander within a slot.
    pub(super) const WANDER: f64 = 0.5;
    /// How that wanders.
    pub(super) const MEMORIES: &[Memory] = &[Memory {
        share: 1.0,
        seconds: 0.4,
    }];
    /// Addition in the bin of a reallocation.
    pub(super) const HAND_OVER: core::ops::Range<f64> = 4.0..18.0;
    /// How often it lasts for one bin more.
    pub(super) const LONGER: f64 = 0.2;
    pub(super) const LEAST: f64 = 8.0;
}

/// A dish: about 49 Mbit/s down and 7 up, reallocated every 15 s at a phase drawn from the seed.
/// For the 100 ms of a reallocation hardly anything gets through, in the next 100 ms not all, and
/// the base delay jumps; after it rate and base delay have new levels.
#[must_use]
pub fn starlink(seed: u64, length: Duration) -> Series {
    let bins = bins_of(length);
    let phase = phase_of(seed);
    let of = |stream| DOWNLOAD.series(&mut Dice::new(seed, stream), phase, bins);
    let upload = of(stream::LINE_UPLOAD).into_iter();
    Series {
        capacity: PerDirection::new(
            of(stream::LINE).into_iter().map(mbps).collect(),
            upload
                .map(|rate| mbps(UPLOAD_PART * rate))
                .collect::<Vec<Bps>>(),
        ),
        base_rtt: one_way_delays(seed, phase, bins)
            .into_iter()
            .map(|delay| Millis::saturating(2.0 * delay))
            .collect(),
    }
}

/// Bins before the first reallocation.
fn phase_of(seed: u64) -> usize {
    let phase = Dice::new(seed, stream::SCENE).between(0.0, 150.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "drawn between 0 and 150"
    )]
    let whole = phase as usize;
    whole
}

const fn reallocated(bin: usize, phase: usize) -> bool {
    bin % SLOT == phase % SLOT
}

impl Beam {
    /// Rates in Mbit/s.
    fn series(&self, dice: &mut Dice, phase: usize, bins: usize) -> Vec<f64> {
        let mut wander = Wander::start(self.memories, dice);
        let mut level = dice.normal();
        (0..bins)
            .map(|bin| {
                let within = wander.next(dice);
                let normal = self
                    .level
                    .sqrt()
                    .mul_add(level, (1.0 - self.level).sqrt() * within);
                let rate = self.marginal.at(normal);
                if reallocated(bin, phase) {
                    level = dice.normal();
                    return rate * dice.between(DIP.start, DIP.end);
                }
                if reallocated(bin + SLOT - 1, phase) {
                    return rate * dice.between(AFTER_DIP.start, AFTER_DIP.end);
                }
                rate
            })
            .collect()
    }
}

fn one_way_delays(seed: u64, phase: usize, bins: usize) -> Vec<f64> {
    let mut dice = Dice::new(seed, stream::BASE_DELAY);
    let mut wander = Wander::start(delay::MEMORIES, &mut dice);
    let mut level = dice.normal();
    let mut longer = 0.0;
    (0..bins)
        .map(|bin| {
            let within = delay::WANDER * wander.next(&mut dice);
            let steady = delay::MEAN + delay::LEVEL.mul_add(level, within);
            let mut added = std::mem::take(&mut longer);
            if reallocated(bin, phase) {
                level = dice.normal();
                added = dice.between(delay::HAND_OVER.start, delay::HAND_OVER.end);
                longer = if dice.chance(delay::LONGER) {
                    added
                } else {
                    0.0
                };
            }
            steady.max(delay::LEAST) + added
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fifteen_seconds_the_link_stops_for_one_bin() {
        let series = starlink(4, Duration::from_mins(2));
        let download = &series.capacity.download;
        let low = |rate: &Bps| rate.as_mbps() < 8.0;
        let dips: Vec<usize> = (0..download.len())
            .filter(|bin| low(&download[*bin]))
            .collect();
        assert_eq!(dips.len(), 8, "{dips:?}");
        assert!(dips.windows(2).all(|pair| pair[1] - pair[0] == SLOT));
        let most = series
            .base_rtt
            .iter()
            .map(|rtt| rtt.get())
            .fold(0.0, f64::max);
        let at = series
            .base_rtt
            .iter()
            .position(|rtt| rtt.get() >= most)
            .unwrap();
        assert!(dips.contains(&at));
    }
}
