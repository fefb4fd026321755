//! `${NAME}` and `${NAME:-default}` in a text.

use super::Env;

/// Why a reference cannot be resolved. No variant holds a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ExpandError {
    #[error("`${{` is never closed")]
    Unclosed,
    #[error("what stands between `${{` and `}}` is not the name of an environment variable")]
    Name,
    #[error("the environment variable {name} is not set")]
    Unset { name: String },
}

/// Replaces every reference. What variables hold is not expanded again.
pub(super) fn expand(text: &str, env: Env<'_>) -> Result<String, ExpandError> {
    let mut done = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (inner, behind) = after.split_once('}').ok_or(ExpandError::Unclosed)?;
        done.push_str(before);
        done.push_str(&resolve(inner, env)?);
        rest = behind;
    }
    done.push_str(rest);
    Ok(done)
}

/// Whether the whole text is one plain reference, which says nothing about the value.
pub(super) fn is_reference(text: &str) -> bool {
    text.strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'))
        .is_some_and(is_name)
}

/// As shells do, `:-` also replaces a variable that is set and empty.
fn resolve(inner: &str, env: Env<'_>) -> Result<String, ExpandError> {
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    if !is_name(name) {
        return Err(ExpandError::Name);
    }
    match (env(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(ExpandError::Unset {
            name: name.to_owned(),
        }),
    }
}

/// A letter or underscore, then letters, digits and underscores; 100 characters at most.
fn is_name(text: &str) -> bool {
    text.len() <= 100
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "A" => Some("alpha".to_owned()),
            "NESTED" => Some("${A}".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn references_are_replaced_once() {
        for (text, expected) in [
            ("plain $A $ {A}", "plain $A $ {A}"),
            ("${A}", "alpha"),
            ("<${A}|${A}>", "<alpha|alpha>"),
            ("${NESTED}", "${A}"),
            ("${B:-beta}", "beta"),
            ("${A:-beta}", "alpha"),
            ("${EMPTY:-beta}", "beta"),
            ("${EMPTY}", ""),
            ("${B:-}", ""),
        ] {
            assert_eq!(expand(text, &env).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn bad_references_are_refused() {
        let unset = ExpandError::Unset {
            name: "B".to_owned(),
        };
        assert_eq!(expand("x${B}", &env), Err(unset));
        assert_eq!(expand("${A", &env), Err(ExpandError::Unclosed));
        for text in ["${}", "${1A}", "${A B}", "${:-x}", "${A-x}"] {
            assert_eq!(expand(text, &env), Err(ExpandError::Name), "{text}");
        }
    }

    #[test]
    fn only_a_whole_plain_reference_is_safe_to_repeat() {
        assert!(is_reference("${ROUTER_PASSWORD}"));
        for text in ["x${A}", "${A:-secret}", "${A}${B}", "secret"] {
            assert!(!is_reference(text), "{text}");
        }
    }
}
