//! What enters is delivered, dropped or still there.

use proptest::prelude::*;
use wanctl_types::{Bytes, Millis};

use super::*;
use crate::bench::{Buffer, CounterKind, Line, PathNoise};

/// Bytes of the largest bundle: what may be half on the line.
const BUNDLE: f64 = 1_514.0 * MOST_SEGMENTS;
/// What rounding may lose over a run, bytes.
const ROUNDING: f64 = 200.0;

fn any_line() -> impl Strategy<Value = Line> {
    let bins = || prop::collection::vec((0..5_u64, 1..40_000_000_u64), 1..40);
    let rates = |bins: Vec<(u64, u64)>| -> Vec<Bps> {
        // One bin in five is dead.
        let rate = |(dice, rate)| Bps::new(if dice == 0 { 0 } else { rate });
        bins.into_iter().map(rate).collect()
    };
    (bins(), bins(), 2.0..150.0_f64, any_buffer(), any_buffer()).prop_map(
        move |(down, up, rtt, download, upload)| Line {
            capacity: PerDirection::new(rates(down), rates(up)),
            base_rtt: vec![Millis::saturating(rtt)],
            buffer: PerDirection::new(download, upload),
        },
    )
}

fn any_buffer() -> impl Strategy<Value = Buffer> {
    (0..3, 15_000..2_000_000_u64, 2..100_u64).prop_map(|(kind, bytes, target)| {
        let bytes = Bytes::new(bytes);
        let target = Duration::from_millis(target);
        match kind {
            0 => Buffer::TailDrop { bytes },
            1 => Buffer::DropFront { bytes },
            _ => Buffer::CoDel { target, bytes },
        }
    })
}

fn any_flow() -> impl Strategy<Value = Flow> {
    let kinds = prop_oneof![
        Just(FlowKind::Cubic),
        Just(FlowKind::Bbr),
        (100_000..30_000_000_u64).prop_map(|rate| FlowKind::Constant {
            rate: Bps::new(rate)
        }),
        (100_000..30_000_000_u64).prop_map(|rate| FlowKind::AppLimited {
            rate: Bps::new(rate)
        }),
        Just(FlowKind::Web {
            mean_bytes: 300_000,
            mean_pause: Duration::from_millis(300),
        }),
    ];
    (kinds, any::<bool>(), 0..2_000_u64, 2_500..6_000_u64).prop_map(|(kind, down, from, to)| {
        let at = |millis| Timestamp::ZERO + Duration::from_millis(millis);
        Flow {
            direction: if down {
                Direction::Download
            } else {
                Direction::Upload
            },
            from: at(from),
            to: at(to),
            kind,
        }
    })
}

prop_compose! {
    fn any_case()(
        line in any_line(),
        demands in prop::collection::vec(any_flow(), 0..6),
        loss in 0.0..0.3_f64,
        common in 0.0..8.0_f64,
        probes_prioritised in any::<bool>(),
        seed in any::<u64>(),
    ) -> Case {
        Case {
            line,
            demands,
            noise: PathNoise {
                loss,
                common: Millis::saturating(common),
                probes_prioritised,
                spikes: 0.01,
                jitter: Millis::saturating(0.7),
            },
            counters: CounterKind::Cake,
            duration: Duration::from_secs(6),
            seed,
            ..super::line(Upstream::TailDrop, 6)
        }
    }
}

fn near(entered: f64, left: f64) -> Result<(), TestCaseError> {
    let missing = entered - left;
    prop_assert!(
        (-ROUNDING..=BUNDLE + ROUNDING).contains(&missing),
        "{entered} entered, {left} accounted for"
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn bytes_are_neither_made_nor_lost(case in any_case(), name in 0..3_usize) {
        let name = ["static", "adaptive", "oracle(0.15,0.95)"][name];
        let mut law = law(name, &case, 1.2);
        let mut engine = Engine::new(&case, law.as_ref());
        engine.run(law.as_mut(), STEP);
        for direction in Direction::BOTH {
            let shaper = &engine.shapers[direction];
            near(shaper.entered_bytes, shaper.carried + shaper.dropped_bytes + shaper.backlog)?;
        }
        let PerDirection { download, upload } = &engine.providers;
        let after = engine.shapers.download.entered_bytes;
        near(download.entered_bytes, after + download.dropped_bytes + download.held())?;
        let before = engine.shapers.upload.carried;
        prop_assert!((upload.entered_bytes - before).abs() < 1.0, "all goes from shaper to provider");

        let (carried, [entered, dropped, held]) = (
            engine.shapers.download.carried,
            [upload.entered_bytes, upload.dropped_bytes, upload.held()],
        );
        let recording = engine.log.finish(6.0);
        let delivered = recording.bins.as_ref().map(|bins| {
            #[expect(clippy::cast_precision_loss, reason = "a bin is far below 2^52 bytes")]
            let bytes = bins.iter().map(|bin| bin.delivered.get() as f64);
            bytes.sum::<f64>()
        });
        // Each of 60 bins is rounded down to whole bytes.
        near(carried, delivered.download)?;
        near(entered, delivered.upload + dropped + held)?;
        for (_, bins) in recording.bins.iter() {
            for bin in bins {
                prop_assert!(bin.provider_queue <= 1.0 && bin.our_queue <= 1.0);
            }
        }
    }
}
