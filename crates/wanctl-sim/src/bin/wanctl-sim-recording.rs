//! A fixture of the tests: one WAN under load, twenty times as fast as in life, with its real
//! history and state file in the directory given, until it is killed. Its output says where it
//! continues from, and again and again how many cycles were completed and how many committed.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;
use wanctl_daemon::{FileStore, restore};
use wanctl_sim::{Link, Scenario, VirtualWan};
use wanctl_storage::{Recorder, StorageConfig};
use wanctl_telemetry::WanSnapshot;

const SPEED: f64 = 20.0;
const REPORT_INTERVAL: Duration = Duration::from_millis(10);
/// Of simulated time; nobody waits for its end.
const LIFE: Duration = Duration::from_hours(2);

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args_os().nth(1);
    let directory = PathBuf::from(directory.ok_or("usage: wanctl-sim-recording DIRECTORY")?);
    let recorder = Recorder::start(StorageConfig {
        db_path: directory.join("metrics.db"),
        // Records of simulated time are old on the day they are made.
        retention_days: 100_000,
    })?;
    let mut wan = VirtualWan::household(1)?;
    wan.history = Some(recorder.handle(wan.name.clone()));
    continue_from(&mut wan, FileStore::new(directory.join("state.json")))?;
    let views = wan.views();
    let seen = views.subscribe();
    std::thread::spawn(move || report(&seen, &recorder));
    wan.run_at_speed(Link::new(Scenario::download().link, 1), SPEED, LIFE, &views)?;
    Ok(())
}

fn continue_from(wan: &mut VirtualWan, store: FileStore) -> io::Result<()> {
    let restored = restore(&wan.controller, &store);
    let state = restored.controller.state();
    let rates = state.queues.map(|queue| queue.rate.truncate().get());
    say(format_args!("start {} {}", rates.download, rates.upload))?;
    wan.state = Some(state);
    wan.state_file = Some(store);
    Ok(())
}

fn report(seen: &watch::Receiver<WanSnapshot>, recorder: &Recorder) -> io::Result<()> {
    loop {
        let completed = seen.borrow().counters.completed;
        let committed = recorder.stats().committed;
        say(format_args!("cycles {completed} {committed}"))?;
        std::thread::sleep(REPORT_INTERVAL);
    }
}

/// One write for each line, so that a line is whole or absent.
fn say(line: fmt::Arguments<'_>) -> io::Result<()> {
    io::stdout().write_all(format!("{line}\n").as_bytes())
}
