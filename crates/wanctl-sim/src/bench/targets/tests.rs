use std::collections::BTreeMap;

use super::*;
use crate::bench::{Judged, Scene};

fn cell(scene: &str, law: &str, figures: &[(Metric, f64, f64)]) -> Cell {
    let estimate = |mean, error| Estimate {
        mean,
        error,
        least: mean,
        greatest: mean,
        count: 4,
    };
    let figures = figures.iter();
    Cell {
        scene: scene.to_owned(),
        judged: Scene::named(scene).map_or(Judged::Both, |scene| scene.judged),
        variant: "default",
        plan: 1.0,
        law: law.to_owned(),
        figures: figures
            .map(|(metric, mean, error)| (*metric, estimate(*mean, *error)))
            .collect::<BTreeMap<_, _>>(),
    }
}

const USED: Metric = Metric::Utilisation(Direction::Download);

fn outcome(cells: &[Cell]) -> Outcome {
    Outcome {
        cells: cells.to_vec(),
    }
}

#[test]
fn targets_name_scenes_and_oracles_that_there_are() {
    for target in TARGETS {
        for name in target.scenes {
            assert!(Scene::named(name).is_some(), "{name}");
        }
        if let Limit::AtMostTimes(_, law) | Limit::AtLeastTimes(_, law) = target.limit {
            assert!(crate::bench::laws::NAMES.contains(&law), "{law}");
        }
    }
}

#[test]
fn a_limit_is_met_up_to_its_bound() {
    let of = |delay| {
        let ours = cell(
            "fixed-download",
            LAW,
            &[(Metric::DelayP95, delay, 0.0), (USED, 0.95, 0.0)],
        );
        check(&outcome(&[ours]))
    };
    let met =
        |verdicts: &[Verdict]| -> Vec<bool> { verdicts.iter().map(Verdict::is_met).collect() };
    // Delay, use, binding and damage; the last two were not measured.
    assert_eq!(met(&of(5.0)), [true, true, false, false]);
    assert_eq!(met(&of(5.1)), [false, true, false, false]);
    assert_eq!(of(5.1)[0].wanted(), "≤ 5.0 ms");
    assert_eq!(of(5.1)[2].got(), "not measured");
}

#[test]
fn limits_that_an_oracle_sets_need_the_oracle() {
    let ours = cell(
        "lte-driving",
        LAW,
        &[(Metric::DelayP95, 190.0, 0.0), (USED, 0.80, 0.0)],
    );
    let oracle = cell(
        "lte-driving",
        SLOW_ORACLE,
        &[(Metric::DelayP95, 100.0, 0.0), (USED, 0.85, 0.0)],
    );
    let both = check(&outcome(&[ours.clone(), oracle]));
    assert_eq!(
        both.iter().map(Verdict::is_met).collect::<Vec<_>>(),
        [true, false]
    );
    assert!(
        both[0].wanted().contains("200.0 ms"),
        "{}",
        both[0].wanted()
    );
    assert!(
        check(&outcome(&[ours]))
            .iter()
            .all(|verdict| !verdict.is_met())
    );
}

#[test]
fn whoever_is_better_in_both_by_more_than_noise_has_beaten_us() {
    let ours = cell(
        "fixed-download",
        LAW,
        &[(Metric::DelayP95, 8.0, 0.5), (USED, 0.90, 0.002)],
    );
    let with = |law: &str, delay, used| {
        let theirs = cell(
            "fixed-download",
            law,
            &[(Metric::DelayP95, delay, 0.5), (USED, used, 0.002)],
        );
        beaten(&outcome(&[ours.clone(), theirs])).len()
    };
    assert_eq!(with("static", 4.0, 0.95), 1);
    assert_eq!(with("static", 9.0, 0.95), 0);
    assert_eq!(with("static", 4.0, 0.89), 0);
    assert_eq!(
        with("static", 6.9, 0.95),
        0,
        "less than two standard errors"
    );
    assert_eq!(with("static", 4.0, 0.904), 0, "less than is looked at");
    assert_eq!(with(FAST_ORACLE, 4.0, 0.95), 0, "it was told");
}
