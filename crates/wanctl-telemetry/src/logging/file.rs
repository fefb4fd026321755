//! Log files, appended to a line at a time.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::outlet::{Notice, Outlet};
use crate::error::Error;

/// Permissions of a new log file: it names addresses and links, which are not everybody's business.
const MODE: u32 = 0o640;

/// A file open for appending, so that it may be truncated by others at any time.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    outlet: Outlet,
}

impl LogFile {
    pub(super) fn open(path: &Path, notice: Notice) -> Result<Self, Error> {
        let file = Box::new(append_to(path)?);
        let outlet = Outlet::start(file, notice).map_err(Error::LogThread)?;
        Ok(Self {
            path: path.to_owned(),
            outlet,
        })
    }

    pub(super) fn reopen(&self) -> Result<(), Error> {
        self.outlet.redirect(Box::new(append_to(&self.path)?));
        Ok(())
    }

    pub(super) const fn outlet(&self) -> &Outlet {
        &self.outlet
    }
}

fn append_to(path: &Path) -> Result<File, Error> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(|source| Error::LogDirectory {
            path: directory.to_owned(),
            source,
        })?;
    }
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(MODE)
        .open(path)
        .map_err(|source| Error::LogFile {
            path: path.to_owned(),
            source,
        })
}
