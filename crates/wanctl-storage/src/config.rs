//! Where the history lives and how long.

use std::path::PathBuf;

/// What an operator decides about the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageConfig {
    /// The database file. Its directory is created when missing.
    pub db_path: PathBuf,
    /// Rows older than so many days are deleted.
    pub retention_days: u32,
}
