//! The daemon as a process: exit codes, signals, the lock, files, and what a service manager hears.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "a test fails by panicking and says what it skips"
)]

#[path = "process/daemon.rs"]
mod daemon;
#[path = "process/kills.rs"]
mod kills;
#[path = "process/router.rs"]
mod router;

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::time::Duration;

use daemon::{Inbox, Site, until};
use nix::fcntl::OFlag;
use nix::sys::signal::Signal;
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use router::{Manner, Router};
use wanctl_storage::{Query, Reader, Row};

/// What it must not take; the target is 2 s, the rest is for busy machines.
const STOP_LIMIT: Duration = Duration::from_secs(5);

#[test]
fn a_configuration_is_judged_by_the_exit_code() {
    let site = Site::new(1);
    assert_eq!(
        site.start("err", &["--validate-config"]).end().code(),
        Some(0)
    );

    let text = site
        .read("wan1.yaml")
        .replace("factor_down: 0.85", "factor_down: 8.5");
    fs::write(site.path("wan1.yaml"), text).unwrap();
    assert_eq!(
        site.start("err", &["--validate-config"]).end().code(),
        Some(1)
    );
    let said = site.read("err");
    assert!(said.contains("factor_down"), "{said}");
    assert_eq!(
        site.start("err", &[]).end().code(),
        Some(1),
        "it must not start either"
    );
}

#[test]
fn a_second_instance_names_the_first_and_leaves_it_alone() {
    let router = Router::start(Manner::Answers);
    let site = Site::new(router.port);
    let mut first = site.start("first", &[]);
    until("the lock is signed", || {
        site.read("wan1.lock").trim() == first.id().to_string()
    });
    assert_eq!(site.start("second", &[]).end().code(), Some(1));
    let said = site.read("second");
    assert!(said.contains(&format!("process {}", first.id())), "{said}");
    assert!(first.is_running());
    assert_eq!(first.terminate().0.code(), Some(0));
    let third = site.start("third", &["--oneshot"]).end().code();
    assert!(
        third.is_some() && !site.read("third").contains("process"),
        "the lock is free again"
    );
}

#[test]
fn a_crash_leaves_no_lock_and_the_state_behind() {
    let router = Router::start(Manner::Answers);
    let site = Site::new(router.port);
    if !icmp_works() {
        return;
    }
    let first = site.start("first", &[]);
    until("the state is stored", || site.path("state.json").exists());
    first.signal(Signal::SIGKILL);
    drop(first);
    let text = site.read("state.json");
    let stored = text.replace("\"current_rate\":50000000", "\"current_rate\":31000000");
    assert_ne!(stored, text, "{text}");
    fs::write(site.path("state.json"), stored).unwrap();

    let mut second = site.start("second", &[]);
    until("the second goes on", || {
        site.read("second")
            .contains("continuing from the stored state")
    });
    let said = site.read("second");
    assert!(said.contains("download=31"), "{said}");
    assert_eq!(second.terminate().0.code(), Some(0));
}

#[test]
fn one_shot_writes_the_rates_and_ends() {
    let router = Router::start(Manner::Answers);
    let site = Site::new(router.port);
    let code = site.start("err", &["--oneshot"]).end().code();
    if !icmp_works() {
        assert_eq!(
            code,
            Some(1),
            "no probe can be sent, so the step is not complete"
        );
        return;
    }
    assert_eq!(code, Some(0), "{}", site.read("err"));
    assert_eq!(
        router.limits(),
        [50_000_000, 10_000_000],
        "{}",
        site.read("err")
    );
    assert!(site.path("state.json").exists());
    assert_eq!(rows_of("wanctl_rtt_ms", &site).len(), 1);
}

#[test]
fn a_quiet_stop_leaves_state_and_history() {
    let router = Router::start(Manner::Answers);
    let site = Site::new(router.port);
    let mut daemon = site.start("err", &[]);
    if icmp_works() {
        until("rates are written", || {
            router.limits() == [50_000_000, 10_000_000]
        });
    } else {
        until("it starts", || site.read("err").contains("wanctld"));
    }
    let (status, took) = daemon.terminate();
    report("a router that answers", took);
    assert_eq!(status.code(), Some(0));
    assert!(took < STOP_LIMIT);
    if icmp_works() {
        assert!(
            site.read("state.json")
                .contains("\"current_rate\":50000000")
        );
        assert!(!rows_of("wanctl_rtt_ms", &site).is_empty());
    }
    assert!(site.read("err").contains("stopped"), "{}", site.read("err"));
}

#[test]
fn a_router_that_hangs_does_not_hold_up_the_stop() {
    let router = Router::start(Manner::Hangs);
    let site = Site::new(router.port);
    let mut daemon = site.start("err", &[]);
    if icmp_works() {
        until("a step is made", || site.path("state.json").exists());
    } else {
        until("it starts", || site.read("err").contains("wanctld"));
    }
    let (status, took) = daemon.terminate();
    report("a router that hangs", took);
    assert_eq!(status.code(), Some(0), "{}", site.read("err"));
    assert!(took < STOP_LIMIT);
}

#[test]
fn a_disk_that_hangs_does_not_hold_up_the_stop() {
    let router = Router::start(Manner::Answers);
    let site = Site::new(router.port);
    // Nobody ever opens its other end, so storing the state never comes to an end.
    let pipe = site.path(".state.json.tmp");
    mkfifo(&pipe, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    let mut daemon = site.start("err", &[]);
    if icmp_works() {
        until("rates are written", || {
            router.limits() == [50_000_000, 10_000_000]
        });
    } else {
        until("it starts", || site.read("err").contains("wanctld"));
    }
    let (status, took) = daemon.terminate();
    report("a disk that hangs", took);
    assert_eq!(status.code(), Some(0), "{}", site.read("err"));
    assert!(took < STOP_LIMIT);
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
    assert!(!site.path("state.json").exists(), "the disk did not hang");
}

#[test]
fn a_log_that_nobody_reads_holds_nobody_up() {
    let router = Router::start(Manner::Answers);
    let site = Site::new(router.port);
    if !icmp_works() {
        return;
    }
    // A pipe that is full before the first line.
    let path = site.path("err");
    mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    let mut pipe = OpenOptions::new();
    pipe.custom_flags(OFlag::O_NONBLOCK.bits());
    let mut pipe = pipe.read(true).write(true).open(&path).unwrap();
    while pipe.write_all(&[b'.'; 4_096]).is_ok() {}
    let mut daemon = site.start("err", &[]);
    until("the line is controlled", || {
        router.limits() == [50_000_000, 10_000_000]
    });
    let steps = || try_rows_of("wanctl_rtt_ms", &site).map_or(0, |rows| rows.len());
    until("a second of steps", || steps() >= 20);
    assert!(site.read("main.log").contains("starting"));

    let mut said = Vec::new();
    until("what was said is read", || {
        let mut part = vec![0; 65_536];
        let length = pipe.read(&mut part).unwrap_or(0);
        said.extend_from_slice(&part[..length]);
        String::from_utf8_lossy(&said).contains("starting")
    });
    while pipe.write_all(&[b'.'; 4_096]).is_ok() {}
    let before = steps();
    daemon.signal(Signal::SIGHUP);
    until("another second of steps", || steps() >= before + 20);
    let (status, took) = daemon.terminate();
    report("a log that nobody reads", took);
    assert_eq!(status.code(), Some(0));
    assert!(took < STOP_LIMIT);
}

#[test]
fn a_service_manager_hears_of_the_start_of_life_of_a_reload_and_of_the_end() {
    let router = Router::start(Manner::Hangs);
    let site = Site::new(router.port);
    let path = site.path("notify");
    let mut inbox = Inbox::bind(&path);
    let mut daemon = site.start_notifying("err", &[], Some(&path));
    let ready = inbox.hear("READY=1");
    assert!(ready.contains("STATUS=wan1 50.0/10.0 Mbit/s"), "{ready}");
    // The router hangs, and still: the loop turns.
    inbox.hear("WATCHDOG=1");
    inbox.hear("WATCHDOG=1");

    fs::rename(site.path("main.log"), site.path("main.log.1")).unwrap();
    daemon.signal(Signal::SIGHUP);
    let reloading = inbox.hear("RELOADING=1");
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    inbox.hear("READY=1");
    until("the new log is used", || {
        site.read("main.log").contains("SIGHUP")
    });
    assert!(!site.read("main.log.1").contains("SIGHUP"));

    daemon.signal(Signal::SIGTERM);
    inbox.hear("STOPPING=1");
    assert_eq!(daemon.end().code(), Some(0));
}

#[test]
fn a_silent_provider_is_no_reason_to_be_killed() {
    let router = Router::start(Manner::Answers);
    let site = Site::new(router.port);
    // The loopback interface swallows what is not for this machine.
    let text = site
        .read("wan1.yaml")
        .replace("[127.0.0.1]", "[192.0.2.1]")
        .replace("wan_name: wan1", "wan_name: wan1\nping_interface: lo")
        + "timeouts: {ping: 0.1}\n";
    fs::write(site.path("wan1.yaml"), text).unwrap();
    let path = site.path("notify");
    let mut inbox = Inbox::bind(&path);
    let mut daemon = site.start_notifying("err", &[], Some(&path));
    inbox.hear("READY=1");
    let heard: Vec<_> = (0..6).map(|_| inbox.hear("WATCHDOG=1")).collect();
    if icmp_works() {
        assert!(heard[5].contains("failed steps"), "{heard:?}");
    }
    assert_eq!(daemon.terminate().0.code(), Some(0));
}

fn rows_of(metric: &str, site: &Site) -> Vec<Row> {
    try_rows_of(metric, site).unwrap()
}

/// An error while the database is not made yet.
fn try_rows_of(metric: &str, site: &Site) -> Result<Vec<Row>, wanctl_storage::Error> {
    let mut query = Query::between(0, i64::MAX);
    query.metrics.push(metric.to_owned());
    Reader::open(site.path("metrics.db"))?.query(&query)
}

fn report(case: &str, took: Duration) {
    eprintln!("SIGTERM with {case}: stopped after {} ms", took.as_millis());
}

/// Whether this process, and so the daemon, may send pings.
fn icmp_works() -> bool {
    let open = |kind| {
        let protocol = SockProtocol::Icmp;
        socket(AddressFamily::Inet, kind, SockFlag::SOCK_CLOEXEC, protocol).is_ok()
    };
    let works = open(SockType::Datagram) || open(SockType::Raw);
    if !works {
        eprintln!("SKIPPED in part: no ICMP socket (net.ipv4.ping_group_range, CAP_NET_RAW)");
    }
    works
}
