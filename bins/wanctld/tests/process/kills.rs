//! The daemon killed at any moment, again and again over the same files: it loses at most its last
//! second and goes on from exactly the rates it had stored.
//!
//! Twelve kills; `WANCTL_KILLS` sets another number.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rusqlite::Connection;
use serde_json::Value;

use crate::daemon::{Site, until};
use crate::icmp_works;
use crate::router::{Manner, Router};

/// Daemons at the same time, each with files of its own.
const LANES: u64 = 4;

/// Kills that the same files go through; more make the database large and its check slow.
const KILLS_OF_ONE_SITE: u64 = 10;

/// The history is committed each half second, the state stored within a second of a change of
/// rate. The rest is for health, which is a tenth of a second old.
const MOST_LOST: Duration = Duration::from_secs(1);
const OLDEST_STATE: Duration = Duration::from_millis(1_500);

/// The rates of the state that a site begins with, far below the ceilings: from there they rise
/// all the time, so that each start can be told from every other.
const FIRST_RATES: [u64; 2] = [6_000_000, 3_000_000];

#[test]
fn a_killed_daemon_loses_at_most_its_last_second_and_never_its_rates() {
    if !icmp_works() {
        return;
    }
    let kills: u64 = std::env::var("WANCTL_KILLS").map_or(12, |kills| kills.parse().unwrap());
    let lanes: Vec<_> = (0..LANES)
        .map(|lane| thread::spawn(move || kill_repeatedly(lane, kills.div_ceil(LANES))))
        .collect();
    let continued: u64 = lanes.into_iter().map(|lane| lane.join().unwrap()).sum();
    assert!(
        continued >= kills / 3,
        "only {continued} starts of {kills} went on from a state of their own"
    );
}

/// Returns how many starts continued from rates that an earlier daemon had stored.
fn kill_repeatedly(lane: u64, kills: u64) -> u64 {
    let mut random = ChaCha8Rng::seed_from_u64(lane);
    let mut bench = Bench::new();
    let mut continued = 0;
    for kill in 0..kills {
        if kill > 0 && kill % KILLS_OF_ONE_SITE == 0 {
            bench = Bench::new();
        }
        let life = Duration::from_millis(random.random_range(20..2_500));
        let context = format!("lane {lane}, kill {kill}, after {life:?}");
        continued += u64::from(bench.run_and_kill(life, &context));
    }
    continued
}

/// One daemon's files, its router, and how far its history has got.
struct Bench {
    site: Site,
    health: u16,
    /// Keeps the router's thread known by name; it serves until the process ends.
    _router: Router,
    rows: u64,
}

/// What health showed once.
#[derive(Clone, Copy, Debug)]
struct Shown {
    at: Instant,
    completed: u64,
    committed: u64,
    download_mbps: f64,
}

impl Bench {
    fn new() -> Self {
        let router = Router::start(Manner::Answers);
        let site = Site::new(router.port);
        let health = free_port();
        let text = site
            .read("wan1.yaml")
            .replace("step_up_mbps: 1,", "step_up_mbps: 0.1,")
            .replace(
                "health_check: {enabled: false}",
                &format!("health_check: {{enabled: true, host: 127.0.0.1, port: {health}}}"),
            );
        fs::write(site.path("wan1.yaml"), text).unwrap();
        let bench = Self {
            site,
            health,
            _router: router,
            rows: 0,
        };
        bench.begin_low();
        bench
    }

    /// Lets a daemon make files of its own, then puts the first rates into its state.
    fn begin_low(&self) {
        let first = self.site.start("err", &[]);
        until("the state is stored", || {
            self.site.path("state.json").exists()
        });
        first.signal(Signal::SIGKILL);
        drop(first);
        let mut state: Value = serde_json::from_str(&self.site.read("state.json")).unwrap();
        for (direction, rate) in ["download", "upload"].into_iter().zip(FIRST_RATES) {
            state[direction]["current_rate"] = rate.into();
        }
        fs::write(self.site.path("state.json"), state.to_string()).unwrap();
        for name in ["metrics.db", "metrics.db-wal", "metrics.db-shm"] {
            drop(fs::remove_file(self.site.path(name)));
        }
    }

    /// Whether the daemon said where it began, and that was not at the first rates.
    fn run_and_kill(&mut self, life: Duration, context: &str) -> bool {
        let stored = self.stored_rates(context);
        drop(fs::remove_file(self.site.path("tape")));
        let tape = self.site.path("tape");
        let (shown, end) = self.live(life, &["--record", tape.to_str().unwrap()]);

        let said = self.site.read("err");
        for trouble in ["WARN", "ERROR", "no stored state"] {
            assert!(!said.contains(trouble), "{context}: {said}");
        }
        let start = self.rates_at_start();
        if let Some(start) = start {
            assert_eq!(start, stored, "{context}: it started elsewhere");
        }
        self.check_database(&shown, end, context);
        let rate = self.stored_rates(context)[0];
        let old = shown.iter().filter(|shown| shown.at + OLDEST_STATE < end);
        // Before its first step health shows the ceilings.
        for old in old.filter(|shown| shown.completed > 0) {
            let seen = old.download_mbps - 0.051;
            let stored = Duration::from_micros(rate).as_secs_f64();
            assert!(stored >= seen, "{context}: {stored} stored, {old:?}");
        }
        self.check_files(context);
        start.is_some_and(|start| start != FIRST_RATES)
    }

    /// Runs a daemon for so long; what its health showed meanwhile, and when it was killed.
    fn live(&self, life: Duration, arguments: &[&str]) -> (Vec<Shown>, Instant) {
        let begun = Instant::now();
        let mut daemon = self.site.start("err", arguments);
        let dead = AtomicBool::new(false);
        thread::scope(|scope| {
            let watcher = scope.spawn(|| self.watch(&dead));
            thread::sleep(life.saturating_sub(begun.elapsed()));
            assert!(daemon.is_running(), "it ended by itself");
            daemon.signal(Signal::SIGKILL);
            let end = Instant::now();
            drop(daemon);
            dead.store(true, Ordering::Relaxed);
            (watcher.join().unwrap(), end)
        })
    }

    fn watch(&self, dead: &AtomicBool) -> Vec<Shown> {
        let mut shown = Vec::new();
        while !dead.load(Ordering::Relaxed) {
            shown.extend(health(self.health));
            thread::sleep(Duration::from_millis(50));
        }
        shown
    }

    /// The rates in the state file, which must be whole.
    fn stored_rates(&self, context: &str) -> [u64; 2] {
        let text = self.site.read("state.json");
        let state: Value = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{context}: {error} in {text:?}"));
        ["download", "upload"].map(|direction| state[direction]["current_rate"].as_u64().unwrap())
    }

    /// The rates that the control law began with, to the bit per second; `None` if the daemon did
    /// not live to see it.
    fn rates_at_start(&self) -> Option<[u64; 2]> {
        let tape = self.site.read("tape");
        let (header, _) = tape.split_once('\n')?;
        let header: Value = serde_json::from_str(header).unwrap();
        let queues = &header["header"]["state"]["queues"];
        let rate = |direction: &str| queues[direction]["rate"].as_f64().unwrap();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "rates are whole and small"
        )]
        Some(["download", "upload"].map(|direction| rate(direction) as u64))
    }

    fn check_database(&mut self, shown: &[Shown], end: Instant, context: &str) {
        let found = rows(&self.site, context);
        let new = found - self.rows;
        self.rows = found;
        let committed = shown.iter().map(|shown| shown.committed).max();
        let old = shown.iter().filter(|shown| shown.at + MOST_LOST < end);
        let completed_long_ago = old.map(|shown| shown.completed).max();
        assert!(
            new >= committed.max(completed_long_ago).unwrap_or(0),
            "{context}: {new} rows, {committed:?} committed, {completed_long_ago:?} made long ago"
        );
    }

    /// Kills leave one unfinished state file and one socket at most, however many there are.
    fn check_files(&self, context: &str) {
        let known = [
            "wan1.yaml",
            "wan1.lock",
            "main.log",
            "err",
            "tape",
            "metrics.db",
            // Left by a kill while the file was made; SQLite rolls it back.
            "metrics.db-journal",
            "metrics.db-wal",
            "metrics.db-shm",
            "state.json",
            ".state.json.tmp",
            // What steering listens to; the next start puts a new one in its place.
            "state.sock",
        ];
        for entry in fs::read_dir(self.site.dir.path()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(known.contains(&name.as_str()), "{context}: {name}");
        }
    }
}

/// Cycles in the database, which must be sound.
fn rows(site: &Site, context: &str) -> u64 {
    let path = site.path("metrics.db");
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

/// What health shows now; `None` while nothing answers.
fn health(port: u16) -> Option<Shown> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    let request = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    let report: Value = serde_json::from_str(body).ok()?;
    let wan = &report["wans"][0];
    Some(Shown {
        at: Instant::now(),
        completed: wan["cycles"]["completed"].as_u64()?,
        committed: report["history"]["committed"].as_u64()?,
        download_mbps: wan["download"]["current_rate_mbps"].as_f64()?,
    })
}

/// Nobody else is likely to take it before the daemon does.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
