//! The program itself: its options, its exit codes, its health, its end.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// Under which names the program goes.
const NAMES: [&str; 2] = [
    env!("CARGO_BIN_EXE_wanctl-steerd"),
    env!("CARGO_BIN_EXE_wanctl-steering"),
];

struct Place {
    directory: tempfile::TempDir,
    health: u16,
}

/// A port that nobody listens on, for now.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

impl Place {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            health: free_port(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Two WANs over loopback and a router that is not there.
    fn config(&self, more: &str) -> PathBuf {
        let text = format!(
            "wan_name: steering
router: {{host: 127.0.0.1, port: {router}, user: wanctl, password: x}}
topology:
  primary_wan: cable
  alternate_wan: dsl
  wans:
    - {{name: cable, source_ip: 127.0.0.1, targets: [127.0.0.1]}}
    - {{name: dsl, source_ip: 127.0.0.1, targets: [127.0.0.2]}}
mangle_rule: {{comment: 'ADAPTIVE: Steer'}}
measurement: {{interval_seconds: 0.1, ping_host: 127.0.0.1, ping_count: 3}}
thresholds: {{}}
state: {{file: '{dir}/state.json', history_size: 60}}
logging: {{main_log: '{dir}/main.log', debug_log: '{dir}/debug.log'}}
lock_file: '{dir}/steering.lock'
lock_timeout: 60
storage: {{db_path: '{dir}/metrics.db'}}
health_check: {{port: {health}}}
{more}",
            router = free_port(),
            health = self.health,
            dir = self.directory.path().display(),
        );
        let path = self.path("steering.yaml");
        fs::write(&path, text).unwrap();
        path
    }

    fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.health)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let status = text.split(' ').nth(1)?.parse().ok()?;
        let body = text.split_once("\r\n\r\n")?.1.to_owned();
        Some((status, body))
    }

    fn wait(&self, mut ready: impl FnMut(u16, &Value) -> bool) -> (u16, Value) {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some((status, body)) = self.get("/health") {
                let body = serde_json::from_str(&body).unwrap();
                if ready(status, &body) {
                    return (status, body);
                }
            }
            assert!(Instant::now() < end, "health does not become as awaited");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

fn run(name: &str, arguments: &[&str], config: &Path) -> Output {
    Command::new(name)
        .args(arguments)
        .arg("--config")
        .arg(config)
        .output()
        .unwrap()
}

fn start(config: &Path) -> Running {
    let child = Command::new(NAMES[0])
        .arg("--config")
        .arg(config)
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    Running(child)
}

/// A process that does not outlive its test.
struct Running(Child);

impl Running {
    fn stop(mut self) -> Option<i32> {
        let id = Pid::from_raw(i32::try_from(self.0.id()).unwrap());
        kill(id, Signal::SIGTERM).unwrap();
        self.0.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_file_is_judged_under_both_names() {
    let place = Place::new();
    let valid = place.config("");
    for name in NAMES {
        let told = run(name, &["--validate-config"], &valid);
        assert!(told.status.success(), "{told:?}");
        let text = String::from_utf8(told.stdout).unwrap();
        assert!(
            text.contains("valid: steering") && text.contains("cable, dsl"),
            "{text}"
        );
    }
    let invalid = place.config("mode: {engine: magic}\nconfidence: {max_toggles: 0}\n");
    let told = run(NAMES[0], &[], &invalid);
    assert_eq!(told.status.code(), Some(1));
    let text = String::from_utf8(told.stderr).unwrap();
    assert!(
        text.contains("E-choice") && text.contains("E-range"),
        "{text}"
    );
}

#[test]
fn health_answers_with_the_keys_of_the_python_program() {
    let place = Place::new();
    let running = start(&place.config(""));
    let (status, body) = place.wait(|_, body| body["router"]["reachable"] == Value::Bool(false));
    assert_eq!(status, 503, "a router that is lost is no health");
    for key in [
        "/status",
        "/uptime_seconds",
        "/version",
        "/steering/enabled",
        "/steering/state",
        "/steering/mode",
        "/congestion/primary/state",
        "/congestion/primary/state_code",
        "/decision/last_transition_time",
        "/decision/time_in_state_seconds",
        "/counters/red_count",
        "/counters/good_count",
        "/counters/cake_read_failures",
        "/errors/consecutive_failures",
        "/thresholds/green_rtt_ms",
        "/thresholds/red_samples_required",
        "/pid",
    ] {
        assert!(body.pointer(key).is_some(), "{key} is not in {body}");
    }
    assert_eq!(body["steering"]["state"], "CABLE_GOOD");
    assert_eq!(body["log_lines_lost"], 0);
    let (status, body) = place.get("/nothing").unwrap();
    assert_eq!((status, body.as_str()), (404, r#"{"error": "Not found"}"#));
    assert_eq!(running.stop(), Some(0));
    let state: Value =
        serde_json::from_str(&fs::read_to_string(place.path("state.json")).unwrap()).unwrap();
    assert_eq!(state["current_state"], "CABLE_GOOD");
    assert!(place.path("metrics.db").exists());
}

#[test]
fn a_second_instance_is_refused() {
    let place = Place::new();
    let config = place.config("");
    let running = start(&config);
    place.wait(|_, _| true);
    let second = run(NAMES[1], &[], &config);
    assert_eq!(second.status.code(), Some(1));
    let text = String::from_utf8(second.stderr).unwrap();
    assert!(text.contains("is held by process"), "{text}");
    assert_eq!(running.stop(), Some(0));
}

#[test]
fn a_reset_that_the_router_does_not_hear_of_is_a_failure_and_says_so() {
    let place = Place::new();
    let told = run(NAMES[0], &["--reset"], &place.config(""));
    assert_eq!(told.status.code(), Some(1));
    let text = String::from_utf8(told.stderr).unwrap();
    assert!(text.contains("the reset is not complete"), "{text}");
    let shadow = place.config("mode: {shadow: true}\n");
    let told = run(NAMES[0], &["--reset"], &shadow);
    assert!(
        told.status.success(),
        "shadow mode asks nothing of the router: {told:?}"
    );
}

#[test]
fn one_verdict_is_explained() {
    let place = Place::new();
    let told = run(NAMES[0], &["--oneshot"], &place.config(""));
    assert!(told.status.success(), "{told:?}");
    let text = String::from_utf8(told.stdout).unwrap();
    assert!(
        text.starts_with("CABLE_GOOD") && text.contains("last decision"),
        "{text}"
    );
}
