//! A recording WAN that is killed at any moment loses at most what it had not committed, and goes
//! on from the rates it had.
//!
//! Twenty kills; `WANCTL_KILLS` sets another number.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rusqlite::Connection;
use wanctl_controller::ControllerState;
use wanctl_daemon::{FileStore, restore};
use wanctl_sim::VirtualWan;

/// Kills at the same time, each lane in a directory of its own.
const LANES: u64 = 4;

/// Kills that one database goes through; more make it large and its check slow.
const KILLS_OF_ONE_FILE: u64 = 10;

/// Commits come each half second; the rest is for a machine that is busy with other tests.
const MOST_LOST: Duration = Duration::from_secs(1);

#[test]
fn a_killed_recorder_loses_at_most_its_last_moments_and_never_its_rates() {
    let kills: u64 = std::env::var("WANCTL_KILLS").map_or(20, |kills| kills.parse().unwrap());
    let lanes: Vec<_> = (0..LANES)
        .map(|lane| thread::spawn(move || kill_repeatedly(lane, kills.div_ceil(LANES))))
        .collect();
    let continued: u64 = lanes.into_iter().map(|lane| lane.join().unwrap()).sum();
    assert!(continued > 0, "no start had a state of its own to continue");
}

/// Returns how many starts continued from rates other than the first ones.
fn kill_repeatedly(lane: u64, kills: u64) -> u64 {
    let mut random = ChaCha8Rng::seed_from_u64(lane);
    let mut directory = tempfile::tempdir().unwrap();
    let mut rows = 0;
    let mut continued = 0;
    for kill in 0..kills {
        if kill > 0 && kill % KILLS_OF_ONE_FILE == 0 {
            directory = tempfile::tempdir().unwrap();
            rows = 0;
        }
        let state = stored_state(directory.path());
        let life = Duration::from_millis(random.random_range(20..2_500));
        let context = format!("lane {lane}, kill {kill}, after {life:?}");
        let run = run_and_kill(directory.path(), life);
        if let Some(start) = run.start {
            assert_eq!(start, rates(&state), "{context}: it starts elsewhere");
            continued += u64::from(start != rates(&first_state()));
        }
        let found = check_database(&directory.path().join("metrics.db"), &context);
        let new = found - rows;
        assert!(new >= run.committed, "{context}: {new} of {run:?}");
        assert!(new >= run.completed_long_ago, "{context}: {new} of {run:?}");
        rows = found;
        check_files(directory.path(), &context);
    }
    continued
}

/// What a process said before it was killed.
#[derive(Debug, Default)]
struct Run {
    start: Option<[u64; 2]>,
    committed: u64,
    /// Cycles completed longer than [`MOST_LOST`] before the end.
    completed_long_ago: u64,
}

fn run_and_kill(directory: &Path, life: Duration) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_wanctl-sim-recording"))
        .arg(directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let reader = thread::spawn(move || {
        let lines = output.lines().map_while(Result::ok);
        lines.map(|line| (Instant::now(), line)).collect::<Vec<_>>()
    });
    thread::sleep(life);
    child.kill().unwrap();
    let end = Instant::now();
    child.wait().unwrap();
    let mut run = Run::default();
    for (time, line) in reader.join().unwrap() {
        let words: Vec<_> = line.split(' ').collect();
        let number = |text: &str| text.parse::<u64>().unwrap();
        match words[..] {
            ["start", download, upload] => run.start = Some([number(download), number(upload)]),
            ["cycles", completed, committed] => {
                run.committed = number(committed);
                if time + MOST_LOST < end {
                    run.completed_long_ago = number(completed);
                }
            }
            _ => panic!("{line}"),
        }
    }
    run
}

/// The state that the next process must continue from. Whatever is stored must be whole.
fn stored_state(directory: &Path) -> ControllerState {
    let store = FileStore::new(directory.join("state.json"));
    let exists = store.path().exists();
    let restored = restore(&VirtualWan::household(1).unwrap().controller, &store);
    assert!(restored.notes.is_empty(), "{:?}", restored.notes);
    assert_eq!(restored.continued, exists);
    restored.controller.state()
}

fn first_state() -> ControllerState {
    ControllerState::initial(&VirtualWan::household(1).unwrap().controller)
}

fn rates(state: &ControllerState) -> [u64; 2] {
    let rates = state.queues.map(|queue| queue.rate.truncate().get());
    [rates.download, rates.upload]
}

/// Returns how many cycles are in it.
fn check_database(path: &Path, context: &str) -> u64 {
    if !path.exists() {
        return 0;
    }
    let connection = Connection::open(path).unwrap();
    let verdict: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(verdict, "ok", "{context}");
    let count = "SELECT count(*) FROM metrics WHERE metric_name = 'wanctl_rtt_ms'";
    match connection.query_row(count, [], |row| row.get::<_, i64>(0)) {
        Ok(cycles) => u64::try_from(cycles).unwrap(),
        // Killed before it had made the tables.
        Err(error) => {
            assert!(error.to_string().contains("no such table"), "{error}");
            0
        }
    }
}

/// Kills leave one unfinished state file at most, however many there are.
fn check_files(directory: &Path, context: &str) {
    let known = [
        "metrics.db",
        // Left by a kill while the file was made; SQLite rolls it back.
        "metrics.db-journal",
        "metrics.db-wal",
        "metrics.db-shm",
        "state.json",
        ".state.json.tmp",
    ];
    for entry in fs::read_dir(directory).unwrap() {
        let name: PathBuf = entry.unwrap().file_name().into();
        assert!(
            known.iter().any(|known| name == Path::new(known)),
            "{context}: {}",
            name.display()
        );
    }
}
