//! What the adaptive law has learned survives a restart, as far as it can be believed.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use serde_json::{Value, json};
use wanctl_controller::{
    AdaptiveState, Alpha, BaselineConfig, Controller, ControllerConfig, ControllerState, Factor,
    Floors, LawKind, LearnedCapacity, QueueConfig, Threshold, Thresholds,
};
use wanctl_daemon::{FileStore, Restored, StateImage, restore};
use wanctl_types::{Bps, Direction, Millis, PerDirection, RateBound, WallTime};

/// Every value of the section, as the path to it.
const KEYS: [&str; 7] = [
    "/wanctl/adaptive/download/capacity_bps",
    "/wanctl/adaptive/download/volatility",
    "/wanctl/adaptive/upload/capacity_bps",
    "/wanctl/adaptive/upload/volatility",
    "/wanctl/adaptive/noise_ms",
    "/wanctl/adaptive/baselines_ms/0",
    "/wanctl/adaptive/baselines_ms/2",
];

#[test]
fn what_was_learned_is_known_again() {
    let restored = restored(&good());
    assert!(restored.continued);
    assert!(restored.notes.is_empty(), "{:?}", restored.notes);
    assert_eq!(restored.controller.state().adaptive, Some(learned()));
}

#[test]
fn a_file_of_another_law_or_of_the_python_program_is_a_fresh_start() {
    for gone in ["adaptive", "version", "previous_load_rtt"] {
        let mut root = good();
        root["wanctl"].as_object_mut().unwrap().remove("adaptive");
        root["wanctl"].as_object_mut().unwrap().remove(gone);
        let restored = restored(&root);
        assert!(restored.notes.is_empty(), "{:?}", restored.notes);
        assert_eq!(
            restored.controller.state().adaptive,
            Controller::new(config()).state().adaptive
        );
    }
}

#[test]
fn the_section_stands_beside_the_keys_of_the_python_program() {
    let root = good();
    let sections: Vec<_> = root.as_object().unwrap().keys().collect();
    for section in [
        "download",
        "upload",
        "ewma",
        "last_applied",
        "timestamp",
        "congestion",
    ] {
        assert!(sections.iter().any(|key| *key == section), "{section}");
    }
    assert_eq!(root["wanctl"]["adaptive"]["noise_ms"], json!(4.25));
}

#[test]
fn values_of_the_wrong_kind_are_reported_one_by_one() {
    for key in KEYS {
        for wrong in [json!("NaN"), json!(true), json!({})] {
            let restored = restored(&with(key, wrong.clone()));
            assert_bounded(&restored);
            let notes: Vec<_> = restored.notes.iter().map(ToString::to_string).collect();
            assert_eq!(notes.len(), 1, "{key} = {wrong}: {notes:?}");
            assert!(notes[0].starts_with("wanctl.adaptive."), "{notes:?}");
        }
    }
    let restored = restored(&with("/wanctl/adaptive", json!(3)));
    assert_eq!(
        restored.notes[0].to_string(),
        "wanctl.adaptive: expected an object, found 3; kept the default"
    );
}

#[test]
fn absurd_values_are_brought_into_reach_with_a_word_about_each() {
    for (key, absurd, expected) in [
        (
            "/wanctl/adaptive/download/capacity_bps",
            json!(1),
            "out of reach of the limits",
        ),
        (
            "/wanctl/adaptive/upload/capacity_bps",
            json!(1e18),
            "out of reach of the limits",
        ),
        (
            "/wanctl/adaptive/upload/capacity_bps",
            json!(-5),
            "expected a rate",
        ),
        (
            "/wanctl/adaptive/download/volatility",
            json!(-0.1),
            "not between 0 and 1",
        ),
        (
            "/wanctl/adaptive/download/volatility",
            json!(1e300),
            "not between 0 and 1",
        ),
        (
            "/wanctl/adaptive/noise_ms",
            json!(-1),
            "cannot have been measured",
        ),
        (
            "/wanctl/adaptive/noise_ms",
            json!(1e300),
            "cannot have been measured",
        ),
        (
            "/wanctl/adaptive/baselines_ms/0",
            json!(0),
            "of reflector 1 cannot have been measured",
        ),
        (
            "/wanctl/adaptive/baselines_ms/2",
            json!(60_000),
            "of reflector 3 cannot",
        ),
    ] {
        let restored = restored(&with(key, absurd.clone()));
        assert_bounded(&restored);
        let notes: Vec<_> = restored.notes.iter().map(ToString::to_string).collect();
        assert_eq!(notes.len(), 1, "{key} = {absurd}: {notes:?}");
        assert!(notes[0].contains(expected), "{key} = {absurd}: {notes:?}");
    }
}

#[test]
fn a_text_cut_at_any_length_is_reported_and_not_used() {
    let whole = good().to_string();
    for length in 0..whole.len() {
        let restored = restored_text(&whole[..length]);
        assert!(!restored.continued);
        assert_eq!(restored.notes.len(), 1);
        assert_bounded(&restored);
    }
}

proptest! {
    #[test]
    fn any_numbers_leave_the_law_within_its_limits(
        changes in prop::collection::vec((0..KEYS.len(), any_number()), 1..6),
    ) {
        let mut root = good();
        for (key, value) in changes {
            *root.pointer_mut(KEYS[key]).unwrap() = value;
        }
        let restored = restored(&root);
        prop_assert!(restored.continued);
        assert_bounded(&restored);
    }
}

fn any_number() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<f64>().prop_filter_map("JSON has no such number", |number| {
            number.is_finite().then(|| json!(number))
        }),
        any::<i64>().prop_map(|number| json!(number)),
        (-1.0..200.0).prop_map(|number| json!(number)),
    ]
}

fn assert_bounded(restored: &Restored) {
    let (config, state) = (restored.controller.config(), restored.controller.state());
    let learned = state.adaptive.unwrap();
    for direction in Direction::BOTH {
        let (queue, limits) = (&state.queues[direction], &config.queues[direction]);
        assert!(queue.rate >= limits.floors.red && queue.rate <= limits.ceiling);
        let capacity = learned.directions[direction];
        assert!((0.0..=1.0).contains(&capacity.volatility), "{capacity:?}");
        assert!(capacity.estimate <= Bps::truncating(2.0 * limits.ceiling.get()));
    }
    assert!(learned.noise > Millis::ZERO && learned.noise < Millis::saturating(1_000.0));
    for baseline in learned.baselines.into_iter().flatten() {
        assert!(baseline > Millis::ZERO && baseline <= ControllerState::MAX_LOAD);
    }
}

fn with(key: &str, value: Value) -> Value {
    let mut root = good();
    *root.pointer_mut(key).unwrap() = value;
    root
}

fn restored(root: &Value) -> Restored {
    restored_text(&root.to_string())
}

fn restored_text(text: &str) -> Restored {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("state.json");
    std::fs::write(&file, text).unwrap();
    restore(&config(), &FileStore::new(file))
}

/// A file as the daemon writes it.
fn good() -> Value {
    let mut controller = Controller::new(config());
    let mut state = controller.state();
    state.adaptive = Some(learned());
    controller.restore(state);
    let image = StateImage {
        controller: controller.state(),
        applied: PerDirection::default(),
        time: WallTime::from_unix_millis(1_767_322_245_006),
    };
    serde_json::from_str(&image.to_json()).unwrap()
}

fn learned() -> AdaptiveState {
    let capacity = |mbps, volatility| LearnedCapacity {
        estimate: Bps::from_mbps(mbps),
        volatility,
    };
    let mut learned = AdaptiveState {
        directions: PerDirection::new(capacity(47, 0.125), capacity(9, 0.5)),
        noise: Millis::saturating(4.25),
        ..AdaptiveState::default()
    };
    learned.baselines[0] = Millis::new(20.25);
    learned.baselines[2] = Millis::new(22.5);
    learned
}

fn config() -> ControllerConfig {
    let mbps = |rate| RateBound::from_mbps(rate).unwrap();
    let factor = Factor::new(0.85).unwrap();
    let queue = |floor, ceiling| {
        let floors = Floors::uniform(mbps(floor));
        QueueConfig::new(floors, mbps(ceiling), mbps(1.0), factor, factor).unwrap()
    };
    let [target, warn, hard_red] = [15, 45, 80].map(Threshold::from_integer);
    let baseline = BaselineConfig {
        initial: Millis::saturating(25.0),
        alpha: Alpha::new(0.1).unwrap(),
        update_threshold: Millis::ZERO,
        min: Millis::ZERO,
        max: ControllerState::MAX_LOAD,
    };
    let mut config = ControllerConfig::new(
        PerDirection::new(queue(2.0, 60.0), queue(0.5, 12.0)),
        Thresholds::new(target, warn, hard_red).unwrap(),
        baseline,
        Alpha::new(0.1).unwrap(),
    );
    config.law = LawKind::Adaptive;
    config
}
