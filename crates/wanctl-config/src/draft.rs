//! Configuration files that programs write.

use std::collections::BTreeMap;

use serde_yaml::{Mapping, Value as Yaml};

use crate::effective::{Effective, Origin};
use crate::schema::{AUTORATE, find};
use crate::value::Value;

/// A file in the making: some keys and their values.
///
/// ```
/// use wanctl_config::{Draft, Number, Value};
///
/// let mut draft = Draft::default();
/// draft.set("wan_name", Value::Text("cable".to_owned()))?;
/// draft.set("queues.download", Value::Text("WAN-Download".to_owned()))?;
/// assert_eq!(draft.to_yaml()?, "wan_name: cable\nqueues:\n  download: WAN-Download\n");
/// # Ok::<(), wanctl_config::DraftError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    values: BTreeMap<&'static str, Value>,
}

/// Why a file cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DraftError {
    /// No key has this path.
    #[error("cannot set {path}: there is no such key")]
    UnknownKey {
        /// The dotted path.
        path: String,
    },
    /// The values cannot be written as YAML.
    #[error("cannot write the configuration as YAML")]
    Write(#[from] serde_yaml::Error),
}

impl Draft {
    /// Sets a key by its dotted path.
    ///
    /// # Errors
    ///
    /// [`DraftError::UnknownKey`].
    pub fn set(&mut self, path: &str, value: Value) -> Result<(), DraftError> {
        let Some(key) = find(path) else {
            let path = path.to_owned();
            return Err(DraftError::UnknownKey { path });
        };
        self.values.insert(key.path, value);
        Ok(())
    }

    /// Leaves a key out.
    pub fn remove(&mut self, path: &str) {
        self.values.remove(path);
    }

    /// Every setting in effect.
    #[must_use]
    pub fn of_all(effective: &Effective) -> Self {
        Self::of(effective, |_| true)
    }

    /// The settings that stand in the file.
    #[must_use]
    pub fn of_written(effective: &Effective) -> Self {
        Self::of(effective, |origin| origin != Origin::Default)
    }

    fn of(effective: &Effective, wanted: impl Fn(Origin) -> bool) -> Self {
        let settings = effective.settings();
        let values = settings
            .filter(|setting| wanted(setting.origin))
            .map(|setting| (setting.key.path, setting.value.clone()))
            .collect();
        Self { values }
    }

    /// The file, in the usual order of keys. Passwords are written as references to environment
    /// variables.
    ///
    /// # Errors
    ///
    /// [`DraftError::Write`] for a path that is not UTF-8.
    pub fn to_yaml(&self) -> Result<String, DraftError> {
        let mut root = Mapping::new();
        for key in AUTORATE {
            if let Some(value) = self.values.get(key.path) {
                insert(&mut root, key.path, serde_yaml::to_value(value)?);
            }
        }
        Ok(serde_yaml::to_string(&root)?)
    }
}

fn insert(section: &mut Mapping, path: &str, value: Yaml) {
    let Some((word, rest)) = path.split_once('.') else {
        section.insert(path.into(), value);
        return;
    };
    let inner = section
        .entry(word.into())
        .or_insert_with(|| Mapping::new().into());
    if let Some(inner) = inner.as_mapping_mut() {
        insert(inner, rest, value);
    }
}
