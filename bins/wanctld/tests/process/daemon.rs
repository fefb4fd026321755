//! One daemon as a process, with files of its own.

use std::fs::{self, File};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Longer than anything here should take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A directory with a configuration, and what a daemon makes beside it.
pub(crate) struct Site {
    pub(crate) dir: tempfile::TempDir,
}

impl Site {
    pub(crate) fn new(router_port: u16) -> Self {
        let site = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let dir = site.dir.path().display();
        let text = format!(
            "wan_name: wan1
router: {{host: 127.0.0.1, port: {router_port}, user: wanctl, password: not-a-secret}}
queues: {{download: Down, upload: Up}}
continuous_monitoring:
  enabled: true
  baseline_rtt_initial: 20
  ping_hosts: [127.0.0.1]
  download: {{ceiling_mbps: 50, floor_mbps: 5, step_up_mbps: 1, factor_down: 0.85}}
  upload: {{ceiling_mbps: 10, floor_mbps: 2, step_up_mbps: 1, factor_down: 0.85}}
  thresholds:
    target_bloat_ms: 15
    warn_bloat_ms: 45
    baseline_time_constant_sec: 60
    load_time_constant_sec: 0.5
  fallback_checks: {{enabled: false}}
health_check: {{enabled: false}}
storage: {{db_path: '{dir}/metrics.db'}}
logging: {{main_log: '{dir}/main.log'}}
lock_file: '{dir}/wan1.lock'
state_file: '{dir}/state.json'
"
        );
        fs::write(site.path("wan1.yaml"), text).unwrap();
        site
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Starts the program on the configuration; its standard error goes to the file `name`.
    pub(crate) fn start(&self, name: &str, arguments: &[&str]) -> Daemon {
        self.start_notifying(name, arguments, None)
    }

    pub(crate) fn start_notifying(
        &self,
        name: &str,
        arguments: &[&str],
        socket: Option<&Path>,
    ) -> Daemon {
        let errors = File::create(self.path(name)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_wanctld"));
        command
            .arg("--config")
            .arg(self.path("wan1.yaml"))
            .args(arguments)
            .env_remove("RUST_LOG")
            .env_remove("NOTIFY_SOCKET")
            .env_remove("WATCHDOG_USEC")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors);
        if let Some(socket) = socket {
            command
                .env("NOTIFY_SOCKET", socket)
                .env("WATCHDOG_USEC", "400000");
        }
        Daemon {
            child: command.spawn().unwrap(),
        }
    }
}

/// A running daemon; killed when dropped.
pub(crate) struct Daemon {
    child: Child,
}

impl Daemon {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).unwrap();
        kill(Pid::from_raw(id), signal).unwrap();
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// How it ends by itself.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let mut status = None;
        until("the daemon ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    /// How it ends on SIGTERM, and how long that takes.
    pub(crate) fn terminate(&mut self) -> (ExitStatus, Duration) {
        let asked = Instant::now();
        self.signal(Signal::SIGTERM);
        (self.end(), asked.elapsed())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Waits for something that must happen.
pub(crate) fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !happened() {
        assert!(begun.elapsed() < PATIENCE, "in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Where a service manager listens.
pub(crate) struct Inbox {
    socket: UnixDatagram,
    heard: Vec<String>,
}

impl Inbox {
    pub(crate) fn bind(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self {
            socket,
            heard: Vec::new(),
        }
    }

    /// Waits for a message with this line and forgets all up to it.
    pub(crate) fn hear(&mut self, start_of_line: &str) -> String {
        let mut found = None;
        until(start_of_line, || {
            let mut buffer = [0; 2_048];
            while let Ok(length) = self.socket.recv(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                self.heard.push(text);
            }
            let says = |m: &String| m.lines().any(|line| line.starts_with(start_of_line));
            let at = self.heard.iter().position(says);
            found = at.and_then(|at| self.heard.drain(..=at).next_back());
            found.is_some()
        });
        found.unwrap()
    }
}
