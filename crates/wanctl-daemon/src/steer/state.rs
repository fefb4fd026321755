//! The state file of steering: what must outlive a restart.
//!
//! The layout is the Python program's, plus the object `wanctl` with the engine's own state. Every
//! field is checked; one that makes no sense is passed over and named.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use wanctl_steering::{Decision, SteeringState};
use wanctl_types::{Millis, WallTime};

use crate::state::{local_time, replace};

/// A state file larger than this is not ours.
const MAX_SIZE: u64 = 1024 * 1024;
/// Colours that are kept.
const COLOURS: usize = 10;

/// What is stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SteerImage {
    /// The engine's own state; `None` in a file of the Python program.
    pub(crate) engine: Option<SteeringState>,
    /// Name of the state, such as `CABLE_GOOD`.
    pub(crate) state_name: String,
    pub(crate) baseline: Option<Millis>,
    pub(crate) congestion: String,
    pub(crate) counts: [u64; 3],
    pub(crate) smoothed_delay: f64,
    pub(crate) last_transition: Option<String>,
    pub(crate) histories: Histories,
    pub(crate) transitions: VecDeque<TransitionRecord>,
    pub(crate) saved: WallTime,
}

/// The latest samples, newest last; never longer than configured.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Histories {
    pub(crate) rtt: VecDeque<f64>,
    pub(crate) delta: VecDeque<f64>,
    pub(crate) drops: VecDeque<u64>,
    pub(crate) queued: VecDeque<u64>,
    pub(crate) colours: VecDeque<String>,
}

/// One move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TransitionRecord {
    pub(crate) timestamp: String,
    pub(crate) from: String,
    pub(crate) to: String,
    #[serde(default)]
    pub(crate) bad_count: u64,
    #[serde(default)]
    pub(crate) good_count: u64,
    #[serde(default)]
    pub(crate) reason: String,
}

impl SteerImage {
    pub(crate) fn new(state_name: String) -> Self {
        Self {
            engine: None,
            state_name,
            baseline: None,
            congestion: "UNKNOWN".to_owned(),
            counts: [0; 3],
            smoothed_delay: 0.0,
            last_transition: None,
            histories: Histories::default(),
            transitions: VecDeque::new(),
            saved: WallTime::default(),
        }
    }

    /// Takes a decision into the histories.
    pub(crate) fn note(&mut self, decision: &Decision, queue: Option<(u64, u64)>, size: usize) {
        let histories = &mut self.histories;
        keep(&mut histories.rtt, decision.rtt.map(Millis::get), size);
        keep(&mut histories.delta, decision.delta.map(Millis::get), size);
        keep(&mut histories.drops, queue.map(|queue| queue.0), size);
        keep(&mut histories.queued, queue.map(|queue| queue.1), size);
        let colour = decision.level.as_str();
        keep(&mut histories.colours, Some(colour.to_owned()), COLOURS);
        colour.clone_into(&mut self.congestion);
        self.baseline = decision.baseline.or(self.baseline);
        self.counts = [decision.progress.bad, decision.progress.good, 0];
        let primary = decision.wans.first();
        let quality = primary.and_then(|wan| wan.assessment.quality());
        self.smoothed_delay = quality.map_or(self.smoothed_delay, |quality| quality.delay.get());
    }

    pub(crate) fn moved(&mut self, record: TransitionRecord, size: usize) {
        self.last_transition = Some(record.timestamp.clone());
        record.to.clone_into(&mut self.state_name);
        keep(&mut self.transitions, Some(record), size);
    }

    fn to_json(&self) -> String {
        let [bad, good, failures] = self.counts;
        json!({
            "current_state": self.state_name,
            "bad_count": bad,
            "good_count": good,
            "baseline_rtt": self.baseline,
            "history_rtt": self.histories.rtt,
            "history_delta": self.histories.delta,
            "transitions": self.transitions,
            "last_transition_time": self.last_transition,
            "rtt_delta_ewma": self.smoothed_delay,
            "queue_ewma": 0.0,
            "cake_drops_history": self.histories.drops,
            "queue_depth_history": self.histories.queued,
            "cake_state_history": self.histories.colours,
            "red_count": bad,
            "congestion_state": self.congestion,
            "cake_read_failures": failures,
            "wanctl": {
                "version": 1,
                "saved_unix_ms": self.saved.unix_millis(),
                "saved": local_time(self.saved),
                "engine": self.engine,
            },
        })
        .to_string()
    }

    /// Reads a text over `self`. Returns what was passed over.
    fn read(&mut self, root: &Map<String, Value>, size: usize) -> Vec<String> {
        let mut passed = Vec::new();
        let mut take = |key: &str, fits: &mut dyn FnMut(&Value) -> bool| {
            if let Some(value) = root.get(key).filter(|value| !value.is_null())
                && !fits(value)
            {
                passed.push(key.to_owned());
            }
        };
        let text = |into: &mut String, value: &Value| {
            value.as_str().map(|text| text.clone_into(into)).is_some()
        };
        take("current_state", &mut |v| text(&mut self.state_name, v));
        take("congestion_state", &mut |v| text(&mut self.congestion, v));
        take("baseline_rtt", &mut |v| {
            self.baseline = v.as_f64().and_then(Millis::new);
            self.baseline.is_some()
        });
        take("last_transition_time", &mut |v| {
            self.last_transition = v.as_str().map(str::to_owned);
            self.last_transition.is_some()
        });
        take("rtt_delta_ewma", &mut |v| {
            let delay = v.as_f64().filter(|delay| delay.is_finite());
            self.smoothed_delay = delay.unwrap_or(0.0);
            delay.is_some()
        });
        take("bad_count", &mut |v| {
            self.counts[0] = v.as_u64().unwrap_or(0);
            v.is_u64()
        });
        take("good_count", &mut |v| {
            self.counts[1] = v.as_u64().unwrap_or(0);
            v.is_u64()
        });
        let histories = &mut self.histories;
        take("history_rtt", &mut |v| list(&mut histories.rtt, v, size));
        take("history_delta", &mut |v| {
            list(&mut histories.delta, v, size)
        });
        take("cake_drops_history", &mut |v| {
            list(&mut histories.drops, v, size)
        });
        take("queue_depth_history", &mut |v| {
            list(&mut histories.queued, v, size)
        });
        take("cake_state_history", &mut |v| {
            list(&mut histories.colours, v, COLOURS)
        });
        take("transitions", &mut |v| list(&mut self.transitions, v, size));
        take("wanctl", &mut |v| {
            let saved = v.get("saved_unix_ms").and_then(Value::as_i64);
            self.saved = WallTime::from_unix_millis(saved.unwrap_or(0));
            match v.get("engine").filter(|engine| !engine.is_null()) {
                None => true,
                Some(engine) => {
                    self.engine = serde_json::from_value(engine.clone()).ok();
                    self.engine.is_some()
                }
            }
        });
        passed
    }
}

/// Adds a value, and drops the oldest beyond `size`.
fn keep<T>(values: &mut VecDeque<T>, value: Option<T>, size: usize) {
    values.extend(value);
    while values.len() > size {
        values.pop_front();
    }
}

/// Takes a list whose every item fits.
fn list<T: serde::de::DeserializeOwned>(
    into: &mut VecDeque<T>,
    value: &Value,
    size: usize,
) -> bool {
    match serde_json::from_value::<VecDeque<T>>(value.clone()) {
        Ok(mut read) => {
            while read.len() > size {
                read.pop_front();
            }
            *into = read;
            true
        }
        Err(_) => false,
    }
}

/// What became of a stored state.
#[derive(Debug, PartialEq)]
pub(crate) enum Loaded {
    /// There is no file.
    Nothing,
    /// It was read; these fields made no sense.
    Read(Box<SteerImage>, Vec<String>),
    /// It cannot be read; a copy lies beside it.
    Damaged(String),
}

/// The file.
#[derive(Clone, Debug)]
pub(crate) struct SteerFile {
    path: PathBuf,
}

impl SteerFile {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file over `defaults`. One that is damaged is kept beside it as `.corrupt`.
    pub(crate) fn load(&self, defaults: SteerImage, size: usize) -> Loaded {
        let text = match self.text() {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Loaded::Nothing,
            Err(error) => return Loaded::Damaged(error.to_string()),
        };
        match serde_json::from_str::<Map<String, Value>>(&text) {
            Ok(root) => {
                let mut image = defaults;
                let passed = image.read(&root, size);
                Loaded::Read(Box::new(image), passed)
            }
            Err(error) => {
                let mut copy = self.path.clone().into_os_string();
                copy.push(".corrupt");
                drop(std::fs::write(copy, text));
                Loaded::Damaged(error.to_string())
            }
        }
    }

    /// Replaces the file, whole or not at all.
    pub(crate) fn save(&self, image: &SteerImage) -> io::Result<()> {
        replace(&self.path, image.to_json().as_bytes())
    }

    fn text(&self) -> io::Result<String> {
        let found = std::fs::metadata(&self.path)?;
        if !found.is_file() || found.len() > MAX_SIZE {
            return Err(io::Error::other("it is no file of ours"));
        }
        std::fs::read_to_string(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 3;

    fn fresh() -> SteerImage {
        SteerImage::new("CABLE_GOOD".to_owned())
    }

    fn file(text: &str) -> (tempfile::TempDir, SteerFile) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("steering_state.json");
        std::fs::write(&path, text).unwrap();
        (directory, SteerFile::new(path))
    }

    #[test]
    fn what_is_saved_is_loaded_null_defaults_too() {
        let (_directory, file) = file("");
        let mut image = fresh();
        image.baseline = Millis::new(24.5);
        image.histories.rtt.extend([1.0, 2.0]);
        image.moved(
            TransitionRecord {
                timestamp: "2026-01-01T00:00:00".to_owned(),
                from: "CABLE_GOOD".to_owned(),
                to: "CABLE_DEGRADED".to_owned(),
                bad_count: 2,
                good_count: 0,
                reason: "delay".to_owned(),
            },
            SIZE,
        );
        image.saved = WallTime::from_unix_millis(7);
        file.save(&image).unwrap();
        let loaded = file.load(fresh(), SIZE);
        assert_eq!(loaded, Loaded::Read(Box::new(image), Vec::new()));
    }

    #[test]
    fn a_file_of_the_python_program_is_read_and_its_lists_are_cut() {
        let (_directory, file) = file(
            r#"{"current_state": "CABLE_DEGRADED", "bad_count": 0, "good_count": 4,
                "baseline_rtt": 24.5, "history_rtt": [1, 2, 3, 4, 5], "transitions": [],
                "last_transition_time": "2026-01-01T00:00:00", "unknown": 7}"#,
        );
        let Loaded::Read(image, passed) = file.load(fresh(), SIZE) else {
            panic!("it is whole");
        };
        assert_eq!(passed, Vec::<String>::new());
        assert_eq!(image.state_name, "CABLE_DEGRADED");
        assert_eq!(image.baseline, Millis::new(24.5));
        assert_eq!(image.histories.rtt, [3.0, 4.0, 5.0]);
        assert!(image.last_transition.is_some());
    }

    #[test]
    fn a_field_that_makes_no_sense_is_named_and_the_rest_is_kept() {
        let (_directory, file) =
            file(r#"{"current_state": 7, "good_count": -1, "history_rtt": ["x"], "bad_count": 3}"#);
        let Loaded::Read(image, passed) = file.load(fresh(), SIZE) else {
            panic!("it is whole");
        };
        assert_eq!(passed, ["current_state", "good_count", "history_rtt"]);
        assert_eq!(
            (image.state_name.as_str(), image.counts[0]),
            ("CABLE_GOOD", 3)
        );
    }

    #[test]
    fn a_truncated_file_is_kept_beside_and_nothing_of_it_is_believed() {
        for text in ["", "null", "[]", "7", r#"{"current_state": "CABLE_DEG"#] {
            let (directory, file) = file(text);
            assert!(
                matches!(file.load(fresh(), SIZE), Loaded::Damaged(_)),
                "{text}"
            );
            assert!(
                directory
                    .path()
                    .join("steering_state.json.corrupt")
                    .exists()
            );
        }
    }
}
