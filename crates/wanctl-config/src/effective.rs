//! Every setting in effect, and where it comes from.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use crate::diagnostic::Position;
use crate::schema::{Key, Table};
use crate::value::{Number, Secret, Value};

/// Every setting of one file that has a value, written or by default.
#[derive(Clone, Debug)]
pub struct Effective {
    table: Table,
    settings: BTreeMap<&'static str, Setting>,
    written: BTreeMap<&'static str, Position>,
}

/// One setting.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Setting {
    /// The row it belongs to.
    pub key: &'static Key,
    /// Its value.
    pub value: Value,
    /// Where the value comes from.
    pub origin: Origin,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// It stands in the file.
    File(Position),
    /// The file does not have it.
    Default,
}

impl Effective {
    /// No setting yet of a file with these rows.
    pub(crate) const fn of(table: Table) -> Self {
        Self {
            table,
            settings: BTreeMap::new(),
            written: BTreeMap::new(),
        }
    }

    /// The settings, in the order a file is written. Values that other values decide are not
    /// among them unless they were written.
    pub fn settings(&self) -> impl Iterator<Item = &Setting> {
        self.table
            .iter()
            .filter_map(|key| self.settings.get(key.path))
    }

    /// One setting by its dotted path.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Setting> {
        self.settings.get(path)
    }

    pub(crate) fn insert(&mut self, setting: Setting) {
        self.settings.insert(setting.key.path, setting);
    }

    pub(crate) fn mark_written(&mut self, key: &'static Key, at: Position) {
        self.written.insert(key.path, at);
    }

    /// Where a key stands in the file, whether or not its value is valid.
    pub(crate) fn written(&self, key: &'static Key) -> Option<Position> {
        self.written.get(key.path).copied()
    }

    /// Whether a key stands in the file with a value that was refused.
    pub(crate) fn refused(&self, key: &'static Key) -> bool {
        self.written(key).is_some() && !self.settings.contains_key(key.path)
    }

    fn value(&self, key: &'static Key) -> Option<&Value> {
        self.settings.get(key.path).map(|setting| &setting.value)
    }

    pub(crate) fn flag(&self, key: &'static Key) -> Option<bool> {
        let value = self.value(key)?;
        let Value::Flag(flag) = value else {
            return mismatch(key, value);
        };
        Some(*flag)
    }

    /// A whole number that fits; the bounds of its row see to that.
    pub(crate) fn integer<T: TryFrom<i64>>(&self, key: &'static Key) -> Option<T> {
        let value = self.value(key)?;
        let Value::Integer(integer) = value else {
            return mismatch(key, value);
        };
        T::try_from(*integer).ok()
    }

    pub(crate) fn number(&self, key: &'static Key) -> Option<Number> {
        let value = self.value(key)?;
        let Value::Number(number) = value else {
            return mismatch(key, value);
        };
        Some(*number)
    }

    pub(crate) fn text(&self, key: &'static Key) -> Option<&str> {
        let value = self.value(key)?;
        let Value::Text(text) = value else {
            return mismatch(key, value);
        };
        Some(text)
    }

    pub(crate) fn address(&self, key: &'static Key) -> Option<IpAddr> {
        let value = self.value(key)?;
        let Value::Address(address) = value else {
            return mismatch(key, value);
        };
        Some(*address)
    }

    pub(crate) fn path(&self, key: &'static Key) -> Option<PathBuf> {
        let value = self.value(key)?;
        let Value::Path(path) = value else {
            return mismatch(key, value);
        };
        Some(path.clone())
    }

    pub(crate) fn hosts(&self, key: &'static Key) -> Option<&[String]> {
        let value = self.value(key)?;
        let Value::Hosts(hosts) = value else {
            return mismatch(key, value);
        };
        Some(hosts)
    }

    pub(crate) fn targets(&self, key: &'static Key) -> Option<&[(String, u16)]> {
        let value = self.value(key)?;
        let Value::Targets(targets) = value else {
            return mismatch(key, value);
        };
        Some(targets)
    }

    pub(crate) fn secret(&self, key: &'static Key) -> Option<&Secret> {
        let value = self.value(key)?;
        let Value::Secret(secret) = value else {
            return mismatch(key, value);
        };
        Some(secret)
    }
}

/// A row read as another type than it declares; every test that loads a file would see it.
fn mismatch<T>(key: &Key, value: &Value) -> Option<T> {
    debug_assert!(false, "{} is {:?}, not {value:?}", key.path, key.kind);
    None
}
