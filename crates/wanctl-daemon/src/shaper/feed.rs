//! The side that listens.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{debug, info};
use wanctl_steering::ShaperObservation;
use wanctl_types::{Millis, PerDirection, Timestamp, WanName, Zone};

use super::{ShaperReport, socket_path};
use crate::clock::Clock;

/// From one attempt to connect to the next, and from one reading of the file to the next.
const RETRY: Duration = Duration::from_secs(1);
/// Longest line that is read.
const LONGEST: usize = 4_096;

/// What a WAN's rate-control daemon last said.
pub trait ShaperFeed: Send + Sync {
    /// That, with its age at `now`; `None` when it never said anything.
    fn latest(&self, now: Timestamp) -> Option<ShaperObservation>;
}

/// Nobody says anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFeed;

impl ShaperFeed for NoFeed {
    fn latest(&self, _now: Timestamp) -> Option<ShaperObservation> {
        None
    }
}

/// Listens to the socket beside a state file, and reads the file while there is none.
pub struct SocketFeed {
    latest: watch::Receiver<Option<(Timestamp, ShaperReport)>>,
    task: JoinHandle<()>,
}

impl SocketFeed {
    /// Begins to listen. Must be called within a runtime.
    #[must_use]
    pub fn new(clock: Clock, wan: WanName, state_file: PathBuf) -> Self {
        let (heard, latest) = watch::channel(None);
        let listener = Listener {
            clock,
            wan,
            socket: socket_path(&state_file),
            state_file,
            heard,
        };
        Self {
            latest,
            task: tokio::spawn(listener.run()),
        }
    }
}

impl ShaperFeed for SocketFeed {
    fn latest(&self, now: Timestamp) -> Option<ShaperObservation> {
        let latest = self.latest.borrow();
        let (at, report) = latest.as_ref()?;
        Some(report.observation(now.saturating_since(*at)))
    }
}

impl Drop for SocketFeed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Listener {
    clock: Clock,
    wan: WanName,
    socket: PathBuf,
    state_file: PathBuf,
    heard: watch::Sender<Option<(Timestamp, ShaperReport)>>,
}

impl Listener {
    async fn run(self) {
        loop {
            if let Ok(stream) = UnixStream::connect(&self.socket).await {
                info!(wan = %self.wan, "listening to the rate-control daemon");
                self.listen(stream).await;
                info!(wan = %self.wan, "the rate-control daemon says nothing any more");
            }
            self.read_file().await;
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn listen(&self, stream: UnixStream) {
        let mut reader = BufReader::with_capacity(LONGEST, stream);
        let mut line = String::new();
        loop {
            line.clear();
            match reader.read_line(&mut line).await {
                Ok(1..=LONGEST) => {}
                Ok(_) | Err(_) => return,
            }
            match serde_json::from_str::<ShaperReport>(&line) {
                Ok(report) => {
                    self.heard.send_replace(Some((self.clock.now(), report)));
                }
                Err(error) => {
                    debug!(wan = %self.wan, %error, "a line of the rate-control daemon is not understood");
                }
            }
        }
    }

    async fn read_file(&self) {
        let (path, wan) = (self.state_file.clone(), self.wan.clone());
        let read = tokio::task::spawn_blocking(move || read_state(&path, wan)).await;
        if let Ok(Some(report)) = read {
            self.heard.send_replace(Some((self.clock.now(), report)));
        }
    }
}

/// What a state file says, of either program, with its age by the file system.
fn read_state(path: &Path, wan: WanName) -> Option<ShaperReport> {
    let modified = std::fs::metadata(path).ok()?.modified().ok()?;
    let age = modified.elapsed().unwrap_or_default();
    let text = std::fs::read_to_string(path).ok()?;
    parse_state(&text, wan, age)
}

/// Its zones are those of `congestion`, its idle round trip that of `ewma`. It says nothing of
/// floors: then nobody can tell whether the shaper is at its end.
fn parse_state(text: &str, wan: WanName, age: Duration) -> Option<ShaperReport> {
    let root: Value = serde_json::from_str(text).ok()?;
    let zone = |key: &str| {
        let text = root.get("congestion")?.get(key)?.as_str()?;
        text.parse::<Zone>().ok()
    };
    let baseline = root.get("ewma")?.get("baseline_rtt")?;
    // The Python program writes numbers, and its reader takes their text too.
    let number = baseline
        .as_f64()
        .or_else(|| baseline.as_str()?.trim().parse().ok());
    Some(ShaperReport {
        wan,
        zone: PerDirection::new(zone("dl_state"), zone("ul_state")),
        rate: PerDirection::default(),
        floor: PerDirection::default(),
        baseline: number.and_then(Millis::new),
        age_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wan() -> WanName {
        WanName::new("cable").unwrap()
    }

    #[test]
    fn a_state_file_of_the_python_program_says_baseline_and_zone() {
        let text = r#"{"ewma": {"baseline_rtt": "24.5"}, "congestion": {"dl_state": "SOFT_RED"}}"#;
        let report = parse_state(text, wan(), Duration::from_secs(2)).unwrap();
        assert_eq!(report.baseline, Millis::new(24.5));
        assert_eq!(report.zone, PerDirection::new(Some(Zone::SoftRed), None));
        assert_eq!(report.age_ms, 2_000);
    }

    /// A socket that says how a shaper at its floor does, and its listener.
    #[tokio::test]
    async fn what_the_socket_says_arrives_at_once_and_grows_old_when_it_ends() {
        use crate::shaper::ShaperSocket;
        use wanctl_controller::Controller;

        let directory = tempfile::tempdir().unwrap();
        let state_file = directory.path().join("cable_state.json");
        let config = crate::shaper::fixture::config();
        let mut snapshot =
            crate::wan::initial_snapshot(&wan(), &Controller::new(config.clone()).state());
        let clock = Clock::system();
        snapshot.last_step = Some(clock.now());
        let (sender, snapshots) = watch::channel(snapshot);
        let socket = ShaperSocket {
            path: socket_path(&state_file),
            clock: clock.clone(),
            config,
            snapshots,
        };
        let serving = tokio::spawn(socket.run());
        tokio::time::sleep(Duration::from_millis(20)).await;
        let feed = SocketFeed::new(clock.clone(), wan(), state_file.clone());
        let heard = async |wanted: Zone| {
            for _ in 0..200 {
                let latest = feed.latest(clock.now());
                if let Some(latest) = latest.filter(|l| l.zone.download == Some(wanted)) {
                    return latest;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            panic!("nothing was heard");
        };
        assert!(!heard(Zone::Green).await.is_at_floor());
        sender.send_modify(|snapshot| {
            snapshot.last_step = Some(clock.now());
            snapshot.directions.download.zone = Zone::Red;
            snapshot.directions.download.intended = wanctl_types::Bps::from_mbps(100);
        });
        let latest = heard(Zone::Red).await;
        assert!(latest.is_at_floor() && !latest.can_help(), "{latest:?}");
        assert!(latest.age < Duration::from_millis(500), "{:?}", latest.age);
        serving.abort();
        drop(serving.await);
        assert!(!socket_path(&state_file).exists(), "it takes its file away");
        tokio::time::sleep(Duration::from_millis(300)).await;
        let latest = feed.latest(clock.now()).unwrap();
        assert!(latest.age >= Duration::from_millis(300));
    }

    #[test]
    fn a_file_that_is_none_says_nothing() {
        for text in ["", "null", "[]", "{\"ewma\": 7}", "{\"ewma\": {\"baseline"] {
            assert_eq!(parse_state(text, wan(), Duration::ZERO), None, "{text}");
        }
    }
}
