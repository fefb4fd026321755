//! Whatever the state file holds, the controller starts within its bounds and says what it did
//! not believe.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;
use wanctl_controller::{
    Alpha, BaselineConfig, Controller, ControllerConfig, ControllerState, Factor, Floors,
    QueueConfig, Threshold, Thresholds,
};
use wanctl_daemon::{FileStore, LoadError, RestoreNote, Restored, StateImage, StateStore, restore};
use wanctl_types::{Bps, Millis, PerDirection, RateBound, WallTime, Zone};

/// Every value that a file may hold, as the path to it.
const KEYS: [&str; 17] = [
    "/download/green_streak",
    "/download/soft_red_streak",
    "/download/red_streak",
    "/download/current_rate",
    "/upload/green_streak",
    "/upload/soft_red_streak",
    "/upload/red_streak",
    "/upload/current_rate",
    "/ewma/baseline_rtt",
    "/ewma/load_rtt",
    "/last_applied/dl_rate",
    "/last_applied/ul_rate",
    "/wanctl/last_zones/download",
    "/wanctl/last_zones/upload",
    "/wanctl/previous_load_rtt",
    "/wanctl/outage_cycles",
    "/wanctl/saved_unix_ms",
];

#[test]
fn a_whole_file_is_continued_without_a_note() {
    let place = Place::new();
    place.write(good_text());
    let restored = place.restore();
    assert!(restored.continued);
    assert!(restored.notes.is_empty(), "{:?}", restored.notes);
    assert_eq!(restored.controller.state(), good().controller);
}

#[test]
fn no_file_is_a_start_at_the_ceilings_without_a_note() {
    let restored = Place::new().restore();
    assert!(!restored.continued);
    assert!(restored.notes.is_empty(), "{:?}", restored.notes);
    assert_eq!(restored.controller.state(), initial());
}

#[test]
fn a_file_cut_at_any_length_is_reported_and_not_used() {
    let place = Place::new();
    let whole = good_text();
    for length in 0..whole.len() {
        place.write(&whole[..length]);
        assert_unusable(&place.restore(), "is damaged");
    }
}

#[test]
fn values_of_the_wrong_kind_are_reported_one_by_one() {
    let place = Place::new();
    let wrong = [
        json!("NaN"),
        json!("fast"),
        json!(true),
        json!([]),
        json!({}),
    ];
    for key in KEYS {
        for value in &wrong {
            place.write(with(key, value).to_string());
            let restored = place.restore();
            assert_bounded(&restored.controller);
            let name = key.trim_start_matches('/').replace('/', ".");
            assert!(
                matches!(&restored.notes[..], [RestoreNote::Problem(problem)] if problem.key == name),
                "{key} = {value}: {:?}",
                restored.notes
            );
        }
    }
}

#[test]
fn absurd_values_are_brought_into_bounds_and_reported() {
    let cases = [
        ("/ewma/baseline_rtt", json!(500.0), "outside"),
        ("/ewma/baseline_rtt", json!(4.9), "outside"),
        ("/ewma/baseline_rtt", json!(0), "outside"),
        ("/ewma/baseline_rtt", json!(-20.0), "outside"),
        ("/ewma/baseline_rtt", json!(1e308), "outside"),
        ("/ewma/load_rtt", json!(-1), "cannot have been measured"),
        ("/ewma/load_rtt", json!(0), "cannot have been measured"),
        ("/ewma/load_rtt", json!(1e308), "cannot have been measured"),
        ("/download/current_rate", json!(0), "below"),
        ("/download/current_rate", json!(1), "below"),
        ("/download/current_rate", json!(1e18), "above the ceiling"),
        (
            "/upload/current_rate",
            json!(12_000_001),
            "above the ceiling",
        ),
        ("/upload/current_rate", json!(-5), "expected a rate"),
        ("/upload/current_rate", json!(1e300), "above the ceiling"),
        (
            "/upload/red_streak",
            json!(u32::MAX),
            "higher than it can be",
        ),
        ("/upload/red_streak", json!(u64::MAX), "expected a count"),
        ("/upload/green_streak", json!(1.5), "expected a count"),
        (
            "/wanctl/outage_cycles",
            json!(u32::MAX),
            "higher than it can be",
        ),
    ];
    let place = Place::new();
    for (key, value, expected) in cases {
        place.write(with(key, &value).to_string());
        let restored = place.restore();
        assert!(restored.continued, "{key} = {value}");
        assert_bounded(&restored.controller);
        let notes: Vec<_> = restored.notes.iter().map(ToString::to_string).collect();
        assert!(
            notes.iter().any(|note| note.contains(expected)),
            "{key} = {value}: {notes:?}"
        );
    }
}

#[test]
fn a_value_of_null_is_one_that_is_absent() {
    let place = Place::new();
    place.write(with("/ewma/baseline_rtt", &Value::Null).to_string());
    let state = place.restore().controller.state();
    assert_eq!(state.baseline, initial().baseline);
    assert_eq!(state.queues, good().controller.queues);
}

#[test]
fn a_number_beyond_all_numbers_makes_the_text_useless() {
    let place = Place::new();
    for number in ["1e999", "NaN", "-Infinity", "0x10"] {
        place.write(good_text().replace("21.5", number));
        assert_unusable(&place.restore(), "is damaged");
    }
}

#[test]
fn text_that_is_no_json_object_is_reported_and_not_used() {
    let place = Place::new();
    let deep = "[".repeat(50_000);
    let cases: [&[u8]; 8] = [
        b"",
        b"null",
        b"[]",
        b"3",
        b"\0\0\0\0",
        b"\xff\xfe\xfd",
        deep.as_bytes(),
        b"{\"ewma\": {\"baseline_rtt\": 30}} trailing",
    ];
    for content in cases {
        place.write(content);
        assert_unusable(&place.restore(), "is damaged");
    }
}

#[test]
fn a_file_that_is_too_long_is_not_read_whole() {
    let place = Place::new();
    place.write(format!("{}{}", good_text(), " ".repeat(64 * 1024)));
    assert_unusable(&place.restore(), "longer than the 65536 bytes");
    place.write("");
    let sparse = fs::OpenOptions::new()
        .write(true)
        .open(&place.file)
        .unwrap();
    sparse.set_len(1 << 40).unwrap();
    assert_unusable(&place.restore(), "longer than the 65536 bytes");
}

#[test]
fn what_is_no_file_is_reported_and_never_waited_for() {
    let directory = Place::new();
    fs::create_dir(&directory.file).unwrap();
    assert_unusable(&directory.restore(), "no regular file");

    let pipe = Place::new();
    mkfifo(&pipe.file, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    assert_unusable(&pipe.restore(), "no regular file");

    let endless = Place::new();
    symlink("/dev/zero", &endless.file).unwrap();
    assert_unusable(&endless.restore(), "no regular file");

    let circle = Place::new();
    symlink(&circle.file, &circle.file).unwrap();
    assert_unusable(&circle.restore(), "cannot read");
}

#[test]
fn a_link_is_followed_and_a_dangling_one_is_no_file() {
    let place = Place::new();
    let target = place.file.with_file_name("elsewhere.json");
    symlink(&target, &place.file).unwrap();
    let dangling = place.restore();
    assert!(!dangling.continued && dangling.notes.is_empty());
    fs::write(&target, good_text()).unwrap();
    assert_eq!(place.restore().controller.state(), good().controller);
}

#[tokio::test]
async fn a_damaged_file_is_replaced_whole_and_nothing_is_left_beside_it() {
    let place = Place::new();
    place.write("{\"ewma\"");
    // As a process leaves it that is killed while it writes.
    let leftover = place.file.with_file_name(".state.json.tmp");
    fs::write(&leftover, "{\"down").unwrap();
    place.store().save(&good()).await.unwrap();
    assert_eq!(place.restore().controller.state(), good().controller);
    let names: Vec<_> = fs::read_dir(place.dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["state.json"]);
}

#[tokio::test]
async fn a_state_that_cannot_be_stored_is_an_error_and_heals() {
    let place = Place::new();
    fs::create_dir(&place.file).unwrap();
    place.store().save(&good()).await.unwrap_err();
    fs::remove_dir(&place.file).unwrap();
    place.store().save(&good()).await.unwrap();
    assert_eq!(place.restore().controller.state(), good().controller);
}

#[tokio::test]
async fn a_directory_that_vanished_is_made_again() {
    let place = Place::new();
    let store = FileStore::new(place.dir.path().join("state/wan.json"));
    store.save(&good()).await.unwrap();
    fs::remove_dir_all(place.dir.path().join("state")).unwrap();
    store.save(&good()).await.unwrap();
    assert!(restore(&config(), &store).continued);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_damage_leaves_a_controller_within_bounds(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..3), 1..12),
    ) {
        let place = Place::new();
        let mut bytes = good_text().into_bytes();
        for (place, byte, kind) in edits {
            let at = place.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => {}
            }
        }
        place.write(&bytes);
        assert_bounded(&place.restore().controller);
    }

    #[test]
    fn any_numbers_leave_a_controller_within_bounds(
        changes in prop::collection::vec((0..KEYS.len(), any_number()), 1..6),
    ) {
        let place = Place::new();
        let mut root: Value = serde_json::from_str(&good_text()).unwrap();
        for (key, value) in changes {
            *root.pointer_mut(KEYS[key]).unwrap() = value;
        }
        place.write(root.to_string());
        let restored = place.restore();
        prop_assert!(restored.continued);
        assert_bounded(&restored.controller);
        let silent = restored.notes.is_empty();
        prop_assert_eq!(silent, is_believed_as_it_is(&root, &restored.controller.state()));
    }
}

/// Whether every stored rate and RTT is what the controller has.
fn is_believed_as_it_is(root: &Value, state: &ControllerState) -> bool {
    let text = root.to_string();
    let image = good();
    let Ok((read, problems)) = StateImage::from_json(&text, &image) else {
        return false;
    };
    problems.is_empty() && read.controller == *state
}

fn any_number() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<f64>().prop_filter_map("JSON has no such number", |number| {
            number.is_finite().then(|| json!(number))
        }),
        any::<i64>().prop_map(|number| json!(number)),
        (0..100_000_000_u64).prop_map(|number| json!(number)),
        (0.0..200.0).prop_map(|number| json!(number)),
    ]
}

fn assert_unusable(restored: &Restored, expected: &str) {
    assert!(!restored.continued);
    assert_eq!(restored.controller.state(), initial());
    let [note @ RestoreNote::Unusable(LoadError::Read { .. } | LoadError::Damaged { .. })] =
        &restored.notes[..]
    else {
        panic!("{:?}", restored.notes);
    };
    let text = note.to_string();
    assert!(text.contains(expected), "{text}");
    assert!(text.contains("starting without it"), "{text}");
}

fn assert_bounded(controller: &Controller) {
    let (config, state) = (controller.config(), controller.state());
    for (direction, queue) in state.queues.iter() {
        let bounds = &config.queues[direction];
        assert!(queue.rate >= bounds.floors.red, "{direction}: {queue:?}");
        assert!(queue.rate <= bounds.ceiling, "{direction}: {queue:?}");
        for streak in [queue.green_streak, queue.soft_red_streak, queue.red_streak] {
            assert!(streak <= ControllerState::MAX_STREAK, "{queue:?}");
        }
    }
    let baseline = &config.baseline;
    assert!((baseline.min..=baseline.max).contains(&state.baseline));
    for load in [state.load, state.previous_load] {
        assert!(
            load > Millis::ZERO && load <= ControllerState::MAX_LOAD,
            "{load}"
        );
    }
    assert!(state.outage_cycles <= ControllerState::MAX_STREAK);
}

/// A state file in a directory of its own.
struct Place {
    dir: TempDir,
    file: PathBuf,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("state.json");
        Self { dir, file }
    }

    fn store(&self) -> FileStore {
        FileStore::new(self.file.clone())
    }

    fn write(&self, content: impl AsRef<[u8]>) {
        write(&self.file, content.as_ref());
    }

    fn restore(&self) -> Restored {
        restore(&config(), &self.store())
    }
}

fn write(path: &Path, content: &[u8]) {
    fs::write(path, content).unwrap();
}

fn with(key: &str, value: &Value) -> Value {
    let mut root: Value = serde_json::from_str(&good_text()).unwrap();
    *root.pointer_mut(key).unwrap() = value.clone();
    root
}

fn good_text() -> String {
    good().to_json()
}

/// A state that the configuration allows, in nothing like the first one.
fn good() -> StateImage {
    let mut controller = initial();
    let download = &mut controller.queues.download;
    download.rate = RateBound::from_mbps(31.5).unwrap();
    download.red_streak = 3;
    download.last_zone = Zone::Red;
    controller.queues.upload.green_streak = 4;
    controller.baseline = Millis::new(21.5).unwrap();
    controller.load = Millis::new(90.25).unwrap();
    controller.previous_load = Millis::new(99.75).unwrap();
    controller.outage_cycles = 2;
    StateImage {
        controller,
        applied: PerDirection::new(Some(Bps::from_mbps(31)), Some(Bps::from_mbps(12))),
        time: WallTime::from_unix_millis(1_767_322_245_006),
    }
}

fn initial() -> ControllerState {
    ControllerState::initial(&config())
}

fn config() -> ControllerConfig {
    let ms = |value| Millis::new(value).unwrap();
    let queues = PerDirection::new(
        queue([25.0, 20.0, 15.0, 10.0], 60.0),
        queue([6.0, 5.0, 5.0, 3.0], 12.0),
    );
    let [target, warn, hard_red] = [12, 30, 60].map(Threshold::from_integer);
    let baseline = BaselineConfig {
        initial: ms(20.0),
        alpha: Alpha::new(0.001).unwrap(),
        update_threshold: ms(3.0),
        min: ms(5.0),
        max: ms(100.0),
    };
    let thresholds = Thresholds::new(target, warn, hard_red).unwrap();
    ControllerConfig::new(queues, thresholds, baseline, Alpha::new(0.3).unwrap())
}

fn queue(floors: [f64; 4], ceiling: f64) -> QueueConfig {
    let [green, yellow, soft_red, red] = floors.map(mbps);
    let floors = Floors {
        green,
        yellow,
        soft_red,
        red,
    };
    let [down, yellow] = [0.85, 0.96].map(|factor| Factor::new(factor).unwrap());
    QueueConfig::new(floors, mbps(ceiling), mbps(1.0), down, yellow).unwrap()
}

fn mbps(rate: f64) -> RateBound {
    RateBound::from_mbps(rate).unwrap()
}
