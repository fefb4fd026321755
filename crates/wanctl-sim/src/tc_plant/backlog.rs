//! How much waits on devices, without making whoever asks wait for `tc`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use wanctl_types::Bytes;

/// From one look at all devices to the next.
const PERIOD: Duration = Duration::from_millis(100);
/// So long after the last question is it looked on.
const INTEREST: Duration = Duration::from_secs(2);

/// The newest backlog of each device. Looks at them ten times a second for as long as anybody
/// asks: a program of its own each time, which nobody should have to wait for.
#[derive(Clone, Debug)]
pub(super) struct Backlogs {
    bytes: Arc<BTreeMap<String, AtomicU64>>,
    asked: SyncSender<()>,
}

impl Backlogs {
    pub(super) fn start<'a>(
        tc: &Path,
        devices: impl Iterator<Item = &'a String>,
    ) -> io::Result<Self> {
        let bytes: BTreeMap<_, _> = devices
            .map(|device| (device.clone(), AtomicU64::new(0)))
            .collect();
        let bytes = Arc::new(bytes);
        let (asked, questions) = sync_channel(1);
        let sampler = Sampler {
            tc: tc.to_owned(),
            bytes: Arc::clone(&bytes),
        };
        std::thread::Builder::new()
            .name("tc-backlog".to_owned())
            .spawn(move || sampler.run(&questions))?;
        Ok(Self { bytes, asked })
    }

    /// What waited on this device at the last look; nothing before the first.
    pub(super) fn newest(&self, device: &str) -> Bytes {
        // One question is as good as many: a full channel holds one.
        if let Err(TrySendError::Disconnected(())) = self.asked.try_send(()) {
            tracing::error!(device, "the thread that looks at queues has ended");
        }
        let bytes = self.bytes.get(device);
        Bytes::new(bytes.map_or(0, |bytes| bytes.load(Ordering::Relaxed)))
    }
}

struct Sampler {
    tc: PathBuf,
    bytes: Arc<BTreeMap<String, AtomicU64>>,
}

impl Sampler {
    /// Until nobody can ask any more.
    fn run(self, questions: &Receiver<()>) {
        while questions.recv().is_ok() {
            let mut until = Instant::now() + INTEREST;
            while Instant::now() < until {
                self.look();
                match questions.recv_timeout(PERIOD) {
                    Ok(()) => {
                        until = Instant::now() + INTEREST;
                        std::thread::sleep(PERIOD);
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        }
    }

    fn look(&self) {
        for (device, bytes) in self.bytes.iter() {
            let output = Command::new(&self.tc)
                .args(["-s", "qdisc", "show", "dev", device])
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .output();
            let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
            let found = text.ok().and_then(|text| backlog(&text));
            if let Some(found) = found {
                bytes.store(found, Ordering::Relaxed);
            }
        }
    }
}

/// The backlog of the first queue that is listed, which is the root: ` backlog 4542b 3p`, with
/// `Kb` and `Mb` for powers of 1024.
fn backlog(listing: &str) -> Option<u64> {
    let mut words = listing.split_whitespace();
    words.find(|word| *word == "backlog")?;
    let (number, unit) = words.next()?.strip_suffix('b').map(|size| {
        match (size.strip_suffix('K'), size.strip_suffix('M')) {
            (Some(number), _) => (number, 1_024.0),
            (_, Some(number)) => (number, 1_024.0 * 1_024.0),
            (None, None) => (size, 1.0),
        }
    })?;
    let number: f64 = number.parse().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float-to-integer cast saturates, and no queue holds 2^53 bytes"
    )]
    let bytes = (number * unit) as u64;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const LISTING: &str = "\
qdisc htb 1: root refcnt 9 r2q 10 default 0x10 direct_packets_stat 0 direct_qlen 1000
 Sent 1029384 bytes 812 pkt (dropped 3, overlimits 1500 requeues 0)
 backlog 45420b 30p requeues 0
qdisc fq_codel 10: parent 1:10 limit 10240p
 backlog 7b 1p requeues 0
";

    #[test]
    fn the_first_backlog_is_the_roots() {
        assert_eq!(backlog(LISTING), Some(45_420));
        for (text, bytes) in [
            (" backlog 0b 0p requeues 0", Some(0)),
            (" backlog 12Kb 9p", Some(12_288)),
            (" backlog 1.5Mb 9p", Some(1_572_864)),
            (" backlog many", None),
            ("", None),
        ] {
            assert_eq!(backlog(text), bytes, "{text}");
        }
    }

    #[test]
    fn devices_are_looked_at_while_somebody_asks() {
        let dir = tempfile::tempdir().unwrap();
        let tc = dir.path().join("tc");
        std::fs::write(&tc, format!("#!/bin/sh\ncat <<'E'\n{LISTING}E\n")).unwrap();
        std::fs::set_permissions(&tc, std::fs::Permissions::from_mode(0o755)).unwrap();
        let device = "r-lan".to_owned();
        let backlogs = Backlogs::start(&tc, std::iter::once(&device)).unwrap();
        assert_eq!(backlogs.newest("r-wan"), Bytes::ZERO);
        let deadline = Instant::now() + Duration::from_secs(20);
        while backlogs.newest("r-lan") != Bytes::new(45_420) {
            assert!(Instant::now() < deadline, "nobody looked");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
