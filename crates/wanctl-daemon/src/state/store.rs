//! The file itself.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use crate::ports::StateStore;
use crate::state::{StateImage, StateProblem};

/// A state file larger than this is not ours.
const MAX_SIZE: u64 = 64 * 1024;

/// A state file that is replaced by rename, so that it is always whole.
#[derive(Clone, Debug)]
pub struct FileStore {
    path: PathBuf,
}

/// Why no state could be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file is there but cannot be read.
    #[error("cannot read the state file {}: {source}; starting without it", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file does not hold a state.
    #[error("the state file {} is damaged ({reason}); starting without it", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl FileStore {
    /// A store in this file. Nothing is opened yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The stored state over `defaults`, with what was passed over; `None` when there is no file.
    ///
    /// # Errors
    ///
    /// [`LoadError`]: the file exists but is of no use.
    pub fn load(
        &self,
        defaults: &StateImage,
    ) -> Result<Option<(StateImage, Vec<StateProblem>)>, LoadError> {
        let text = match self.read() {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(self.damaged(error.to_string()));
            }
            Err(source) => {
                return Err(LoadError::Read {
                    path: self.path.clone(),
                    source,
                });
            }
        };
        match StateImage::from_json(&text, defaults) {
            Ok(loaded) => Ok(Some(loaded)),
            Err(error) => Err(self.damaged(error.to_string())),
        }
    }

    fn read(&self) -> io::Result<String> {
        let invalid = |reason| io::Error::new(io::ErrorKind::InvalidData, reason);
        // Opening a pipe waits for its other end, and a device may never end.
        if !fs::metadata(&self.path)?.is_file() {
            return Err(invalid("it is no regular file".to_owned()));
        }
        let mut text = String::new();
        let size = File::open(&self.path)?
            .take(MAX_SIZE + 1)
            .read_to_string(&mut text)?;
        if size as u64 > MAX_SIZE {
            let reason = format!("it is longer than the {MAX_SIZE} bytes to be expected");
            return Err(invalid(reason));
        }
        Ok(text)
    }

    fn damaged(&self, reason: String) -> LoadError {
        LoadError::Damaged {
            path: self.path.clone(),
            reason,
        }
    }
}

#[async_trait]
impl StateStore for FileStore {
    async fn save(&self, image: &StateImage) -> io::Result<()> {
        let path = self.path.clone();
        let text = image.to_json();
        tokio::task::spawn_blocking(move || replace(&path, text.as_bytes()))
            .await
            .map_err(io::Error::other)?
    }
}

/// Writes a new file beside the old one, makes it durable, then renames it over the old one.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(parent)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // Always the same name, so that what a killed process left is overwritten by the next one.
    let fresh = parent.join(format!(".{name}.tmp"));
    let written = write_durably(&fresh, content).and_then(|()| fs::rename(&fresh, path));
    if written.is_err() {
        // The first error is the one to report; a leftover is overwritten next time.
        drop(fs::remove_file(&fresh));
        return written;
    }
    File::open(parent)?.sync_all()
}

fn write_durably(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(content)?;
    file.sync_all()
}
