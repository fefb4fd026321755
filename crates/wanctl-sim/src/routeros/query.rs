//! Choosing items and members: URL queries and the query stack of `print`.

use percent_encoding::percent_decode_str;

use super::reply::{Refusal, ShownItem};

/// What an item must be like to be listed, and what is shown of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Selection {
    pub(super) conditions: Vec<Condition>,
    pub(super) members: Option<Vec<String>>,
}

/// A word of a query stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Has(String),
    Lacks(String),
    Equals(String, String),
    And,
    Or,
    Not,
}

/// Splits and decodes the query of a URL.
pub(super) fn decode(raw: &str, plus_is_space: bool) -> Vec<(String, String)> {
    let text = |part: &str| {
        let part = if plus_is_space {
            part.replace('+', " ")
        } else {
            part.to_owned()
        };
        percent_decode_str(&part).decode_utf8_lossy().into_owned()
    };
    raw.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (text(name), text(value))
        })
        .collect()
}

impl Selection {
    /// From the pairs of a URL: all must hold.
    pub(super) fn from_url(pairs: &[(String, String)]) -> Self {
        let mut selection = Self::default();
        for (name, value) in pairs {
            if name == ".proplist" {
                selection.members = Some(comma_list(value));
            } else {
                let condition = Condition::Equals(name.clone(), value.clone());
                selection.conditions.push(condition);
            }
        }
        selection
    }

    /// From the words of a `.query`.
    pub(super) fn from_words(
        words: &[String],
        members: Option<Vec<String>>,
    ) -> Result<Self, Refusal> {
        let mut conditions = Vec::new();
        for word in words {
            conditions.extend(parse_word(word)?);
        }
        Ok(Self {
            conditions,
            members,
        })
    }

    /// Whether an item is chosen: what is left on the stack must hold together.
    pub(super) fn chooses(&self, item: &ShownItem) -> bool {
        let mut stack = Vec::new();
        for condition in &self.conditions {
            let value = match condition {
                Condition::Has(name) => item.contains_key(name),
                Condition::Lacks(name) => !item.contains_key(name),
                Condition::Equals(name, value) => item.get(name) == Some(value),
                Condition::Not => !stack.pop().unwrap_or(false),
                Condition::And => stack.pop().unwrap_or(true) & stack.pop().unwrap_or(true),
                Condition::Or => stack.pop().unwrap_or(false) | stack.pop().unwrap_or(false),
            };
            stack.push(value);
        }
        stack.into_iter().all(|held| held)
    }

    /// What is shown of an item; the identifier always is.
    pub(super) fn show(&self, item: ShownItem) -> ShownItem {
        let Some(members) = &self.members else {
            return item;
        };
        item.into_iter()
            .filter(|(name, _)| name == ".id" || members.contains(name))
            .collect()
    }
}

pub(super) fn comma_list(text: &str) -> Vec<String> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

fn parse_word(word: &str) -> Result<Vec<Condition>, Refusal> {
    if let Some(operators) = word.strip_prefix('#') {
        return operators.chars().map(parse_operator).collect();
    }
    let word = word.strip_prefix('=').unwrap_or(word);
    let condition = match (word.split_once('='), word.strip_prefix('-')) {
        (Some((name, value)), _) => Condition::Equals(name.to_owned(), value.to_owned()),
        (None, Some(name)) => Condition::Lacks(name.to_owned()),
        (None, None) => Condition::Has(word.to_owned()),
    };
    Ok(vec![condition])
}

fn parse_operator(operator: char) -> Result<Condition, Refusal> {
    match operator {
        '&' => Ok(Condition::And),
        '|' => Ok(Condition::Or),
        '!' => Ok(Condition::Not),
        other => Err(Refusal::bad_request(format!(
            "unknown query operator {other}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(pairs: &[(&str, &str)]) -> ShownItem {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    fn words(words: &[&str]) -> Selection {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        Selection::from_words(&words, None).unwrap()
    }

    #[test]
    fn a_plus_is_a_plus_unless_told_otherwise() {
        let decoded = |plus| decode("comment=a+b%20c&x", plus);
        assert_eq!(decoded(false)[0].1, "a+b c");
        assert_eq!(decoded(true)[0].1, "a b c");
        assert_eq!(decoded(false)[1], ("x".to_owned(), String::new()));
    }

    #[test]
    fn the_query_stack_combines_its_last_two() {
        let a = item(&[("name", "a"), ("comment", "x")]);
        let b = item(&[("name", "b")]);
        let c = item(&[("name", "c")]);
        let either = words(&["name=a", "name=b", "#|"]);
        assert!(either.chooses(&a) && either.chooses(&b) && !either.chooses(&c));
        let commented = words(&["comment"]);
        assert!(commented.chooses(&a) && !commented.chooses(&b));
        let neither = words(&["-comment", "name=b", "#!"]);
        assert!(!neither.chooses(&a) && !neither.chooses(&b) && neither.chooses(&c));
        assert!(Selection::from_words(&["#?".to_owned()], None).is_err());
    }
}
