use wanctl_types::{Direction, Millis};

use super::*;
use crate::bench::Scene;

fn suite(jobs: usize) -> Suite {
    let names = ["step-download", "one-flow-each"];
    Suite {
        subjects: names
            .map(|name| Scene::named(name).unwrap().into())
            .to_vec(),
        variants: vec![*Variant::ALL.first().unwrap()],
        plans: vec![1.0, 1.5],
        laws: ["static", "oracle(0.15,0.95)"].map(str::to_owned).to_vec(),
        seeds: vec![1, 3],
        jobs: NonZeroUsize::new(jobs).unwrap(),
    }
}

#[test]
fn the_number_of_jobs_changes_nothing() {
    let one = suite(1).run(|_, _| ()).unwrap();
    assert_eq!(suite(3).run(|_, _| ()).unwrap(), one);
    // The oracle has no plan.
    let laws: Vec<_> = one
        .cells
        .iter()
        .map(|cell| (cell.law.as_str(), cell.plan))
        .collect();
    let scene = [("static", 1.0), ("oracle(0.15,0.95)", 1.0), ("static", 1.5)];
    assert_eq!(laws, [scene, scene].concat());
}

#[test]
fn a_plan_that_is_too_large_costs_delay() {
    let outcome = suite(2).run(|_, _| ()).unwrap();
    let cells = || {
        outcome
            .cells
            .iter()
            .filter(|cell| cell.scene == "one-flow-each")
    };
    let delay = |cell: &Cell| cell.mean(Metric::DelayP95).unwrap();
    let [right, oracle, wrong] = cells().collect::<Vec<_>>()[..] else {
        panic!("three cells");
    };
    assert!(
        delay(wrong) > 10.0 * delay(right).max(1.0),
        "{right:?} {wrong:?}"
    );
    assert!(
        right
            .mean(Metric::Utilisation(Direction::Download))
            .unwrap()
            > 0.9
    );
    assert_eq!(outcome.beside(wrong, "oracle(0.15,0.95)"), Some(oracle));
    assert_eq!(outcome.beside(wrong, "static"), Some(wrong));
}

#[test]
fn an_unknown_law_is_an_error() {
    let mut suite = suite(1);
    suite.laws = vec!["nobody".to_owned()];
    assert!(matches!(
        suite.run(|_, _| ()),
        Err(Error::UnknownLaw { .. })
    ));
}

#[test]
fn a_trace_becomes_a_subject_or_an_error() {
    let download = "10\n".repeat(300);
    let trace = Trace {
        name: "mine",
        download: &download,
        upload: None,
        base_rtt: Millis::saturating(30.0),
    };
    let case = Subject::trace(trace).unwrap().case(1);
    assert_eq!(case.line.mean().upload, Bps::from_mbps(2));
    assert_eq!(case.duration.as_secs(), 30);
    let both = Trace {
        upload: Some("1\n0\n"),
        ..trace
    };
    assert_eq!(Subject::trace(both).unwrap().judged, Judged::Both);

    let short = Trace {
        download: "10\n",
        ..trace
    };
    assert!(matches!(
        Subject::trace(short),
        Err(Error::ShortTrace { .. })
    ));
    let dead = Trace {
        upload: Some("0\n0\n"),
        ..trace
    };
    assert!(matches!(Subject::trace(dead), Err(Error::DeadTrace)));
    let bad = Trace {
        upload: Some("1\nfast\n"),
        ..trace
    };
    assert!(matches!(
        Subject::trace(bad),
        Err(Error::TraceLine { number: 2, .. })
    ));
    let empty = Trace {
        download: "mbps\n",
        ..trace
    };
    assert!(matches!(Subject::trace(empty), Err(Error::EmptyTrace)));
}
