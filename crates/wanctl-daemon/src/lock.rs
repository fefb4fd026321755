//! One daemon per WAN.

use std::fs::OpenOptions;
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// A lock that the kernel releases when the process ends, however it ends.
#[derive(Debug)]
pub struct InstanceLock {
    _file: Flock<std::fs::File>,
}

/// Why a lock was not obtained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process holds it.
    #[error("{} is held by {holder}: another instance controls this WAN; stop it first", path.display())]
    Held {
        /// The lock file.
        path: PathBuf,
        /// What the file says of its holder.
        holder: String,
    },
    /// The file cannot be opened, written or locked.
    #[error("cannot lock {}: {source}; set lock_file to a place this user may write", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

impl InstanceLock {
    /// Locks the file, making it and its directory if need be, and writes our process id into it.
    ///
    /// # Errors
    ///
    /// [`LockError`]: another process holds it, or the file is out of reach.
    pub fn acquire(path: &Path) -> Result<Self, LockError> {
        let io = |source| LockError::Io {
            path: path.to_owned(),
            source,
        };
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(io)?;
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o644)
            .open(path)
            .map_err(io)?;
        let mut file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => file,
            Err((mut file, Errno::EWOULDBLOCK)) => {
                return Err(LockError::Held {
                    path: path.to_owned(),
                    holder: holder(&mut file),
                });
            }
            Err((_, errno)) => return Err(io(errno.into())),
        };
        let holder = holder(&mut file);
        if is_reference_program(&holder) {
            let path = path.to_owned();
            return Err(LockError::Held { path, holder });
        }
        sign(&mut file).map_err(io)?;
        Ok(Self { _file: file })
    }
}

fn sign(file: &mut std::fs::File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn holder(file: &mut std::fs::File) -> String {
    let mut text = String::new();
    match file.take(32).read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => format!("process {}", text.trim().escape_debug()),
        Ok(_) | Err(_) => "an unknown process".to_owned(),
    }
}

/// Whether the Python wanctl signed the file and still runs: it takes no lock of the kernel's.
fn is_reference_program(holder: &str) -> bool {
    let Some(id) = holder.strip_prefix("process ") else {
        return false;
    };
    if !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    // No such process, or none that we may see: then the file is a leftover.
    let command = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    let command = String::from_utf8_lossy(&command);
    command.contains("python") && command.contains("wanctl")
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_second_instance_is_told_who_holds_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run/wan.lock");
        let first = InstanceLock::acquire(&path).unwrap();
        let second = InstanceLock::acquire(&path).unwrap_err().to_string();
        assert!(
            second.contains(&format!("process {}", std::process::id())),
            "{second}"
        );
        drop(first);
        InstanceLock::acquire(&path).unwrap();
    }

    #[test]
    fn the_reference_program_holds_its_file_while_it_runs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wan.lock");
        let mut other = Command::new("sleep")
            .arg0("python3 /opt/wanctl/autorate")
            .arg("60")
            .spawn()
            .unwrap();
        // A moment passes between the start of a program and its arguments' being there.
        let arguments = format!("/proc/{}/cmdline", other.id());
        while std::fs::read(&arguments).unwrap().is_empty() {
            std::thread::yield_now();
        }
        std::fs::write(&path, format!("{}\n", other.id())).unwrap();
        let running = InstanceLock::acquire(&path).map_err(|error| error.to_string());
        other.kill().unwrap();
        other.wait().unwrap();
        let said = running.unwrap_err();
        assert!(said.contains(&format!("process {}", other.id())), "{said}");
        InstanceLock::acquire(&path).unwrap();
    }

    #[test]
    fn a_directory_in_the_way_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = InstanceLock::acquire(dir.path()).unwrap_err().to_string();
        assert!(error.contains(&dir.path().display().to_string()), "{error}");
    }
}
