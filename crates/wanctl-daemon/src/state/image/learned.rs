//! What the adaptive law has learned, in the file: `wanctl.adaptive`.
//!
//! ```json
//! {"download": {"capacity_bps": 47000000, "volatility": 0.12}, "upload": {...},
//!  "noise_ms": 4.2, "baselines_ms": [20.1, null, 22.4]}
//! ```

use serde_json::{Value, json};
use wanctl_controller::{AdaptiveState, LearnedCapacity, MAX_REFLECTORS};
use wanctl_types::{Bps, Direction, Millis, PerDirection};

use super::Fields;

/// Where it stands.
const SECTION: [&str; 2] = ["wanctl", "adaptive"];

/// The section; null when there is nothing to remember.
pub(super) fn section(learned: Option<&AdaptiveState>) -> Value {
    let Some(learned) = learned else {
        return Value::Null;
    };
    let capacity = |direction: Direction| {
        let learned = &learned.directions[direction];
        json!({"capacity_bps": learned.estimate, "volatility": learned.volatility})
    };
    let known = learned.baselines.iter().rposition(Option::is_some);
    let baselines = learned.baselines.iter().take(known.map_or(0, |at| at + 1));
    json!({
        "download": capacity(Direction::Download),
        "upload": capacity(Direction::Upload),
        "noise_ms": learned.noise,
        "baselines_ms": baselines.collect::<Vec<_>>(),
    })
}

impl Fields<'_> {
    /// `None` when the file has no such section: the law then begins anew. A key that is absent or
    /// wrong stands for nothing known.
    pub(super) fn learned(&mut self) -> Option<AdaptiveState> {
        let value = self.find(&SECTION)?;
        self.expect(&SECTION, "an object", value, value.as_object())?;
        Some(AdaptiveState {
            directions: PerDirection::from_fn(|direction| self.learned_capacity(direction)),
            noise: self.learned_millis("noise_ms"),
            baselines: self.learned_baselines(),
        })
    }

    fn learned_capacity(&mut self, direction: Direction) -> LearnedCapacity {
        let [outer, inner] = SECTION;
        let path = [outer, inner, direction.as_str(), "volatility"];
        let found = self.find(&path);
        let volatility = found.and_then(|value| {
            let number = value.as_f64();
            self.expect(&path, "a number between 0 and 1", value, number)
        });
        LearnedCapacity {
            estimate: self
                .rate(&[outer, inner, direction.as_str(), "capacity_bps"])
                .unwrap_or(Bps::ZERO),
            volatility: volatility.unwrap_or(0.0),
        }
    }

    fn learned_millis(&mut self, key: &str) -> Millis {
        let [outer, inner] = SECTION;
        self.millis(&[outer, inner, key], Millis::ZERO)
    }

    /// Entries beyond the last possible reflector are dropped without a word, as are the
    /// reflectors themselves.
    fn learned_baselines(&mut self) -> [Option<Millis>; MAX_REFLECTORS] {
        let [outer, inner] = SECTION;
        let path = [outer, inner, "baselines_ms"];
        let mut baselines = [None; MAX_REFLECTORS];
        let Some(list) = self
            .find(&path)
            .and_then(|value| self.expect(&path, "a list", value, value.as_array()))
        else {
            return baselines;
        };
        for (baseline, value) in baselines.iter_mut().zip(list) {
            let millis = value.as_f64().and_then(Millis::new);
            if !value.is_null() {
                *baseline = self.expect(&path, "numbers of milliseconds or null", value, millis);
            }
        }
        baselines
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    #[test]
    fn what_is_written_is_read_back_whole() {
        let learned = learned();
        assert_eq!(read(&section(Some(&learned))), (Some(learned), vec![]));
    }

    #[test]
    fn nothing_is_no_section() {
        assert_eq!(section(None), Value::Null);
        assert_eq!(read(&Value::Null), (None, vec![]));
        assert_eq!(read(&json!({})), (Some(AdaptiveState::default()), vec![]));
    }

    #[test]
    fn unknown_reflectors_at_the_end_are_not_written() {
        assert_eq!(
            section(Some(&learned()))["baselines_ms"],
            json!([20.25, null, 22.5])
        );
    }

    #[test]
    fn wrong_types_are_reported_and_forgotten_one_by_one() {
        assert_eq!(read(&json!([])).1, ["wanctl.adaptive"]);
        let (found, keys) = read(&json!({
            "download": {"capacity_bps": "fast", "volatility": true},
            "upload": 7,
            "noise_ms": [],
            "baselines_ms": [20.25, "near", 22.5],
        }));
        let expected = AdaptiveState {
            baselines: learned().baselines,
            ..AdaptiveState::default()
        };
        assert_eq!(found, Some(expected));
        assert_eq!(
            keys,
            [
                "wanctl.adaptive.download.volatility",
                "wanctl.adaptive.download.capacity_bps",
                "wanctl.adaptive.upload",
                "wanctl.adaptive.noise_ms",
                "wanctl.adaptive.baselines_ms",
            ]
        );
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

    /// What a file with this section holds, and the keys that are wrong.
    fn read(section: &Value) -> (Option<AdaptiveState>, Vec<String>) {
        let mut root = Map::new();
        root.insert("wanctl".to_owned(), json!({"adaptive": section}));
        let mut fields = Fields {
            root: &root,
            problems: Vec::new(),
        };
        let learned = fields.learned();
        let problems = fields.problems.into_iter().map(|problem| problem.key);
        (learned, problems.collect())
    }
}
