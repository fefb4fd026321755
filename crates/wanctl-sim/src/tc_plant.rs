//! Queues of a simulated router that shape real traffic: HTB classes set through `tc`.

mod backlog;

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use wanctl_types::{Bps, Bytes, QueueName};

use crate::{Error, QueueMeter, RouterOs};
use backlog::Backlogs;

/// The rate an unlimited queue gets.
const UNLIMITED: Bps = Bps::from_mbps(10_000);
/// Least bytes a class may send at once.
const MIN_BURST: u64 = 10_000;
/// The part of a second a class may send at once: 1/625, or 1.6 ms.
const BURST_PARTS: u64 = 625;
/// Longest name of a network interface, in bytes (`IFNAMSIZ` less its final zero).
const MAX_DEVICE: usize = 15;

/// Turns limits of queues into `tc class change` on devices with an HTB root `1:` and its class
/// `1:1`. All commands go through one long-lived `tc -batch -`; what it complains about is logged.
///
/// It acts on the network namespace it was started in. Dropping it ends the process.
#[derive(Debug)]
pub struct TcPlant {
    devices: BTreeMap<QueueName, String>,
    backlogs: Backlogs,
    commands: Option<Sender<String>>,
    writer: Option<JoinHandle<()>>,
}

impl TcPlant {
    /// Starts `tc` (a path or a name to be found) for these queues and their devices.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] for a name that no interface can have, [`Error::Start`] when the
    /// process or its thread cannot be started.
    pub fn start(tc: &Path, devices: BTreeMap<QueueName, String>) -> Result<Self, Error> {
        for device in devices.values() {
            check_device(device)?;
        }
        let started = |what: &str| {
            let what = what.to_owned();
            move |source| Error::Start { what, source }
        };
        let batch = Batch::start(tc).map_err(started("tc"))?;
        let (commands, waiting) = channel();
        let writer = std::thread::Builder::new()
            .name("tc".to_owned())
            .spawn(move || batch.run(&waiting))
            .map_err(started("the thread that feeds tc"))?;
        let backlogs = Backlogs::start(tc, devices.values())
            .map_err(started("the thread that looks at queues"))?;
        Ok(Self {
            devices,
            backlogs,
            commands: Some(commands),
            writer: Some(writer),
        })
    }

    /// Adds the queues to `router`, unlimited, and lets its limits and counters be those of the
    /// devices from now on.
    pub fn attach(self, router: &RouterOs) {
        for (queue, device) in &self.devices {
            router.add_queue(queue.as_str(), Bps::ZERO);
            let (queue, device) = (queue.clone(), device.clone());
            let backlogs = self.backlogs.clone();
            router.meter_queues(move |asked| {
                (asked == queue.as_str()).then(|| QueueMeter {
                    bytes: transmitted(&device),
                    queued: backlogs.newest(&device),
                })
            });
        }
        router.on_limit_change(move |queue, limit| self.set_limit(queue, limit));
    }

    /// Gives the device of a queue a rate; [`Bps::ZERO`] is unlimited. Another program's queue
    /// is left alone.
    pub fn set_limit(&self, queue: &str, limit: Bps) {
        let device = self.devices.iter().find(|(name, _)| name.as_str() == queue);
        let (Some((_, device)), Some(commands)) = (device, &self.commands) else {
            return;
        };
        tracing::debug!(queue, device, %limit, "shaping");
        if commands.send(change_class(device, limit)).is_err() {
            tracing::error!(queue, device, "the thread that feeds tc has ended");
        }
    }
}

impl Drop for TcPlant {
    fn drop(&mut self) {
        self.commands = None;
        if self
            .writer
            .take()
            .is_some_and(|writer| writer.join().is_err())
        {
            tracing::error!("the thread that feeds tc panicked");
        }
    }
}

/// One line for `tc -batch`.
fn change_class(device: &str, limit: Bps) -> String {
    let rate = if limit == Bps::ZERO { UNLIMITED } else { limit }.get();
    let burst = (rate / 8 / BURST_PARTS).max(MIN_BURST);
    format!(
        "class change dev {device} parent 1: classid 1:1 \
         htb rate {rate}bit ceil {rate}bit burst {burst} cburst {burst} quantum 3000\n"
    )
}

/// Names reach a command line that is split at white space.
fn check_device(device: &str) -> Result<(), Error> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let valid = (1..=MAX_DEVICE).contains(&device.len()) && device.bytes().all(allowed);
    if valid {
        Ok(())
    } else {
        Err(Error::Device {
            name: device.to_owned(),
        })
    }
}

/// Bytes the device has sent, 0 when that cannot be read.
fn transmitted(device: &str) -> Bytes {
    let path = format!("/sys/class/net/{device}/statistics/tx_bytes");
    let count = std::fs::read_to_string(path).ok();
    Bytes::new(count.and_then(|text| text.trim().parse().ok()).unwrap_or(0))
}

/// The long-lived process.
struct Batch {
    tc: PathBuf,
    child: Child,
    input: ChildStdin,
}

impl Batch {
    fn start(tc: &Path) -> io::Result<Self> {
        let mut child = Command::new(tc)
            .args(["-force", "-batch", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(complaints) = child.stderr.take() {
            log_complaints(complaints)?;
        }
        let input = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Self {
            tc: tc.to_owned(),
            child,
            input,
        })
    }

    /// Passes commands on until nobody sends any more.
    fn run(mut self, commands: &Receiver<String>) {
        for command in commands {
            let written = self
                .write(&command)
                .or_else(|_| self.restart_and_write(&command));
            if let Err(error) = written {
                tracing::error!(%error, command = command.trim_end(), "tc took no command");
            }
        }
        drop(self.input);
        if let Err(error) = self.child.wait() {
            tracing::warn!(%error, "tc could not be waited for");
        }
    }

    fn write(&mut self, command: &str) -> io::Result<()> {
        self.input.write_all(command.as_bytes())?;
        self.input.flush()
    }

    fn restart_and_write(&mut self, command: &str) -> io::Result<()> {
        tracing::warn!(status = ?self.child.try_wait(), "tc ended; starting it again");
        *self = Self::start(&self.tc)?;
        self.write(command)
    }
}

fn log_complaints(complaints: ChildStderr) -> io::Result<()> {
    let log = move || {
        for line in BufReader::new(complaints).lines().map_while(Result::ok) {
            tracing::error!(line, "tc complained");
        }
    };
    std::thread::Builder::new()
        .name("tc-complaints".to_owned())
        .spawn(log)
        .map(drop)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_class_gets_rate_ceiling_and_bursts() {
        assert_eq!(
            change_class("r-lan", Bps::from_mbps(50)),
            "class change dev r-lan parent 1: classid 1:1 htb rate 50000000bit \
             ceil 50000000bit burst 10000 cburst 10000 quantum 3000\n"
        );
        assert!(change_class("x", Bps::ZERO).contains("rate 10000000000bit"));
        assert!(change_class("x", Bps::from_mbps(500)).contains("burst 100000 "));
    }

    #[test]
    fn names_that_could_say_more_are_refused() {
        for bad in ["", "a b", "eth0\nqdisc", "averyveryverylong", "a;b"] {
            assert!(
                matches!(check_device(bad), Err(Error::Device { .. })),
                "{bad:?}"
            );
        }
        assert!(check_device("r-wan.7").is_ok());
    }

    /// A `tc` that writes what it is fed into a file, and ends after each line.
    fn recorder(dir: &Path, per_process: &str) -> PathBuf {
        let tc = dir.join("tc");
        let log = dir.join("log");
        let script = format!("#!/bin/sh\n{per_process} >> {}\n", log.display());
        std::fs::write(&tc, script).unwrap();
        std::fs::set_permissions(&tc, std::fs::Permissions::from_mode(0o755)).unwrap();
        tc
    }

    fn devices() -> BTreeMap<QueueName, String> {
        BTreeMap::from([(QueueName::new("down").unwrap(), "r-lan".to_owned())])
    }

    #[test]
    fn limits_of_attached_queues_reach_tc_and_others_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let plant = TcPlant::start(&recorder(dir.path(), "cat"), devices()).unwrap();
        let router = RouterOs::new();
        router.add_queue("other", Bps::ZERO);
        plant.attach(&router);
        router.set_limit("down", Bps::from_mbps(20)).unwrap();
        router.set_limit("other", Bps::from_mbps(30)).unwrap();
        drop(router); // The last handle: the plant ends and waits for tc.
        let log = std::fs::read_to_string(dir.path().join("log")).unwrap();
        let expected = [Bps::ZERO, Bps::from_mbps(20)].map(|rate| change_class("r-lan", rate));
        assert!(log == expected[1] || log == expected.concat(), "{log}");
    }
}
