//! What can go wrong with a history.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// A history that could not be opened, written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The directory of the database could not be created.
    #[error("cannot create the directory {}: create it for this user, or set another storage.db_path", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The database could not be opened or prepared.
    #[error("cannot open the history {}: {}", path.display(), advice(source))]
    Open {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The database was written by a newer wanctl.
    #[error(
        "the history {} has schema version {found}, this program knows up to {known}: \
         install a wanctl at least as new as the one that wrote it, or set another storage.db_path",
        path.display()
    )]
    TooNew {
        /// The database file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// There is no database to read.
    #[error("there is no history at {}: check storage.db_path, or start wanctld with it to begin one", path.display())]
    Missing {
        /// The database file.
        path: PathBuf,
    },
    /// A database without the table `metrics`.
    #[error("{} holds no table `metrics`: it is not a history of wanctl, or nothing was written yet", path.display())]
    NoMetrics {
        /// The database file.
        path: PathBuf,
    },
    /// A value that is NaN or infinite; nothing of its batch was written.
    #[error("cannot store {metric} of {wan} = {value}: a value must be a finite number")]
    NotFinite {
        /// Name of the metric.
        metric: String,
        /// Name of the WAN.
        wan: String,
        /// The value.
        value: f64,
    },
    /// Labels or a configuration that have no JSON text.
    #[error("cannot encode the labels of {metric}")]
    Labels {
        /// Name of the metric.
        metric: &'static str,
        /// What the encoder said.
        source: serde_json::Error,
    },
    /// A transaction failed and was rolled back.
    #[error("cannot {operation} in the history {}: {}", path.display(), advice(source))]
    Write {
        /// What was tried.
        operation: &'static str,
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The file is not the one at its path any more: what goes into it is lost to every reader.
    #[error("the history {} was deleted or moved while it was in use; a new one is begun there", path.display())]
    Gone {
        /// Where it was.
        path: PathBuf,
    },
    /// Rows could not be read.
    #[error("cannot {operation} from the history {}: {}", path.display(), advice(source))]
    Read {
        /// What was tried.
        operation: &'static str,
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The writer thread could not be started.
    #[error("cannot start the history's writer thread: raise the limit of threads of this user")]
    Thread {
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn open(path: &Path, source: rusqlite::Error) -> Self {
        Self::Open {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn write(operation: &'static str, path: &Path, source: rusqlite::Error) -> Self {
        Self::Write {
            operation,
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn read(operation: &'static str, path: &Path, source: rusqlite::Error) -> Self {
        Self::Read {
            operation,
            path: path.to_owned(),
            source,
        }
    }

    /// What SQLite called the failure, where SQLite failed.
    #[must_use]
    pub fn sqlite_code(&self) -> Option<ErrorCode> {
        match self {
            Self::Open { source, .. } | Self::Write { source, .. } | Self::Read { source, .. } => {
                source.sqlite_error_code()
            }
            Self::Directory { .. }
            | Self::TooNew { .. }
            | Self::Missing { .. }
            | Self::Gone { .. }
            | Self::NoMetrics { .. }
            | Self::NotFinite { .. }
            | Self::Labels { .. }
            | Self::Thread { .. } => None,
        }
    }

    /// Whether the same rows would be refused again however often they are tried.
    pub(crate) fn refuses_the_rows(&self) -> bool {
        match self {
            Self::NotFinite { .. } | Self::Labels { .. } => true,
            Self::Write { source, .. } => matches!(
                source.sqlite_error_code(),
                Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig)
            ),
            Self::Directory { .. }
            | Self::Open { .. }
            | Self::TooNew { .. }
            | Self::Missing { .. }
            | Self::Gone { .. }
            | Self::NoMetrics { .. }
            | Self::Read { .. }
            | Self::Thread { .. } => false,
        }
    }

    /// The whole chain of causes as one line.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = core::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

/// What an operator can do about a failure of SQLite.
fn advice(source: &rusqlite::Error) -> &'static str {
    match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program holds it; close that program or wait"
        }
        Some(ErrorCode::DiskFull) => "free space on its disk",
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            "make the file and its directory writable for this user"
        }
        Some(ErrorCode::CannotOpen) => {
            "check that the path is a file in a directory this user may enter and write"
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            "move the file and its -wal and -shm away, a new one will be begun"
        }
        Some(ErrorCode::SystemIoFailure) => "check the disk",
        _ => "see the cause",
    }
}
