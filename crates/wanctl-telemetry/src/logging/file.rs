//! Log files, appended to a line at a time.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tracing_subscriber::fmt::MakeWriter;

use crate::error::Error;

/// Permissions of a new log file: it names addresses and links, which are not everybody's business.
const MODE: u32 = 0o640;

/// A file open for appending, so that it may be truncated by others at any time.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: RwLock<File>,
    lost: AtomicU64,
}

impl LogFile {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self {
            path: path.to_owned(),
            file: RwLock::new(append_to(path)?),
            lost: AtomicU64::new(0),
        })
    }

    pub(super) fn reopen(&self) -> Result<(), Error> {
        let file = append_to(&self.path)?;
        *self.file.write().unwrap_or_else(PoisonError::into_inner) = file;
        Ok(())
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn append(&self, line: &[u8]) -> io::Result<()> {
        let file = self.file.read().unwrap_or_else(PoisonError::into_inner);
        let written = (&*file).write_all(line);
        if written.is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        written
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

/// Hands the same file to every event.
#[derive(Clone, Debug)]
pub(super) struct LogWriter(Arc<LogFile>);

impl LogWriter {
    pub(super) fn new(file: &Arc<LogFile>) -> Self {
        Self(Arc::clone(file))
    }
}

impl<'w> MakeWriter<'w> for LogWriter {
    type Writer = &'w LogFile;

    fn make_writer(&'w self) -> &'w LogFile {
        &self.0
    }
}

/// Takes a whole line or fails.
impl Write for &LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.append(line)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
