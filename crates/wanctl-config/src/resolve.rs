//! The tree of a file against the schema: every key, and nothing but the keys.

mod convert;
mod expand;
mod unknown;

use crate::diagnostic::{Code, Diagnostic, Position};
use crate::effective::{Effective, Origin, Setting};
use crate::reader::{self, Entry, Section};
use crate::report::Sink;
use crate::schema::{Key, Kind, Presence, Table, key};

/// Looks up an environment variable.
pub(crate) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads every key of the schema. What is missing or wrong goes to `sink`.
pub(crate) fn resolve(table: Table, root: &Section, env: Env<'_>, sink: &mut Sink) -> Effective {
    let mut effective = Effective::of(table);
    unknown::check(table, root, sink);
    for key in table {
        match lookup(root, key.path) {
            Lookup::Found(entry) => written(key, entry, env, sink, &mut effective),
            Lookup::Missing { near } => missing(key, near, env, sink, &mut effective),
            Lookup::Blocked => {}
        }
    }
    effective
}

/// Where a path leads.
enum Lookup<'t> {
    Found(&'t Entry),
    /// `near` is the innermost section of the path that exists.
    Missing {
        near: Position,
    },
    /// A section on the way is not a section, which is reported once.
    Blocked,
}

fn lookup<'t>(root: &'t Section, path: &str) -> Lookup<'t> {
    let mut section = root;
    let mut near = Position::START;
    let mut words = path.split('.').peekable();
    while let Some(word) = words.next() {
        let Some(entry) = section.entries.get(word) else {
            return Lookup::Missing { near };
        };
        if words.peek().is_none() {
            return Lookup::Found(entry);
        }
        near = entry.at;
        if entry.value.is_null() {
            return Lookup::Missing { near };
        }
        match entry.value.section() {
            Some(inner) => section = inner,
            None => return Lookup::Blocked,
        }
    }
    Lookup::Missing { near }
}

fn written(
    key: &'static Key,
    entry: &Entry,
    env: Env<'_>,
    sink: &mut Sink,
    effective: &mut Effective,
) {
    if entry.value.is_null() || (key.empty_is_absent && convert::is_empty(&entry.value)) {
        missing(key, entry.at, env, sink, effective);
        return;
    }
    effective.mark_written(key, entry.at);
    if let Some(value) = convert::convert(key, &entry.value, env, sink) {
        effective.insert(Setting {
            key,
            value,
            origin: Origin::File(entry.value.at),
        });
    }
}

fn missing(
    key: &'static Key,
    near: Position,
    env: Env<'_>,
    sink: &mut Sink,
    effective: &mut Effective,
) {
    match key.presence {
        Presence::Required => sink.push(absent(key, near)),
        Presence::RequiredBy(law) => {
            // A law that was refused is put right first.
            if effective.text(&key::LAW) == Some(law) {
                sink.push(absent(key, near));
            }
        }
        Presence::Default(yaml) => {
            let value =
                reader::read(yaml, sink).and_then(|node| convert::convert(key, &node, env, sink));
            if let Some(value) = value {
                effective.insert(Setting {
                    key,
                    value,
                    origin: Origin::Default,
                });
            }
        }
        Presence::OneOf(_) | Presence::Derived(_) | Presence::Optional => {}
    }
}

/// The finding that a required key is not there.
pub(crate) fn absent(key: &Key, near: Position) -> Diagnostic {
    let finding = Diagnostic::new(Code::Missing, "this key is required and absent")
        .at(near)
        .key(key.path)
        .help(key.doc);
    match (key.allowed(), key.kind) {
        (Some(allowed), _) => finding.allowed(allowed),
        (None, Kind::Choice(words)) => finding.allowed(words.join(", ")),
        (None, kind) => finding.allowed(kind.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{AUTORATE, FAILOVER, ROUTE, STEERING, WAN};

    #[test]
    fn every_default_is_valid_by_its_own_row() {
        let tables = [AUTORATE, STEERING, WAN, ROUTE, FAILOVER];
        for key in tables.into_iter().flatten() {
            let mut sink = Sink::new("defaults");
            let mut effective = Effective::of(AUTORATE);
            if matches!(key.presence, Presence::Default(_)) {
                missing(key, Position::START, &|_| None, &mut sink, &mut effective);
                assert!(effective.get(key.path).is_some(), "{}", key.path);
            }
            let warnings = sink.finish().unwrap();
            assert!(warnings.is_empty(), "{warnings:?}");
        }
    }
}
