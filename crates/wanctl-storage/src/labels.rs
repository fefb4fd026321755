//! Labels of a row.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use wanctl_types::Direction;

use crate::ReasonText;
use crate::json;

/// Labels of one row: names and values in the order they were given.
///
/// ```
/// # use wanctl_storage::Labels;
/// let labels = Labels::new().with("direction", "upload").with("attempt", 2);
/// assert_eq!(labels.to_json(), Some(r#"{"direction": "upload", "attempt": 2}"#.to_owned()));
/// assert_eq!(Labels::new().to_json(), None);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Labels(Vec<(String, Value)>);

impl Labels {
    /// No label yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a label, or replaces the value of the one with this name in its place.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let (name, value) = (name.into(), value.into());
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
        self
    }

    /// The text of the column `labels`, byte for byte what the Python wanctl would store; `None`
    /// when there is no label.
    #[must_use]
    pub fn to_json(&self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        // Strings, numbers and objects with text keys always have an encoding.
        json::encode(self).ok()
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Labels of the zone of a cycle, which is recorded for download alone.
pub(crate) const CYCLE_STATE: &str = r#"{"direction": "download"}"#;

/// Labels of a row that was dated by a clock not yet set.
pub(crate) const CLOCK_UNSET: &str = r#"{"clock": "unset"}"#;

/// As [`CYCLE_STATE`], dated by a clock not yet set.
pub(crate) const CYCLE_STATE_CLOCK_UNSET: &str = r#"{"direction": "download", "clock": "unset"}"#;

/// Labels of a zone change.
pub(crate) fn of_transition(direction: Direction, reason: &ReasonText, clock_set: bool) -> Labels {
    let labels = Labels::new()
        .with("direction", direction.as_str())
        .with("reason", reason.as_str());
    if clock_set {
        labels
    } else {
        labels.with("clock", "unset")
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn labels_of_a_zone_change_are_byte_equal_to_the_reference() {
        let reason = ReasonText::format("RTT delta 25.3ms exceeded soft_red threshold 15ms");
        assert_eq!(
            of_transition(Direction::Download, &reason, true)
                .to_json()
                .unwrap(),
            r#"{"direction": "download", "reason": "RTT delta 25.3ms exceeded soft_red threshold 15ms"}"#
        );
    }

    #[test]
    fn labels_of_a_cycle_are_what_the_encoder_gives() {
        let encoded = Labels::new().with("direction", "download").to_json();
        assert_eq!(encoded.as_deref(), Some(CYCLE_STATE));
        let unset = Labels::new().with("clock", "unset").to_json();
        assert_eq!(unset.as_deref(), Some(CLOCK_UNSET));
        let both = Labels::new()
            .with("direction", "download")
            .with("clock", "unset");
        assert_eq!(both.to_json().as_deref(), Some(CYCLE_STATE_CLOCK_UNSET));
    }

    #[test]
    fn a_repeated_name_keeps_its_place_and_takes_the_new_value() {
        let labels = Labels::new().with("a", 1).with("b", 2).with("a", 3);
        assert_eq!(labels.to_json().unwrap(), r#"{"a": 3, "b": 2}"#);
    }

    proptest! {
        #[test]
        fn arbitrary_labels_are_ascii_and_read_back_equal(pairs in vec((any::<String>(), any::<String>()), 1..8)) {
            let labels = pairs
                .iter()
                .fold(Labels::new(), |labels, (name, value)| labels.with(name, value.as_str()));

            let text = labels.to_json().unwrap();

            prop_assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~')));
            let Value::Object(read) = serde_json::from_str(&text).unwrap() else {
                return Err(TestCaseError::fail("no object"));
            };
            let expected: serde_json::Map<_, _> = labels.0.into_iter().collect();
            prop_assert_eq!(read, expected);
        }
    }
}
