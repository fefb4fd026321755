//! LTE and 5G, at rest and on the move.

use std::time::Duration;

use wanctl_types::{Millis, PerDirection};

use super::marginal::Marginal;
use super::radio::{Outages, Radio};
use super::wander::Memory;
use super::{Dice, Series, bins_of, stream};

const fn memory(share: f64, seconds: f64) -> Memory {
    Memory { share, seconds }
}

/// Driving, one cell after the other: from 0 to 90 Mbit/s, and a ninth of the time nothing.
const DRIVING: Radio = Radio {
    marginal: Marginal(&[
        (-1.206, 0.0),
        (-0.674, 3.6),
        (0.0, 8.4),
        (0.674, 15.0),
        (1.645, 30.1),
        (2.326, 53.9),
        (3.0, 85.0),
    ]),
    memories: &[memory(0.15, 0.0), memory(0.25, 1.0), memory(0.6, 9.0)],
    outages: None,
};

/// Driving where cells are far apart: the link is gone for seconds at a time.
const DRIVING_WITH_OUTAGES: Radio = Radio {
    marginal: Marginal(&[
        (-2.8, 0.0),
        (-2.05, 0.72),
        (-1.645, 1.2),
        (-1.0, 2.4),
        (-0.674, 4.6),
        (0.0, 7.5),
        (0.674, 9.0),
        (1.645, 11.4),
        (2.326, 14.7),
        (3.0, 25.0),
    ]),
    memories: &[memory(0.1, 0.0), memory(0.9, 10.0)],
    outages: Some(Outages {
        there: 130.0,
        gone: 7.6,
    }),
};

/// The upload meanwhile: grants come unevenly.
const DRIVING_UPLOAD: Radio = Radio {
    marginal: Marginal(&[
        (-1.58, 0.0),
        (-1.3, 0.4),
        (-0.674, 0.84),
        (0.0, 0.96),
        (0.674, 1.32),
        (1.645, 1.56),
        (2.326, 1.7),
    ]),
    memories: &[memory(0.54, 0.0), memory(0.46, 3.0)],
    outages: None,
};

const STATIONARY: Radio = Radio {
    marginal: Marginal(&[(-2.326, 14.0), (-0.674, 25.0), (0.674, 35.0), (2.326, 46.0)]),
    memories: &[memory(0.3, 0.0), memory(0.4, 0.5), memory(0.3, 10.0)],
    outages: None,
};

const STATIONARY_UPLOAD: Radio = Radio {
    marginal: Marginal(&[(-2.326, 4.0), (-0.674, 6.6), (0.674, 9.4), (2.326, 12.0)]),
    ..STATIONARY
};

const WALKING: Radio = Radio {
    marginal: Marginal(&[
        (-2.0, 0.5),
        (-0.674, 6.0),
        (0.0, 11.0),
        (0.674, 17.0),
        (1.645, 28.0),
        (2.326, 36.0),
    ]),
    memories: &[memory(0.15, 0.0), memory(0.25, 0.7), memory(0.6, 6.0)],
    outages: None,
};

const WALKING_UPLOAD: Radio = Radio {
    marginal: Marginal(&[
        (-2.0, 0.3),
        (-0.674, 1.8),
        (0.0, 3.0),
        (0.674, 4.2),
        (2.326, 8.0),
    ]),
    ..WALKING
};

const FIVE_G: Radio = Radio {
    marginal: Marginal(&[
        (-2.326, 70.0),
        (-0.674, 112.0),
        (0.674, 148.0),
        (2.326, 190.0),
    ]),
    memories: &[memory(0.3, 0.0), memory(0.4, 0.5), memory(0.3, 10.0)],
    outages: None,
};

const FIVE_G_UPLOAD: Radio = Radio {
    marginal: Marginal(&[(-2.326, 10.0), (-0.674, 17.0), (0.674, 23.0), (2.326, 30.0)]),
    ..FIVE_G
};

const FIVE_G_DRIVING: Radio = Radio {
    marginal: Marginal(&[
        (-2.326, 10.0),
        (-1.645, 25.0),
        (-0.674, 60.0),
        (0.0, 95.0),
        (0.674, 130.0),
        (1.645, 190.0),
        (2.326, 240.0),
    ]),
    memories: &[memory(0.08, 0.0), memory(0.22, 1.5), memory(0.7, 8.0)],
    outages: None,
};

const FIVE_G_DRIVING_UPLOAD: Radio = Radio {
    marginal: Marginal(&[(-2.326, 2.0), (-0.674, 9.0), (0.674, 20.0), (2.326, 36.0)]),
    ..FIVE_G_DRIVING
};

/// A cell's base delay: grants and the core network.
const LTE_RTT: Millis = Millis::saturating(40.0);
const FIVE_G_RTT: Millis = Millis::saturating(25.0);

fn cell(seed: u64, length: Duration, radios: PerDirection<Radio>, rtt: Millis) -> Series {
    let bins = bins_of(length);
    let streams = PerDirection::new(stream::LINE, stream::LINE_UPLOAD);
    Series {
        capacity: radios
            .zip(streams)
            .map(|(radio, stream)| radio.series(&mut Dice::new(seed, stream), bins)),
        base_rtt: vec![rtt],
    }
}

/// LTE in a car, about 11/1 Mbit/s: fades to nothing many times a minute.
#[must_use]
pub fn lte_driving(seed: u64, length: Duration) -> Series {
    cell(
        seed,
        length,
        PerDirection::new(DRIVING, DRIVING_UPLOAD),
        LTE_RTT,
    )
}

/// LTE in a car, about 6.5/1 Mbit/s: steadier, but gone for seconds now and then.
#[must_use]
pub fn lte_driving_with_outages(seed: u64, length: Duration) -> Series {
    let radios = PerDirection::new(DRIVING_WITH_OUTAGES, DRIVING_UPLOAD);
    cell(seed, length, radios, LTE_RTT)
}

/// LTE at home, about 30/8 Mbit/s.
#[must_use]
pub fn lte_stationary(seed: u64, length: Duration) -> Series {
    cell(
        seed,
        length,
        PerDirection::new(STATIONARY, STATIONARY_UPLOAD),
        LTE_RTT,
    )
}

/// LTE on foot, about 12/3 Mbit/s.
#[must_use]
pub fn lte_walking(seed: u64, length: Duration) -> Series {
    cell(
        seed,
        length,
        PerDirection::new(WALKING, WALKING_UPLOAD),
        LTE_RTT,
    )
}

/// 5G at home, about 130/20 Mbit/s.
#[must_use]
pub fn five_g_stationary(seed: u64, length: Duration) -> Series {
    cell(
        seed,
        length,
        PerDirection::new(FIVE_G, FIVE_G_UPLOAD),
        FIVE_G_RTT,
    )
}

/// 5G in a car, about 100/15 Mbit/s.
#[must_use]
pub fn five_g_driving(seed: u64, length: Duration) -> Series {
    let radios = PerDirection::new(FIVE_G_DRIVING, FIVE_G_DRIVING_UPLOAD);
    cell(seed, length, radios, FIVE_G_RTT)
}
