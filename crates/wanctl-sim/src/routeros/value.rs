//! Values as they are written and as they are shown.

use super::reply::Refusal;
use super::schema::{Kind, Property};

/// Brings a written value into the form in which the device shows it. References are checked by
/// the caller.
pub(super) fn normalise(property: &Property, written: &str) -> Result<String, Refusal> {
    match property.kind {
        Kind::Text | Kind::Reference(_) => Ok(written.to_owned()),
        Kind::Bool => boolean(written)
            .map(|value| value.to_string())
            .ok_or_else(|| Refusal::no_such_value(property.name)),
        Kind::Rate => rate(written)
            .map(|value| value.to_string())
            .ok_or_else(|| Refusal::invalid_value(property.name)),
        Kind::Integer { min, max } => integer(property.name, written, min, max),
        Kind::OneOf(values) if values.contains(&written) => Ok(written.to_owned()),
        Kind::OneOf(_) => Err(Refusal::no_such_value(property.name)),
        Kind::ReadOnly => Err(Refusal::unknown_parameter(property.name)),
    }
}

/// Both spellings are accepted; `true` and `false` are shown.
fn boolean(written: &str) -> Option<bool> {
    match written {
        "true" | "yes" => Some(true),
        "false" | "no" => Some(false),
        _ => None,
    }
}

/// Bit/s, with an optional decimal unit.
pub(super) fn rate(written: &str) -> Option<u64> {
    let (digits, factor) = match written.strip_suffix(['k', 'M', 'G']) {
        None => (written, 1),
        Some(digits) if written.ends_with('k') => (digits, 1_000),
        Some(digits) if written.ends_with('M') => (digits, 1_000_000),
        Some(digits) => (digits, 1_000_000_000),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

fn integer(name: &str, written: &str, min: i64, max: i64) -> Result<String, Refusal> {
    let value: i64 = written.parse().map_err(|_| Refusal::invalid_value(name))?;
    if (min..=max).contains(&value) {
        Ok(value.to_string())
    } else {
        Err(Refusal::out_of_range(name, min, max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_plain_integers_whatever_was_written() {
        assert_eq!(rate("500M"), Some(500_000_000));
        assert_eq!(rate("20k"), Some(20_000));
        assert_eq!(rate("1G"), Some(1_000_000_000));
        assert_eq!(rate("0"), Some(0));
        for bad in [
            "",
            "M",
            "-1",
            "fast",
            "+5",
            "99999999999999999999",
            "99999999999999G",
        ] {
            assert_eq!(rate(bad), None, "{bad}");
        }
    }
}
