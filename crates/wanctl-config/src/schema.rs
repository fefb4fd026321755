//! What a key is: one row per key, and every other part of this crate asks the rows.
//!
//! The loader takes type, bounds and default of a value from its row and from nowhere else; the
//! reference in `docs/configuration.md` is printed from the same rows.

mod autorate;
mod later;
mod markdown;
mod steering;

pub use autorate::AUTORATE;
pub(crate) use autorate::key;
pub(crate) use later::is_later;
pub use markdown::{markdown, steering_markdown};
pub use steering::{FAILOVER, ROUTE, STEERING, WAN};
pub(crate) use steering::{failover, route, steer, wan};

use core::fmt;

/// One key of a configuration file.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Key {
    /// Dotted path, such as `router.host`.
    pub path: &'static str,
    /// The type of its value.
    pub kind: Kind,
    /// Whether it must be there, and what holds when it is not.
    pub presence: Presence,
    /// What a number counts.
    pub unit: Unit,
    /// Lowest and highest number, both allowed.
    pub bounds: Option<Bounds>,
    /// Whether `""` is the same as no value.
    pub empty_is_absent: bool,
    /// One line for its reader.
    pub doc: &'static str,
}

impl Key {
    const fn new(path: &'static str, kind: Kind, presence: Presence, doc: &'static str) -> Self {
        Self {
            path,
            kind,
            presence,
            unit: Unit::None,
            bounds: None,
            empty_is_absent: false,
            doc,
        }
    }

    /// The last word of the path.
    #[must_use]
    pub fn leaf(&self) -> &'static str {
        self.path.rsplit('.').next().unwrap_or(self.path)
    }

    /// The path of the section it stands in; empty at the top.
    #[must_use]
    pub fn parent(&self) -> &'static str {
        self.path.rsplit_once('.').map_or("", |(parent, _)| parent)
    }

    /// The bounds with the unit, such as `1 to 500 ms`.
    #[must_use]
    pub fn allowed(&self) -> Option<String> {
        let bounds = self.bounds?;
        Some(format!("{bounds}{}", self.unit))
    }
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Integer,
    /// A number, whole or not.
    Number,
    /// Any line of text.
    Text,
    /// 1 to 64 of `A-Z a-z 0-9 _ . -`.
    Name,
    /// A host name or an address.
    Host,
    /// A list of host names and addresses.
    Hosts,
    /// An IPv4 or IPv6 address.
    Address,
    /// An address to listen on, or `localhost`.
    Listen,
    /// The name of a network interface.
    Interface,
    /// A file.
    Path,
    /// A text that is never shown; `${NAME}` in it stands for an environment variable.
    Secret,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of `[host, port]`.
    Targets,
    /// A list of sections, or sections by name, with rows of their own.
    Sections,
    /// Accepted and not looked at.
    Ignored,
}

/// The rows of one kind of file, or of one kind of section in it.
pub type Table = &'static [&'static Key];

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "true or false",
            Self::Integer => "whole number",
            Self::Number => "number",
            Self::Text => "text",
            Self::Name => "name",
            Self::Host => "host name or address",
            Self::Hosts => "list of hosts",
            Self::Address => "IP address",
            Self::Listen => "IP address or `localhost`",
            Self::Interface => "network interface",
            Self::Path => "path",
            Self::Secret => "secret text",
            Self::Choice(words) => return f.write_str(&words.join(", ")),
            Self::Targets => "list of `[host, port]`",
            Self::Sections => "sections, see below",
            Self::Ignored => "anything",
        })
    }
}

/// Whether a key must be there, and what holds when it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Presence {
    /// It must be there.
    Required,
    /// It must be there where `continuous_monitoring.law` has this value; no other law looks at it.
    RequiredBy(&'static str),
    /// Another key can take its place; the text says which.
    OneOf(&'static str),
    /// Without it this value holds, written as YAML and read like a value in a file.
    Default(&'static str),
    /// Without it a value is worked out; the text says how.
    Derived(&'static str),
    /// Without it there is none.
    Optional,
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// Nothing: a plain number.
    None,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Days.
    Days,
    /// Decimal megabits per second.
    MegabitsPerSecond,
    /// Steps of the control loop, of 50 ms each.
    Cycles,
}

/// With a blank before it; nothing for a plain number.
impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "",
            Self::Milliseconds => " ms",
            Self::Seconds => " s",
            Self::Days => " days",
            Self::MegabitsPerSecond => " Mbit/s",
            Self::Cycles => " cycles",
        })
    }
}

/// Lowest and highest number, both allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Lowest.
    pub min: f64,
    /// Highest.
    pub max: f64,
}

impl Bounds {
    const fn new(min: f64, max: f64) -> Self {
        Self { min, max }
    }

    /// Whether a number may be used. NaN may not.
    #[must_use]
    pub fn contains(self, number: f64) -> bool {
        (self.min..=self.max).contains(&number)
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.min, self.max)
    }
}

/// The row of a key, by its dotted path.
#[must_use]
pub fn find(path: &str) -> Option<&'static Key> {
    find_in(AUTORATE, path)
}

/// The row of a key of `table`, by its dotted path.
pub(crate) fn find_in(table: Table, path: &str) -> Option<&'static Key> {
    table.iter().copied().find(|key| key.path == path)
}

/// Whether keys lie below this path.
pub(crate) fn is_section(table: Table, path: &str) -> bool {
    table.iter().any(|key| {
        key.path
            .strip_prefix(path)
            .is_some_and(|rest| rest.starts_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLES: [Table; 5] = [AUTORATE, STEERING, WAN, ROUTE, FAILOVER];

    #[test]
    fn paths_are_unique_and_no_key_is_a_section() {
        for table in TABLES {
            for (index, key) in table.iter().enumerate() {
                assert!(!is_section(table, key.path), "{}", key.path);
                assert!(
                    table[index + 1..].iter().all(|k| k.path != key.path),
                    "{}",
                    key.path
                );
            }
        }
    }

    #[test]
    fn numbers_have_bounds_and_only_numbers_do() {
        for key in TABLES.into_iter().flatten() {
            let number = matches!(key.kind, Kind::Integer | Kind::Number);
            assert_eq!(key.bounds.is_some(), number, "{}", key.path);
            if let Some(bounds) = key.bounds {
                assert!(bounds.min < bounds.max, "{}", key.path);
                assert!(!bounds.contains(f64::NAN));
            }
        }
    }

    #[test]
    fn every_key_says_what_it_is_for_in_one_line() {
        for key in TABLES.into_iter().flatten() {
            assert!(
                key.doc.trim() == key.doc && key.doc.ends_with('.'),
                "{}",
                key.path
            );
            assert!(!key.doc.contains(['\n', '|']), "{}", key.path);
        }
    }
}
