//! Reading answers leniently: RouterOS sends numbers as strings, may omit members, and may put
//! bytes into strings that are neither UTF-8 nor allowed in JSON.

use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use wanctl_types::Bps;

use super::call::Call;
use super::value::{ItemId, parse_rate};
use crate::Error;

/// Longest excerpt of an answer in an error, in characters before escaping.
const MAX_EXCERPT: usize = 120;

/// One item of a listing.
#[derive(Clone, Debug, Default)]
pub(super) struct Row(Map<String, Value>);

impl Row {
    /// A member as text; `None` when it is absent or a structure.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        match self.0.get(key)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    pub(super) fn number(&self, key: &str) -> Option<u64> {
        self.text(key)?.trim().parse().ok()
    }

    pub(super) fn rate(&self, key: &str) -> Option<Bps> {
        parse_rate(&self.text(key)?)
    }

    /// A flag. Absent is false: RouterOS omits many flags that are off.
    pub(super) fn flag(&self, key: &str) -> bool {
        matches!(self.text(key).as_deref(), Some("true" | "yes"))
    }

    pub(super) fn id(&self, call: &Call) -> Result<ItemId, Error> {
        let text = self.text(".id").unwrap_or_default();
        ItemId::parse(&text)
            .ok_or_else(|| call.protocol("an item without a usable .id", text.as_bytes()))
    }

    /// The id for a message, whatever it is.
    pub(super) fn label(&self) -> String {
        excerpt(self.text(".id").unwrap_or_default().as_bytes())
    }
}

/// The items of an answer: an array's, or the one object.
pub(super) fn rows(body: &[u8]) -> Result<Vec<Row>, &'static str> {
    let items = match decode(body) {
        None => return Err("the answer is not JSON"),
        Some(Value::Array(items)) => items,
        Some(item) => vec![item],
    };
    items
        .into_iter()
        .map(|item| match item {
            Value::Object(members) => Ok(Row(members)),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Err("the answer is not a list of items"),
        })
        .collect()
}

/// The router's explanation of an error status.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refusal {
    pub(super) message: String,
    pub(super) detail: String,
}

impl Refusal {
    pub(super) fn mentions(&self, text: &str) -> bool {
        self.detail.contains(text) || self.message.contains(text)
    }

    pub(super) fn with_message(mut self, status: StatusCode) -> Self {
        if self.message.is_empty() {
            let reason = status.canonical_reason();
            reason.unwrap_or_default().clone_into(&mut self.message);
        }
        self
    }

    pub(super) fn into_detail(self, status: StatusCode) -> String {
        if self.detail.is_empty() {
            self.with_message(status).message
        } else {
            self.detail
        }
    }
}

/// Reads an error body; an empty one explains nothing, `None` is not RouterOS speaking.
pub(super) fn refusal(body: &[u8]) -> Option<Refusal> {
    if body.trim_ascii().is_empty() {
        return Some(Refusal::default());
    }
    let said = decode::<Refusal>(body)?;
    Some(Refusal {
        message: excerpt(said.message.as_bytes()),
        detail: excerpt(said.detail.as_bytes()),
    })
}

/// The beginning of an answer on one line, control characters and quotes escaped.
pub(super) fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let mut out = String::new();
    for c in text.chars().take(MAX_EXCERPT) {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    if text.chars().nth(MAX_EXCERPT).is_some() {
        out.push('…');
    }
    out
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    let text = String::from_utf8_lossy(body);
    serde_json::from_str(&text)
        .or_else(|_| serde_json::from_str(&escape_stray_controls(&text)))
        .ok()
}

/// Escapes the control characters that stand raw inside JSON strings.
fn escape_stray_controls(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_string = false;
    let mut after_backslash = false;
    for c in text.chars() {
        if in_string && c.is_ascii_control() {
            let code = u32::from(c);
            let digits = [code >> 4, code & 15].map(|digit| char::from_digit(digit, 16));
            out.push_str("\\u00");
            out.extend(digits.into_iter().flatten());
            after_backslash = false;
            continue;
        }
        if c == '"' && !after_backslash {
            in_string = !in_string;
        }
        after_backslash = in_string && c == '\\' && !after_backslash;
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    #[test]
    fn bytes_that_are_no_text_do_not_hide_the_rest() {
        let body = b"[{\"comment\":\"caf\xe9 \x01\tend\\\\\",\"bytes\":\"7\",\"n\":3,\"b\":true}]";
        let rows = rows(body).unwrap();
        assert_eq!(
            rows[0].text("comment").as_deref(),
            Some("caf\u{fffd} \u{1}\tend\\")
        );
        assert_eq!(rows[0].number("bytes"), Some(7));
        assert_eq!(rows[0].number("n"), Some(3));
        assert!(rows[0].flag("b"));
    }

    #[test]
    fn absent_and_garbled_members_are_none() {
        let row = rows(br#"{"bytes":"many","disabled":"no","list":[]}"#)
            .unwrap()
            .remove(0);
        assert_eq!(row.number("bytes"), None);
        assert_eq!(row.number("packets"), None);
        assert_eq!(row.text("list"), None);
        assert!(!row.flag("disabled") && !row.flag("invalid"));
    }

    #[test]
    fn an_excerpt_is_one_short_line() {
        let text = excerpt("<html>\r\n\u{7}".repeat(100).as_bytes());
        assert!(text.starts_with("<html>\\r\\n\\u{7}<html>"));
        assert!(text.ends_with('…') && !text.chars().any(char::is_control));
        assert!(text.chars().count() < 1_000);
    }

    proptest! {
        #[test]
        fn no_answer_brings_the_reader_down(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(rows(&body));
            drop(refusal(&body));
            prop_assert!(!excerpt(&body).chars().any(char::is_control));
        }

        #[test]
        fn raw_controls_survive_inside_strings(text in "[\\x01-\\x7f]{0,40}") {
            let raw = text.replace('\\', "\\\\").replace('"', "\\\"");
            let rows = rows(format!("[{{\"comment\":\"{raw}\"}}]").as_bytes()).unwrap();
            prop_assert_eq!(rows[0].text("comment"), Some(text));
        }
    }
}
