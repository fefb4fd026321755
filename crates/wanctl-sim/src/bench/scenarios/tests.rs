use std::collections::BTreeSet;

use wanctl_types::{Millis, Timestamp};

use super::super::generate::bins_of;
use super::super::{CounterKind, FlowKind, Line};
use super::*;

fn all_bins(line: &Line) -> Vec<usize> {
    let PerBins { download, upload } = PerBins::of(line);
    vec![download, upload, line.base_rtt.len()]
}

struct PerBins {
    download: usize,
    upload: usize,
}

impl PerBins {
    fn of(line: &Line) -> Self {
        Self {
            download: line.capacity.download.len(),
            upload: line.capacity.upload.len(),
        }
    }
}

#[test]
fn names_are_unique_and_found() {
    let scenes = scenes();
    let names: BTreeSet<_> = scenes.iter().map(|scene| scene.name).collect();
    assert_eq!(names.len(), scenes.len());
    for scene in &scenes {
        assert_eq!(Scene::named(scene.name).unwrap().name, scene.name);
        assert!(
            scene
                .name
                .bytes()
                .all(|byte| byte == b'-' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
        );
    }
    assert!(Scene::named("nowhere").is_none());
}

#[test]
fn a_seed_makes_one_case_and_another_a_different_one() {
    for scene in scenes() {
        let (one, again, other) = ((scene.build)(1), (scene.build)(1), (scene.build)(2));
        assert_eq!(one, again, "{}", scene.name);
        assert_ne!(one, other, "{}", scene.name);
    }
}

#[test]
fn every_case_can_be_played() {
    for scene in scenes() {
        let case = (scene.build)(2);
        let length = bins_of(case.duration);
        for bins in all_bins(&case.line) {
            assert!(bins == 1 || bins == length, "{}: {bins}", scene.name);
        }
        assert!(case.warm_up < case.duration, "{}", scene.name);
        let end = Timestamp::ZERO + case.duration;
        for flow in &case.demands {
            assert!(flow.from < flow.to && flow.to <= end, "{}", scene.name);
        }
        assert!(case.line.base_rtt.iter().all(|rtt| *rtt > Millis::ZERO));
        for event in scene.events {
            assert!(
                *event < case.duration && *event > case.warm_up,
                "{}",
                scene.name
            );
        }
    }
}

#[test]
fn what_is_judged_is_what_is_greedy() {
    for scene in scenes() {
        let case = (scene.build)(1);
        for direction in [Direction::Download, Direction::Upload] {
            let greedy = case.demands.iter().any(|flow| {
                flow.direction == direction && matches!(flow.kind, FlowKind::Cubic | FlowKind::Bbr)
            });
            assert_eq!(greedy, scene.judged.uses(direction), "{}", scene.name);
        }
    }
}

#[test]
fn events_are_where_the_line_changes() {
    for scene in scenes() {
        let line = (scene.build)(1).line;
        for event in scene.events.iter().filter(|_| all_bins(&line) != [1, 1, 1]) {
            let bin = bins_of(*event);
            let changed = line.base_rtt.get(bin - 1) != line.base_rtt.get(bin)
                || line.capacity.download.get(bin - 1) != line.capacity.download.get(bin)
                || line.capacity.upload.get(bin - 1) != line.capacity.upload.get(bin);
            assert!(changed, "{} at {event:?}", scene.name);
        }
    }
}

#[test]
fn variants_change_what_they_say() {
    let case = || (Scene::named("fixed-both").unwrap().build)(1);
    for variant in Variant::ALL.iter().skip(1) {
        assert_ne!((variant.apply)(case()), case(), "{}", variant.name);
    }
    let slow = (Variant::named("counters-5hz").unwrap().apply)(case());
    assert_eq!(slow.counter_interval, Duration::from_millis(200));
    assert_eq!(slow.counters, CounterKind::RouterOs);
    for name in SENSITIVITY_SCENES {
        assert!(Scene::named(name).is_some(), "{name}");
    }
}
