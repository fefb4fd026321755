//! Generated lines beside the recorded ones that they are modelled on.

use std::time::Duration;

use wanctl_types::{Bps, Millis};

use super::*;

/// What a recorded series is like: figures of its bins of 100 ms.
struct Recorded {
    /// Which it is, and from where.
    source: &'static str,
    seconds: u64,
    mean: f64,
    p5: f64,
    p95: f64,
    /// Part of the bins below 2 % of the mean.
    near_zero: f64,
    /// Autocorrelation 100 ms and 1 s later.
    next: f64,
    second: f64,
    make: fn(u64, Duration) -> Vec<f64>,
}

fn mbps(rates: &[Bps]) -> Vec<f64> {
    rates.iter().map(|rate| rate.as_mbps()).collect()
}

fn evening(seed: u64, length: Duration) -> Series {
    docsis_evening(seed, Duration::ZERO, length)
}

const RECORDED: [Recorded; 7] = [
    Recorded {
        source: "T-Mobile LTE, driving, download: mahimahi, its first 300 s",
        seconds: 300,
        mean: 10.915,
        p5: 0.0,
        p95: 30.126,
        near_zero: 0.114,
        next: 0.815,
        second: 0.653,
        make: |seed, length| mbps(&lte_driving(seed, length).capacity.download),
    },
    Recorded {
        source: "AT&T LTE, driving, download: mahimahi, its first 300 s",
        seconds: 300,
        mean: 6.534,
        p5: 0.12,
        p95: 11.28,
        near_zero: 0.051,
        next: 0.897,
        second: 0.811,
        make: |seed, length| mbps(&lte_driving_with_outages(seed, length).capacity.download),
    },
    Recorded {
        source: "AT&T LTE, driving, upload: mahimahi, its first 300 s",
        seconds: 300,
        mean: 0.988,
        p5: 0.0,
        p95: 1.56,
        near_zero: 0.054,
        next: 0.376,
        second: 0.353,
        make: |seed, length| mbps(&lte_driving(seed, length).capacity.upload),
    },
    Recorded {
        source: "Starlink, download: LeoCC (SIGCOMM 2025), 120 s",
        seconds: 120,
        mean: 48.731,
        p5: 33.6,
        p95: 66.48,
        near_zero: 0.003,
        next: 0.791,
        second: 0.554,
        make: |seed, length| mbps(&starlink(seed, length).capacity.download),
    },
    Recorded {
        source: "Starlink, unloaded one-way delay in ms: LeoCC (SIGCOMM 2025), 120 s",
        seconds: 120,
        mean: 10.667,
        p5: 8.9,
        p95: 12.1,
        near_zero: 0.0,
        next: 0.396,
        second: 0.226,
        make: |seed, length| {
            let rtts = starlink(seed, length).base_rtt.into_iter();
            rtts.map(|rtt| Millis::get(rtt) / 2.0).collect()
        },
    },
    Recorded {
        source: "DOCSIS 940/40, an evening, download: a seeded model, no recording",
        seconds: 600,
        mean: 744.4,
        p5: 518.5,
        p95: 940.0,
        near_zero: 0.0,
        next: 0.996,
        second: 0.968,
        make: |seed, length| mbps(&evening(seed, length).capacity.download),
    },
    Recorded {
        source: "DOCSIS 940/40, an evening, upload: a seeded model, no recording",
        seconds: 600,
        mean: 30.48,
        p5: 20.49,
        p95: 40.0,
        near_zero: 0.0,
        next: 0.996,
        second: 0.958,
        make: |seed, length| mbps(&evening(seed, length).capacity.upload),
    },
];

/// Seeds that are taken together: one series of a few minutes is too short for a line that
/// remembers for ten seconds.
const SEEDS: std::ops::Range<u64> = 100..140;

/// How many of the seeds there are.
fn count() -> f64 {
    SEEDS.map(|_| 1.0).sum()
}

#[test]
fn generated_lines_are_like_recorded_ones() {
    let mut wrong = Vec::new();
    for recorded in &RECORDED {
        let length = Duration::from_secs(recorded.seconds);
        let series: Vec<Vec<f64>> = SEEDS.map(|seed| (recorded.make)(seed, length)).collect();
        let all = Figures::of(&series.concat()).unwrap();
        // A series remembers what is left of its own mean, as a recording does.
        let each: Vec<Figures> = series.iter().filter_map(|one| Figures::of(one)).collect();
        let after = |lag| each.iter().map(|f| f.autocorrelation(lag)).sum::<f64>() / count();
        // A fiftieth of the mean is as good as nothing.
        let nothing = 0.02 * recorded.mean;
        let pairs = [
            ("mean", recorded.mean, nothing, all.mean),
            ("p5", recorded.p5, nothing, all.p5),
            ("p95", recorded.p95, nothing, all.p95),
            ("near zero", recorded.near_zero, 0.01, all.near_zero),
            ("after 0.1 s", recorded.next, 0.0, after(1)),
            ("after 1 s", recorded.second, 0.0, after(10)),
        ];
        for (name, measured, least, generated) in pairs {
            if (generated - measured).abs() > (0.2 * measured).max(least) {
                let source = recorded.source;
                wrong.push(format!("{source}: {name} {generated:.3} for {measured:.3}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
