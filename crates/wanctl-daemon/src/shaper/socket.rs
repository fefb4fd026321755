//! The side that says.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::warn;
use wanctl_controller::ControllerConfig;
use wanctl_telemetry::WanSnapshot;

use super::ShaperReport;
use crate::clock::Clock;

/// Shortest time from one line to the next.
const PACE: Duration = Duration::from_millis(50);
/// A client that does not read for so long is dropped.
const PATIENCE: Duration = Duration::from_secs(2);
/// Most clients at once.
const MOST: usize = 16;

/// The socket of one WAN.
pub(crate) struct ShaperSocket {
    pub(crate) path: PathBuf,
    pub(crate) clock: Clock,
    pub(crate) config: ControllerConfig,
    pub(crate) snapshots: watch::Receiver<WanSnapshot>,
}

impl ShaperSocket {
    /// Serves until it is dropped; without a socket it says so once and ends.
    pub(crate) async fn run(self) {
        let listener = match open(&self.path) {
            Ok(listener) => listener,
            Err(error) => {
                warn!(socket = %self.path.display(), %error, "the shaper's state is not published; steering reads the state file alone");
                return;
            }
        };
        let _removed = Removed(self.path.clone());
        let mut clients = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) if clients.len() < MOST => {
                        clients.spawn(self.client().serve(stream));
                    }
                    Ok(_) => {}
                    Err(_) => tokio::time::sleep(PACE).await,
                },
                Some(_ended) = clients.join_next() => {}
            }
        }
    }

    fn client(&self) -> Client {
        Client {
            clock: self.clock.clone(),
            config: self.config.clone(),
            snapshots: self.snapshots.clone(),
        }
    }
}

/// Takes the file away at the end.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

struct Client {
    clock: Clock,
    config: ControllerConfig,
    snapshots: watch::Receiver<WanSnapshot>,
}

impl Client {
    async fn serve(mut self, mut stream: UnixStream) {
        loop {
            let report = {
                let snapshot = self.snapshots.borrow_and_update();
                ShaperReport::of(&snapshot, &self.config, self.clock.now())
            };
            if let Some(report) = report
                && send(&mut stream, &report).await.is_err()
            {
                return;
            }
            tokio::time::sleep(PACE).await;
            if self.snapshots.changed().await.is_err() {
                return;
            }
        }
    }
}

async fn send(stream: &mut UnixStream, report: &ShaperReport) -> io::Result<()> {
    let mut line = serde_json::to_vec(report)?;
    line.push(b'\n');
    tokio::time::timeout(PATIENCE, stream.write_all(&line)).await?
}

/// Listens at this path. A socket that a killed process left is taken away; anything else is not.
pub(crate) fn open(path: &Path) -> io::Result<UnixListener> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path)?,
        Ok(_) => return Err(io::Error::other("something else has this name")),
        Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}
