use wanctl_types::{Bps, Bytes, Direction, Millis, PerDirection, Timestamp};

use super::*;
use crate::bench::{DirectionBin, Load, Scene, SparseSample, case_on, generate};

const BIN: Duration = crate::bench::RECORDING_BIN;
const LENGTH: Duration = Duration::from_mins(1);

fn at(seconds: f64) -> Timestamp {
    Timestamp::ZERO + Duration::from_secs_f64(seconds)
}

/// A minute of 50/10 Mbit/s with 4 downloads.
fn case() -> Case {
    let rates = PerDirection::new(Bps::from_mbps(50), Bps::from_mbps(10));
    let line = generate::fixed(rates).with(generate::Upstream::TailDrop);
    case_on(line, Load::Download, LENGTH, 1)
}

fn bin(mbps: u64) -> DirectionBin {
    let capacity = Bytes::new(mbps * 12_500);
    DirectionBin {
        capacity,
        delivered: capacity,
        wanted: true,
        our_queue: 1.0,
        rate: Bps::from_mbps(mbps),
        ..DirectionBin::default()
    }
}

/// A minute in which nothing goes wrong.
fn recording() -> Recording {
    let bins = PerDirection::new(bin(50), bin(10));
    Recording {
        sparse: (0..3_000_u32)
            .map(|number| SparseSample {
                sent_at: at(f64::from(number) * 0.02),
                added: Some(Millis::ZERO),
                provider: Millis::ZERO,
            })
            .collect(),
        bins: bins.map(|bin| vec![bin; 600]),
        writes: PerDirection::default(),
    }
}

fn figures(change: impl Fn(&mut Recording), events: &[u64]) -> Figures {
    let mut recording = recording();
    change(&mut recording);
    let events: Vec<_> = events
        .iter()
        .map(|event| Duration::from_secs(*event))
        .collect();
    measure(&case(), Judged::Download, &events, &recording)
}

fn bins_of(
    recording: &mut Recording,
    direction: Direction,
    seconds: std::ops::Range<f64>,
) -> &mut [DirectionBin] {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "small whole numbers"
    )]
    let bin = |seconds: f64| (seconds / BIN.as_secs_f64()).round() as usize;
    &mut recording.bins[direction][bin(seconds.start)..bin(seconds.end)]
}

fn close(figures: &Figures, metric: Metric, wanted: f64) {
    let got = figures.get(&metric).unwrap();
    assert!((got - wanted).abs() < 1e-6, "{metric}: {got}, not {wanted}");
}

#[test]
fn a_run_without_trouble_has_the_best_figures() {
    let figures = figures(|_| (), &[]);
    for metric in [
        Metric::DelayP99,
        Metric::DelayMax,
        Metric::DelayAbove30,
        Metric::SparseLoss,
        Metric::Moved(Direction::Upload),
        Metric::FalseCuts,
        Metric::Writes,
        Metric::Oscillation(Direction::Download),
    ] {
        close(&figures, metric, 0.0);
    }
    close(&figures, Metric::Utilisation(Direction::Download), 1.0);
    close(&figures, Metric::Binding(Direction::Download), 1.0);
    close(&figures, Metric::Rpm, 2_400.0);
    assert!(!figures.contains_key(&Metric::Utilisation(Direction::Upload)));
    assert!(!figures.contains_key(&Metric::Moved(Direction::Download)));
}

#[test]
fn delays_count_after_the_warm_up_only() {
    let late = |from: f64, to: f64| {
        figures(
            move |recording| {
                for sample in &mut recording.sparse {
                    if (at(from)..at(to)).contains(&sample.sent_at) {
                        sample.added = Some(Millis::saturating(40.0));
                    }
                }
            },
            &[],
        )
    };
    close(&late(0.0, 8.0), Metric::DelayMax, 0.0);
    // A tenth of the judged 52 s.
    let tenth = late(20.0, 25.2);
    close(&tenth, Metric::DelayP50, 0.0);
    close(&tenth, Metric::DelayP95, 40.0);
    close(&tenth, Metric::DelayAbove30, 0.1);
    close(&tenth, Metric::DelayAbove100, 0.0);
    close(&tenth, Metric::Rpm, 60_000.0 / 29.0);
}

#[test]
fn dead_time_is_nobodys_fault() {
    let figures = figures(
        |recording| {
            for bin in bins_of(recording, Direction::Download, 30.0..35.0) {
                *bin = DirectionBin {
                    wanted: true,
                    ..DirectionBin::default()
                };
            }
            for sample in &mut recording.sparse {
                if (at(29.9)..at(35.0)).contains(&sample.sent_at) {
                    let wait = 35.2 - sample.sent_at.since_origin().as_secs_f64();
                    sample.added = Some(Millis::saturating(wait * 1e3));
                }
            }
        },
        &[],
    );
    close(&figures, Metric::DelayMax, 0.0);
    assert!(figures[&Metric::DelayP95Unmasked] > 2_000.0);
    close(&figures, Metric::Utilisation(Direction::Download), 1.0);
    close(&figures, Metric::Binding(Direction::Download), 1.0);
}

#[test]
fn lost_packets_are_late_ones() {
    let figures = figures(
        |recording| {
            for sample in recording.sparse.iter_mut().skip(400).step_by(10) {
                sample.added = None;
            }
        },
        &[],
    );
    close(&figures, Metric::SparseLoss, 0.1);
    close(&figures, Metric::DelayAbove100, 0.1);
}

#[test]
fn a_rate_that_swings_oscillates() {
    let figures = figures(
        |recording| {
            for bin in recording.bins.download.iter_mut().step_by(2) {
                bin.rate = Bps::from_mbps(40);
                bin.our_queue = 0.5;
            }
        },
        &[],
    );
    // 40 and 50: 5 of 45.
    close(
        &figures,
        Metric::Oscillation(Direction::Download),
        1.0 / 9.0,
    );
    close(&figures, Metric::Binding(Direction::Download), 0.75);
}

#[test]
fn damage_to_the_idle_direction_is_seen() {
    let figures = figures(
        |recording| {
            for bin in bins_of(recording, Direction::Upload, 17.3..23.0) {
                bin.rate = Bps::from_mbps(6);
            }
            for bin in bins_of(recording, Direction::Upload, 23.0..28.7) {
                bin.rate = Bps::from_mbps(8);
            }
        },
        &[],
    );
    close(&figures, Metric::Moved(Direction::Upload), 0.4);
    close(&figures, Metric::Below97(Direction::Upload), 0.2);
    close(&figures, Metric::Below70(Direction::Upload), 0.1);
}

#[test]
fn a_cut_is_false_when_the_provider_had_no_queue() {
    let cut = |queue: f64| {
        figures(
            move |recording| {
                for bin in bins_of(recording, Direction::Download, 18.0..60.0) {
                    bin.rate = Bps::from_mbps(40);
                }
                for bin in bins_of(recording, Direction::Download, 19.5..60.0) {
                    bin.rate = Bps::from_mbps(30);
                }
                for bin in bins_of(recording, Direction::Download, 17.0..20.0) {
                    bin.provider_queue = queue;
                }
                recording.writes.download = vec![
                    (at(18.0), Bps::from_mbps(40)),
                    (at(19.5), Bps::from_mbps(30)),
                ];
                recording.writes.upload =
                    vec![(at(1.0), Bps::from_mbps(9)), (at(18.0), Bps::from_mbps(10))];
            },
            &[],
        )
    };
    close(&cut(0.0), Metric::FalseCuts, 2.0 * 3_600.0 / 52.0);
    close(&cut(1.0), Metric::FalseCuts, 0.0);
    close(&cut(0.0), Metric::Writes, 2.0 * 60.0 / 52.0);
}

#[test]
fn a_fall_settles_when_the_last_late_packet_arrives() {
    let figures = figures(
        |recording| {
            for bin in bins_of(recording, Direction::Download, 30.0..60.0) {
                *bin = self::bin(10);
            }
            for sample in &mut recording.sparse {
                if (at(30.0)..at(31.0)).contains(&sample.sent_at) {
                    sample.added = Some(Millis::saturating(100.0));
                }
            }
        },
        &[30],
    );
    close(&figures, Metric::Settle(1), 0.98 + 0.1);
    close(&figures, Metric::Area(1), 100.0);
    assert!(!figures.contains_key(&Metric::Reach(1)));
}

#[test]
fn a_rise_is_reached_and_may_be_overshot() {
    let figures = figures(
        |recording| {
            for bin in bins_of(recording, Direction::Download, 0.0..30.0) {
                *bin = self::bin(10);
            }
            for bin in bins_of(recording, Direction::Download, 30.0..32.5) {
                bin.rate = Bps::from_mbps(44);
            }
            recording.sparse[1_600].added = Some(Millis::saturating(12.0));
            recording.sparse[2_500].added = Some(Millis::saturating(20.0));
        },
        &[30],
    );
    close(&figures, Metric::Reach(1), 2.5);
    close(&figures, Metric::Overshoot(1), 12.0);
    assert!(!figures.contains_key(&Metric::Settle(1)));
}

#[test]
fn rates_should_hold_when_the_capacity_does() {
    let figures = figures(
        |recording| {
            for bin in bins_of(recording, Direction::Download, 30.5..32.0) {
                bin.rate = Bps::from_mbps(30);
            }
            // Of no account: the upload has nothing to carry.
            for bin in bins_of(recording, Direction::Upload, 30.5..50.0) {
                bin.rate = Bps::from_mbps(1);
            }
        },
        &[30],
    );
    close(&figures, Metric::Dip(1), 1.5);
    // Three bins of the dip make a second of 0.88, two one of 0.92.
    close(&figures, Metric::Recovery(1), 2.7);
}

#[test]
fn figures_have_names_and_units() {
    assert_eq!(
        Metric::Utilisation(Direction::Upload).to_string(),
        "utilisation-upload"
    );
    assert_eq!(Metric::Settle(2).to_string(), "settle-2");
    assert_eq!(Metric::Reach(1).unit().show(0.256), "0.26 s");
    assert_eq!(
        Metric::Binding(Direction::Upload).unit().show(0.9),
        "90.0 %"
    );
    assert_eq!(Metric::DelayP95.better(), Better::Lower);
    assert_eq!(
        Metric::Utilisation(Direction::Upload).better(),
        Better::Higher
    );
}

#[test]
fn a_real_run_has_every_figure_of_its_scene() {
    let scene = Scene::named("step-download").unwrap();
    let case = (scene.build)(1);
    let plan = crate::bench::Plan {
        rates: case.line.mean(),
    };
    let mut law = crate::bench::laws::law("oracle(0.15,0.95)", &plan, 1).unwrap();
    let recording = crate::bench::run_case(&case, law.as_mut());
    let figures = measure(&case, scene.judged, scene.events, &recording);
    for metric in [
        Metric::DelayP95,
        Metric::Settle(1),
        Metric::Area(1),
        Metric::Reach(2),
        Metric::Overshoot(2),
        Metric::Oscillation(Direction::Download),
    ] {
        assert!(figures.contains_key(&metric), "{metric}: {figures:?}");
    }
    assert!(figures[&Metric::Settle(1)] < 1.2, "{figures:?}");
    assert!(
        figures.values().all(|value| value.is_finite()),
        "{figures:?}"
    );
}
