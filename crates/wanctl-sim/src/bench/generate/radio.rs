//! A cell's share for one direction of one subscriber.

use wanctl_types::Bps;

use super::marginal::Marginal;
use super::wander::{Memory, Wander};
use super::{BIN_SECONDS, Dice};

/// A rate that wanders, and may be gone for seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Radio {
    /// How often which rate, outages left out.
    pub(super) marginal: Marginal,
    /// In what order.
    pub(super) memories: &'static [Memory],
    /// When the link is gone.
    pub(super) outages: Option<Outages>,
}

/// A link that is there and gone by turns, each for an exponentially distributed time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outages {
    /// Mean time it is there, seconds.
    pub(super) there: f64,
    /// Mean time it is gone, seconds.
    pub(super) gone: f64,
}

impl Radio {
    pub(super) fn series(&self, dice: &mut Dice, bins: usize) -> Vec<Bps> {
        let mut wander = Wander::start(self.memories, dice);
        let mut gone = false;
        (0..bins)
            .map(|_| {
                let rate = self.marginal.at(wander.next(dice));
                gone = self.outages.is_some_and(|outages| outages.next(gone, dice));
                if gone { Bps::ZERO } else { mbps(rate) }
            })
            .collect()
    }
}

impl Outages {
    fn next(self, gone: bool, dice: &mut Dice) -> bool {
        let stay = if gone { self.gone } else { self.there };
        gone != dice.chance(BIN_SECONDS / stay)
    }
}

/// A rate in Mbit/s; none below zero.
pub(super) const fn mbps(rate: f64) -> Bps {
    Bps::truncating(rate * 1e6)
}

#[cfg(test)]
mod tests {
    use super::super::stream;
    use super::*;

    #[test]
    fn outages_take_their_part_of_the_time() {
        let outages = Outages {
            there: 30.0,
            gone: 10.0,
        };
        let mut dice = Dice::new(5, stream::LINE);
        let mut gone = false;
        let count = (0..100_000)
            .filter(|_| {
                gone = outages.next(gone, &mut dice);
                gone
            })
            .count();
        assert!((20_000..30_000).contains(&count), "{count}");
    }
}
