//! RouterOS spellings: item ids, rates and text in a query.

use core::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use wanctl_types::Bps;

/// What is escaped in a query value. A space becomes `%20`: RouterOS takes `+` for itself.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Escapes a value for a query.
pub(super) fn encode(text: &str) -> impl fmt::Display {
    utf8_percent_encode(text, ESCAPED)
}

/// An item's id, `*` and hexadecimal digits; nothing else may enter a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ItemId(String);

impl ItemId {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('*')?;
        let fits = (1..=16).contains(&digits.len());
        (fits && digits.bytes().all(|b| b.is_ascii_hexdigit())).then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads a rate: plain bits per second, or with one of the decimal suffixes `k`, `M` and `G`,
/// optionally followed by `bps`.
pub(super) fn parse_rate(text: &str) -> Option<Bps> {
    let text = text.trim();
    let text = text.strip_suffix("bps").unwrap_or(text);
    let (digits, factor) = match text.char_indices().next_back()? {
        (at, 'k' | 'K') => (text.get(..at)?, 1_000),
        (at, 'M') => (text.get(..at)?, 1_000_000),
        (at, 'G') => (text.get(..at)?, 1_000_000_000),
        _ => (text, 1),
    };
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    number.checked_mul(factor).map(Bps::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_in_every_spelling() {
        for (text, rate) in [
            ("500000000", 500_000_000),
            ("500M", 500_000_000),
            ("20k", 20_000),
            ("1G", 1_000_000_000),
            (" 64kbps ", 64_000),
            ("0", 0),
        ] {
            assert_eq!(parse_rate(text), Some(Bps::new(rate)), "{text}");
        }
        for bad in [
            "",
            "M",
            "bps",
            "-1",
            "+1",
            "1.5M",
            "1m",
            "99999999999G",
            "5 M",
            "10/20",
            "é",
        ] {
            assert_eq!(parse_rate(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_space_is_never_a_plus() {
        assert_eq!(
            encode("WAN 1+é&=*").to_string(),
            "WAN%201%2B%C3%A9%26%3D%2A"
        );
        assert_eq!(encode("a-Z_0.9~").to_string(), "a-Z_0.9~");
    }

    #[test]
    fn only_ids_enter_a_path() {
        for good in ["*7", "*0", "*FFFFFFFE", "*1000000"] {
            assert_eq!(ItemId::parse(good).unwrap().to_string(), good);
        }
        for bad in ["", "*", "7", "*7/../x", "*7?", "*G", "*11112222333344445"] {
            assert_eq!(ItemId::parse(bad), None, "{bad}");
        }
    }
}
