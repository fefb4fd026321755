//! Lines that change only when told to.

use std::time::Duration;

use wanctl_types::{Bps, Millis, PerDirection};

use super::{Series, bins_of};

/// Round-trip time without any queue of a line that is not said to have another.
pub(super) const BASE_RTT: Millis = Millis::saturating(25.0);

/// The same rates for ever, with a base delay of 25 ms.
#[must_use]
pub fn fixed(rates: PerDirection<Bps>) -> Series {
    Series {
        capacity: rates.map(|rate| vec![rate]),
        base_rtt: vec![BASE_RTT],
    }
}

/// One direction's rates, each for its time, rounded up to whole bins.
#[must_use]
pub fn steps(plateaus: &[(Bps, Duration)]) -> Vec<Bps> {
    let bins = plateaus.iter();
    bins.flat_map(|(rate, time)| std::iter::repeat_n(*rate, bins_of(*time)))
        .collect()
}

/// A DSL line of 20/1 Mbit/s: steady, and with 35 ms of base delay, interleaving included.
#[must_use]
pub fn dsl() -> Series {
    Series {
        base_rtt: vec![Millis::saturating(35.0)],
        ..fixed(PerDirection::new(Bps::from_mbps(20), Bps::from_mbps(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_plateau_takes_its_time() {
        let (low, high) = (Bps::from_mbps(10), Bps::from_mbps(30));
        let bins = steps(&[
            (high, Duration::from_millis(200)),
            (low, Duration::from_millis(150)),
        ]);
        assert_eq!(bins, [high, high, low, low]);
    }
}
