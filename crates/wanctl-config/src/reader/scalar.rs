//! What a plain scalar means, in YAML 1.2 and in YAML 1.1.
//!
//! Rules of the core schema of YAML 1.2.2 (§10.3.2), against the types of YAML 1.1 as the usual
//! Python loader resolves them.

/// How the dialects read one plain scalar.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reading {
    /// Nothing.
    Null,
    /// `true` or `false` in both.
    Flag(bool),
    /// `yes`, `off`: a truth value in YAML 1.1, text in YAML 1.2.
    OldFlag(bool),
    /// A whole number in both.
    Integer(i64),
    /// A number with a fraction or an exponent in both.
    Float(f64),
    /// `1e-3`: text in YAML 1.1, a number in YAML 1.2.
    NewFloat(f64),
    /// `.nan` and `.inf`.
    NotFinite,
    /// A number in at least one dialect, and not the same in both.
    Disputed {
        /// What YAML 1.1 reads.
        old: String,
        /// What YAML 1.2 reads.
        new: String,
    },
    /// Text in both.
    Text,
}

impl Reading {
    pub(crate) fn of(text: &str) -> Self {
        word(text).unwrap_or_else(|| number(text))
    }
}

fn word(text: &str) -> Option<Reading> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Reading::Null,
        "true" | "True" | "TRUE" => Reading::Flag(true),
        "false" | "False" | "FALSE" => Reading::Flag(false),
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Reading::OldFlag(true),
        "no" | "No" | "NO" | "off" | "Off" | "OFF" => Reading::OldFlag(false),
        ".nan" | ".NaN" | ".NAN" => Reading::NotFinite,
        _ if matches!(
            text.trim_start_matches(['+', '-']),
            ".inf" | ".Inf" | ".INF"
        ) =>
        {
            Reading::NotFinite
        }
        _ => return None,
    })
}

fn number(text: &str) -> Reading {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Reading::Text;
    }
    prefixed(sign, digits)
        .or_else(|| grouped(sign, digits))
        .or_else(|| sixties(sign, digits))
        .or_else(|| whole(sign, digits))
        .or_else(|| fraction(sign, digits))
        .unwrap_or(Reading::Text)
}

/// `0x1F`, `0o17`, `0b101`.
fn prefixed(sign: &str, digits: &str) -> Option<Reading> {
    let (prefix, rest) = digits.split_at_checked(2)?;
    let radix = match prefix {
        "0x" => 16,
        "0o" => 8,
        "0b" => 2,
        _ => return None,
    };
    if !rest.starts_with(|c: char| c.is_ascii_hexdigit()) {
        return None;
    }
    let value = i64::from_str_radix(&format!("{sign}{rest}"), radix).ok()?;
    Some(match radix {
        16 if sign.is_empty() => Reading::Integer(value),
        8 => disputed(&"text", &value),
        _ => disputed(&value, &"text"),
    })
}

/// `1_000`, `1_000.5`.
fn grouped(sign: &str, digits: &str) -> Option<Reading> {
    let all_digits = digits
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '_' | '.'));
    if !digits.contains('_') || !all_digits {
        return None;
    }
    let plain = digits.replace('_', "");
    let old = match number(&plain) {
        Reading::Integer(value) => format!("{sign}{value}"),
        Reading::Float(value) => format!("{sign}{value:?}"),
        Reading::Disputed { old, .. } => format!("{sign}{old}"),
        Reading::Null
        | Reading::Flag(_)
        | Reading::OldFlag(_)
        | Reading::NewFloat(_)
        | Reading::NotFinite
        | Reading::Text => return None,
    };
    Some(disputed(&old, &"text"))
}

/// `5:00`, `1:30:00`, `1:30.5`: base 60 in YAML 1.1.
fn sixties(sign: &str, digits: &str) -> Option<Reading> {
    let (head, last) = digits.rsplit_once(':')?;
    let mut total = 0.0;
    for part in head.split(':') {
        total = total * 60.0 + f64::from(unsigned(part)?.parse::<u32>().ok()?);
    }
    let (seconds, fraction) = last.split_once('.').unwrap_or((last, "0"));
    unsigned(seconds)?;
    unsigned(fraction)?;
    let value = total * 60.0 + last.parse::<f64>().ok()?;
    Some(disputed(&format!("{sign}{value}"), &"text"))
}

/// `443`, and `0443` which is octal in YAML 1.1.
fn whole(sign: &str, digits: &str) -> Option<Reading> {
    unsigned(digits)?;
    let text = format!("{sign}{digits}");
    let Ok(value) = text.parse::<i64>() else {
        return text.parse().ok().map(Reading::Float);
    };
    if digits.len() == 1 || !digits.starts_with('0') {
        return Some(Reading::Integer(value));
    }
    Some(match i64::from_str_radix(&text, 8) {
        Ok(octal) => disputed(&octal, &value),
        Err(_) => disputed(&"text", &value),
    })
}

/// `1.5`, `.5`, `5.`, `1.5e+3`; the exponent needs a point before it and a sign in YAML 1.1.
fn fraction(sign: &str, digits: &str) -> Option<Reading> {
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (digits, None),
    };
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    unsigned(&format!("{before}{after}"))?;
    if let Some(exponent) = exponent {
        unsigned(exponent.trim_start_matches(['+', '-']))?;
    }
    let value = format!("{sign}{digits}").parse::<f64>().ok()?;
    if !value.is_finite() {
        return Some(Reading::NotFinite);
    }
    let old_too = exponent.is_none_or(|e| mantissa.contains('.') && e.starts_with(['+', '-']));
    Some(if old_too {
        Reading::Float(value)
    } else {
        Reading::NewFloat(value)
    })
}

/// The text itself, if it is made of at least one decimal digit and nothing else.
fn unsigned(text: &str) -> Option<&str> {
    let good = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    good.then_some(text)
}

fn disputed(old: &dyn ToString, new: &dyn ToString) -> Reading {
    Reading::Disputed {
        old: old.to_string(),
        new: new.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn old_new(text: &str) -> (String, String) {
        let Reading::Disputed { old, new } = Reading::of(text) else {
            panic!("{text} is not disputed");
        };
        (old, new)
    }

    #[test]
    fn words() {
        assert_eq!(Reading::of(""), Reading::Null);
        assert_eq!(Reading::of("TRUE"), Reading::Flag(true));
        assert_eq!(Reading::of("off"), Reading::OldFlag(false));
        for text in [
            "y", "n", "tRue", "nope", "-", ".", "+", "1.2.3", "e5", "abc", "0xzz",
        ] {
            assert_eq!(Reading::of(text), Reading::Text, "{text}");
        }
        for text in [".inf", "-.Inf", ".nan", "1e999", "-1.0e+999"] {
            assert_eq!(Reading::of(text), Reading::NotFinite, "{text}");
        }
    }

    #[test]
    fn numbers_both_dialects_agree_on() {
        for (text, value) in [("0", 0), ("-7", -7), ("+12", 12), ("0x1F", 31)] {
            assert_eq!(Reading::of(text), Reading::Integer(value), "{text}");
        }
        for (text, value) in [("1.5", 1.5), (".5", 0.5), ("5.", 5.0), ("1.0e-3", 0.001)] {
            assert_eq!(Reading::of(text), Reading::Float(value), "{text}");
        }
        assert_eq!(
            Reading::of("99999999999999999999"),
            Reading::Float(99_999_999_999_999_999_999.0)
        );
    }

    #[test]
    fn numbers_only_the_new_dialect_knows() {
        assert_eq!(Reading::of("1e-3"), Reading::NewFloat(0.001));
        assert_eq!(Reading::of("1E5"), Reading::NewFloat(100_000.0));
        assert_eq!(Reading::of("1.5e3"), Reading::NewFloat(1500.0));
    }

    #[test]
    fn numbers_the_dialects_read_differently() {
        for (text, old, new) in [
            ("0443", "291", "443"),
            ("-010", "-8", "-10"),
            ("089", "text", "89"),
            ("0o17", "text", "15"),
            ("0b101", "5", "text"),
            ("1_000", "1000", "text"),
            ("1_000.5", "1000.5", "text"),
            ("5:00", "300", "text"),
            ("1:30:00", "5400", "text"),
            ("1:30.5", "90.5", "text"),
        ] {
            assert_eq!(old_new(text), (old.to_owned(), new.to_owned()), "{text}");
        }
    }
}
