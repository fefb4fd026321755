//! Checks of the model itself.

mod conservation;
mod queues;
mod steps;
mod transport;

use wanctl_types::{Bps, Direction, PerDirection};

use super::*;
use crate::bench::generate::{self, Upstream};
use crate::bench::metrics::{Figures, Metric, measure};
use crate::bench::{Flow, FlowKind, Judged, Plan, Scene, laws};

/// A line of 20/10 Mbit/s with 25 ms of base delay, without traffic.
fn line(upstream: Upstream, seconds: u64) -> Case {
    let rates = PerDirection::new(Bps::from_mbps(20), Bps::from_mbps(10));
    let mut case = (Scene::named("fixed-both").unwrap().build)(1);
    case.line = generate::fixed(rates).with(upstream);
    case.demands.clear();
    case.duration = Duration::from_secs(seconds);
    case
}

/// Flows that start together after a second.
fn flows(direction: Direction, count: usize, kind: FlowKind, seconds: u64) -> Vec<Flow> {
    let second = |second: u64| Timestamp::ZERO + Duration::from_secs(second);
    let flow = Flow {
        direction,
        from: second(1),
        to: second(seconds),
        kind,
    };
    vec![flow; count]
}

fn law(name: &str, case: &Case, plan: f64) -> Box<dyn LawUnderTest + Send> {
    let rates = case
        .line
        .mean()
        .map(|mean| Bps::truncating(mean.as_f64() * plan));
    laws::law(name, &Plan { rates }, case.seed).unwrap()
}

fn figures(case: &Case, judged: Judged, name: &str) -> Figures {
    let recording = run_case(case, law(name, case, 1.0).as_mut());
    measure(case, judged, &[], &recording)
}

fn delay_and_use(figures: &Figures) -> (f64, f64) {
    let used = Direction::BOTH.map(|direction| figures.get(&Metric::Utilisation(direction)));
    let used: Vec<f64> = used.into_iter().flatten().copied().collect();
    #[expect(clippy::cast_precision_loss, reason = "one or two")]
    let mean = used.iter().sum::<f64>() / used.len() as f64;
    (figures[&Metric::DelayP95], mean)
}

#[test]
fn a_seed_gives_one_recording_and_another_a_different_one() {
    let record = |seed| {
        let mut case = (Scene::named("web-and-backup").unwrap().build)(seed);
        case.duration = Duration::from_secs(20);
        run_case(&case, law("adaptive", &case, 1.0).as_mut())
    };
    let one = record(1);
    assert!(one == record(1), "the same seed");
    assert!(one != record(2), "another seed");
}

#[test]
fn an_idle_line_adds_no_delay() {
    let case = line(Upstream::TailDrop, 20);
    let recording = run_case(&case, law("static", &case, 1.0).as_mut());
    // A packet of 100 bytes may wait for a probe of 84 at 10 Mbit/s.
    let most = recording
        .sparse
        .iter()
        .map(|sample| sample.added.unwrap().get());
    assert!(most.fold(0.0, f64::max) < 0.5);
}

/// Nobody who must find the capacity out beats the oracle in delay and use.
#[test]
fn the_oracle_is_not_beaten() {
    for name in [
        "step-download",
        "step-upload",
        "starlink-both",
        "lte-stationary",
    ] {
        let scene = Scene::named(name).unwrap();
        let case = (scene.build)(1);
        let (delay, used) = delay_and_use(&figures(&case, scene.judged, "oracle(0.15,0.95)"));
        for law in ["static", "reference", "adaptive"] {
            let (other_delay, other_used) = delay_and_use(&figures(&case, scene.judged, law));
            assert!(
                other_delay > delay - 1.0 || other_used < used + 0.01,
                "{name}: {law} {other_delay:.1} ms at {other_used:.3}, oracle {delay:.1} ms at {used:.3}"
            );
        }
    }
}
