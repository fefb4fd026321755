//! The value in the file and its text.

mod learned;

use jiff::Timestamp as CivilTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use wanctl_controller::{ControllerState, QueueState};
use wanctl_types::{Bps, Direction, Millis, PerDirection, RateBound, WallTime, Zone};

/// Version of the object `wanctl` in the file.
const VERSION: u64 = 1;

/// What is stored of one WAN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StateImage {
    /// The controller's whole state.
    pub controller: ControllerState,
    /// The rates the router last confirmed.
    pub applied: PerDirection<Option<Bps>>,
    /// When this was so.
    pub time: WallTime,
}

/// A part of a state file that was passed over, and what stands in its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: expected {expected}, found {found}; kept the default")]
pub struct StateProblem {
    /// Path of the key.
    pub key: String,
    /// What belongs there.
    pub expected: &'static str,
    /// What stood there.
    pub found: String,
}

impl StateImage {
    /// The text of the file: compact JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let state = &self.controller;
        json!({
            "download": queue_section(&state.queues.download),
            "upload": queue_section(&state.queues.upload),
            "ewma": {
                "baseline_rtt": state.baseline,
                "load_rtt": state.load,
            },
            "last_applied": {
                "dl_rate": self.applied.download,
                "ul_rate": self.applied.upload,
            },
            "timestamp": local_time(self.time),
            "congestion": {
                "dl_state": state.queues.download.last_zone,
                "ul_state": state.queues.upload.last_zone,
            },
            "wanctl": {
                "version": VERSION,
                "last_zones": {
                    "download": state.queues.download.last_zone,
                    "upload": state.queues.upload.last_zone,
                },
                "previous_load_rtt": state.previous_load,
                "outage_cycles": state.outage_cycles,
                "adaptive": learned::section(state.adaptive.as_ref()),
                "saved_unix_ms": self.time.unix_millis(),
            },
        })
        .to_string()
    }

    /// Reads a file's text over `defaults`. Every section and key may be absent; one of the
    /// wrong type is passed over and reported.
    ///
    /// # Errors
    ///
    /// The text is no JSON object.
    pub fn from_json(
        text: &str,
        defaults: &Self,
    ) -> Result<(Self, Vec<StateProblem>), serde_json::Error> {
        let root: Map<String, Value> = serde_json::from_str(text)?;
        let mut reader = Fields {
            root: &root,
            problems: Vec::new(),
        };
        reader.check_version();
        let image = reader.image(defaults);
        Ok((image, reader.problems))
    }
}

fn queue_section(queue: &QueueState) -> Value {
    json!({
        "green_streak": queue.green_streak,
        "soft_red_streak": queue.soft_red_streak,
        "red_streak": queue.red_streak,
        "current_rate": queue.rate.truncate(),
    })
}

/// Local time without a zone, microseconds always written, as the Python wanctl does.
pub(crate) fn local_time(time: WallTime) -> String {
    let civil = CivilTime::from_millisecond(time.unix_millis()).unwrap_or_default();
    let local = TimeZone::system().to_datetime(civil);
    local.strftime("%Y-%m-%dT%H:%M:%S%.6f").to_string()
}

struct Fields<'a> {
    root: &'a Map<String, Value>,
    problems: Vec<StateProblem>,
}

impl<'a> Fields<'a> {
    fn image(&mut self, defaults: &StateImage) -> StateImage {
        let fallback = &defaults.controller;
        StateImage {
            controller: ControllerState {
                queues: PerDirection::from_fn(|direction| {
                    self.queue(direction, &fallback.queues[direction])
                }),
                baseline: self.millis(&["ewma", "baseline_rtt"], fallback.baseline),
                load: self.millis(&["ewma", "load_rtt"], fallback.load),
                previous_load: self.previous_load(fallback.previous_load),
                outage_cycles: self
                    .count(&["wanctl", "outage_cycles"])
                    .unwrap_or(fallback.outage_cycles),
                adaptive: self.learned(),
            },
            applied: PerDirection::new(
                self.rate(&["last_applied", "dl_rate"]),
                self.rate(&["last_applied", "ul_rate"]),
            ),
            time: self.time().unwrap_or(defaults.time),
        }
    }

    /// A newer version may mean something else by the same keys; it is read all the same, since
    /// whatever is read is checked, but not without a word.
    fn check_version(&mut self) {
        let path = ["wanctl", "version"];
        if let Some(version) = self.find(&path) {
            let known = (version.as_u64() == Some(VERSION)).then_some(());
            self.expect(&path, "version 1 of this object", version, known);
        }
    }

    fn queue(&mut self, direction: Direction, fallback: &QueueState) -> QueueState {
        let section = direction.as_str();
        let rate = self.rate(&[section, "current_rate"]);
        QueueState {
            rate: rate
                .and_then(|rate| RateBound::new(rate.as_f64()).ok())
                .unwrap_or(fallback.rate),
            green_streak: self.count(&[section, "green_streak"]).unwrap_or(0),
            soft_red_streak: self.count(&[section, "soft_red_streak"]).unwrap_or(0),
            red_streak: self.count(&[section, "red_streak"]).unwrap_or(0),
            last_zone: self.zone(direction).unwrap_or(fallback.last_zone),
        }
    }

    /// A file of the Python wanctl has none: the load RTT it has stands in.
    fn previous_load(&mut self, fallback: Millis) -> Millis {
        let load = self.millis(&["ewma", "load_rtt"], fallback);
        self.millis(&["wanctl", "previous_load_rtt"], load)
    }

    /// Newer files of the Python wanctl have the zones as well, under names of their own.
    fn zone(&mut self, direction: Direction) -> Option<Zone> {
        let theirs = match direction {
            Direction::Download => "dl_state",
            Direction::Upload => "ul_state",
        };
        self.zone_at(&["wanctl", "last_zones", direction.as_str()])
            .or_else(|| self.zone_at(&["congestion", theirs]))
    }

    fn zone_at(&mut self, path: &[&str]) -> Option<Zone> {
        let value = self.find(path)?;
        let zone = serde_json::from_value(value.clone()).ok();
        self.expect(path, "GREEN, YELLOW, SOFT_RED or RED", value, zone)
    }

    fn time(&mut self) -> Option<WallTime> {
        let path = ["wanctl", "saved_unix_ms"];
        let value = self.find(&path)?;
        let time = value.as_i64().map(WallTime::from_unix_millis);
        self.expect(&path, "milliseconds since 1970", value, time)
    }

    fn millis(&mut self, path: &[&str], fallback: Millis) -> Millis {
        let Some(value) = self.find(path) else {
            return fallback;
        };
        let millis = value.as_f64().and_then(Millis::new);
        self.expect(path, "a number of milliseconds", value, millis)
            .unwrap_or(fallback)
    }

    fn rate(&mut self, path: &[&str]) -> Option<Bps> {
        let value = self.find(path)?;
        let rate = value.as_f64().and_then(|rate| RateBound::new(rate).ok());
        self.expect(path, "a rate in bit/s", value, rate)
            .map(RateBound::truncate)
    }

    fn count(&mut self, path: &[&str]) -> Option<u32> {
        let value = self.find(path)?;
        let count = value.as_u64().and_then(|count| u32::try_from(count).ok());
        self.expect(path, "a count", value, count)
    }

    /// The value at a path; absent and null are the same. A section that is no object is
    /// reported once.
    fn find(&mut self, path: &[&str]) -> Option<&'a Value> {
        let (key, sections) = path.split_last()?;
        let mut section = self.root;
        for (depth, name) in (1..).zip(sections) {
            let value = section.get(*name).filter(|value| !value.is_null())?;
            let object = value.as_object();
            let path = path.get(..depth).unwrap_or(path);
            section = self.expect(path, "an object", value, object)?;
        }
        section.get(*key).filter(|value| !value.is_null())
    }

    fn expect<T>(
        &mut self,
        path: &[&str],
        expected: &'static str,
        found: &Value,
        parsed: Option<T>,
    ) -> Option<T> {
        if parsed.is_none() {
            let problem = StateProblem {
                key: path.join("."),
                expected,
                found: excerpt(found),
            };
            if !self.problems.contains(&problem) {
                self.problems.push(problem);
            }
        }
        parsed
    }
}

fn excerpt(value: &Value) -> String {
    value.to_string().chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_whole() {
        let image = image();
        let (read, problems) = StateImage::from_json(&image.to_json(), &defaults()).unwrap();
        assert_eq!(read, image);
        assert_eq!(problems, []);
    }

    #[test]
    fn the_keys_are_those_of_the_python_program() {
        let value: Value = serde_json::from_str(&image().to_json()).unwrap();
        assert_eq!(value["download"]["current_rate"], json!(400_000_000));
        assert_eq!(value["download"]["red_streak"], json!(3));
        assert_eq!(value["ewma"]["baseline_rtt"], json!(21.5));
        assert_eq!(value["last_applied"]["ul_rate"], Value::Null);
        assert_eq!(value["congestion"]["dl_state"], json!("RED"));
        let timestamp = value["timestamp"].as_str().unwrap();
        assert_eq!(
            timestamp.len(),
            "2026-01-02T03:04:05.006000".len(),
            "{timestamp}"
        );
    }

    #[test]
    fn a_file_of_the_python_program_is_read() {
        let text = r#"{"download":{"green_streak":2,"soft_red_streak":0,"red_streak":0,
            "current_rate":750000000},"ewma":{"baseline_rtt":24.1,"load_rtt":25.0},
            "last_applied":{"dl_rate":750000000,"ul_rate":null},
            "congestion":{"dl_state":"GREEN","ul_state":"YELLOW"},
            "timestamp":"2026-01-01T00:00:00.000000"}"#;
        let (read, problems) = StateImage::from_json(text, &defaults()).unwrap();
        assert_eq!(problems, []);
        assert_eq!(read.controller.queues.download.green_streak, 2);
        assert_eq!(
            read.controller.queues.download.rate.truncate(),
            Bps::from_mbps(750)
        );
        assert_eq!(read.controller.queues.upload.last_zone, Zone::Yellow);
        assert_eq!(read.controller.previous_load, Millis::new(25.0).unwrap());
        assert_eq!(
            read.applied,
            PerDirection::new(Some(Bps::from_mbps(750)), None)
        );
    }

    #[test]
    fn wrong_types_are_reported_and_replaced_one_by_one() {
        let text = r#"{"download":[],"upload":{"green_streak":-1,"current_rate":"fast"},
            "ewma":{"baseline_rtt":null,"load_rtt":true},"wanctl":{"last_zones":{"upload":"BLUE"}}}"#;
        let (read, problems) = StateImage::from_json(text, &defaults()).unwrap();
        assert_eq!(read.controller, defaults().controller);
        let keys: Vec<_> = problems.iter().map(|p| p.key.as_str()).collect();
        assert_eq!(
            keys,
            [
                "download",
                "upload.current_rate",
                "upload.green_streak",
                "wanctl.last_zones.upload",
                "ewma.load_rtt"
            ]
        );
    }

    #[test]
    fn truncated_text_is_refused_at_every_length() {
        let whole = image().to_json();
        for length in 0..whole.len() {
            assert!(StateImage::from_json(&whole[..length], &defaults()).is_err());
        }
    }

    fn image() -> StateImage {
        let mut image = defaults();
        let download = &mut image.controller.queues.download;
        download.rate = RateBound::from_mbps(400.0).unwrap();
        download.red_streak = 3;
        download.last_zone = Zone::Red;
        image.controller.baseline = Millis::new(21.5).unwrap();
        image.controller.previous_load = Millis::new(99.25).unwrap();
        image.controller.outage_cycles = 2;
        image.applied.download = Some(Bps::from_mbps(400));
        image.time = WallTime::from_unix_millis(1_767_322_245_006);
        image
    }

    fn defaults() -> StateImage {
        let queue = QueueState {
            rate: RateBound::from_mbps(920.0).unwrap(),
            green_streak: 0,
            soft_red_streak: 0,
            red_streak: 0,
            last_zone: Zone::Green,
        };
        let rtt = Millis::new(20.0).unwrap();
        StateImage {
            controller: ControllerState {
                queues: PerDirection::new(queue, queue),
                baseline: rtt,
                load: rtt,
                previous_load: rtt,
                outage_cycles: 0,
                adaptive: None,
            },
            applied: PerDirection::default(),
            time: WallTime::default(),
        }
    }
}
