//! Senders fill a line, and share it.

use wanctl_types::Bytes;

use super::*;

/// The part of the download that is used from the tenth second on, with a plan so large that the
/// provider's queue decides.
fn used(upstream: Upstream, count: usize, kind: FlowKind) -> f64 {
    let mut case = line(upstream, 40);
    case.demands = flows(Direction::Download, count, kind, 40);
    let recording = run_case(&case, law("static", &case, 4.0).as_mut());
    let bins = recording.bins.download.iter().skip(100);
    let sum = |bytes: fn(&crate::bench::DirectionBin) -> Bytes| {
        bins.clone().map(|bin| bytes(bin).get()).sum::<u64>()
    };
    #[expect(clippy::cast_precision_loss, reason = "a run is far below 2^52 bytes")]
    let used = sum(|bin| bin.delivered) as f64 / sum(|bin| bin.capacity) as f64;
    used
}

#[test]
fn every_sender_fills_a_deep_buffer() {
    for kind in [FlowKind::Cubic, FlowKind::Bbr] {
        for count in [1, 4] {
            let used = used(Upstream::TailDrop, count, kind);
            assert!((0.95..=1.001).contains(&used), "{count} {kind:?}: {used}");
        }
    }
}

#[test]
fn codel_costs_a_single_sender_little() {
    let target = Duration::from_millis(10);
    let one = used(Upstream::CoDel { target }, 1, FlowKind::Cubic);
    let four = used(Upstream::CoDel { target }, 4, FlowKind::Cubic);
    assert!(one > 0.80 && four > 0.92, "{one} {four}");
}

#[test]
fn a_limited_stream_gets_what_it_asks_for_and_no_more() {
    let rate = Bps::from_mbps(5);
    let used = used(Upstream::TailDrop, 2, FlowKind::AppLimited { rate });
    assert!((used - 0.5).abs() < 0.02, "{used}");
}

/// Jain's index of what flows got in half a minute: 1 when all got the same.
fn fairness(plan: f64, count: usize, kind: FlowKind) -> f64 {
    let mut case = line(Upstream::TailDrop, 30);
    case.demands = flows(Direction::Download, count, kind, 30);
    let mut law = law("static", &case, plan);
    let mut engine = Engine::new(&case, law.as_ref());
    engine.run(law.as_mut(), STEP);
    let got: Vec<f64> = engine
        .sources
        .iter()
        .map(|(_, source)| source.delivered())
        .collect();
    let (sum, squares) = got.iter().fold((0.0, 0.0), |(sum, squares), got| {
        (sum + got, squares + got * got)
    });
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let count = count as f64;
    sum * sum / (count * squares)
}

#[test]
fn our_shaper_is_fair_to_every_sender() {
    for kind in [FlowKind::Cubic, FlowKind::Bbr] {
        let fairness = fairness(1.0, 4, kind);
        assert!(fairness > 0.98, "{kind:?}: {fairness}");
    }
}

#[test]
fn cubic_is_fair_to_itself_in_one_queue() {
    let fairness = fairness(4.0, 4, FlowKind::Cubic);
    assert!(fairness > 0.8, "{fairness}");
}

#[test]
fn a_binding_shaper_keeps_the_providers_queue_empty() {
    let mut case = line(Upstream::TailDrop, 30);
    case.demands = flows(Direction::Download, 4, FlowKind::Cubic, 30);
    case.demands
        .extend(flows(Direction::Upload, 4, FlowKind::Cubic, 30));
    let figures = figures(&case, Judged::Both, "static");
    // In our shaper a packet of each of four uploads may be in front: 1.2 ms at 10 Mbit/s.
    assert!(figures[&Metric::DelayP95] < 5.0, "{figures:?}");
    for direction in Direction::BOTH {
        assert!(
            figures[&Metric::Utilisation(direction)] > 0.92,
            "{figures:?}"
        );
        assert!(figures[&Metric::Binding(direction)] > 0.95, "{figures:?}");
    }
}
