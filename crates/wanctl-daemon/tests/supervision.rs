//! One WAN's trouble stays that WAN's.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::future::Future;
use std::net::{AddrParseError, IpAddr};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;
use wanctl_config::WanConfig;
use wanctl_daemon::{Clock, Daemon, DaemonOptions, World, WorldError};
use wanctl_probe::{EchoRequest, ProbeConfig, Received, ReserveAnswer, ReserveChecks, Transport};
use wanctl_router::{
    Applied, Backend, Capabilities, Counters, Error, Limits, Observed, Outcome, QueueCounters,
    RouterOsConfig,
};
use wanctl_telemetry::WanSnapshot;
use wanctl_types::{Bps, PerDirection, WallTime};

/// The reflector whose transport panics.
const CURSED: &str = "192.0.2.66";
/// How often it does before it behaves.
const PANICS: u32 = 2;
/// The reflector whose name is known only after so many look-ups.
const LATE: &str = "late.example";
const LATE_FAILURES: u32 = 2;
/// Probes it sends before it panics.
const PROBES_BEFORE: u32 = 40;
const RTT: Duration = Duration::from_millis(20);

#[tokio::test(start_paused = true)]
async fn a_wan_that_panics_is_started_again_alone() {
    let directory = tempfile::tempdir().unwrap();
    let wans = vec![
        config(directory.path(), "steady", "192.0.2.1"),
        config(directory.path(), "cursed", CURSED),
    ];
    let world = Arc::new(TestWorld::default());
    let clock = Clock::simulated(1.0, WallTime::from_unix_millis(1_800_000_000_000));
    let daemon = Daemon::new(wans, clock, world.clone(), DaemonOptions::default());
    let snapshots = daemon.snapshots();
    let shutdown = CancellationToken::new();
    let watch = async {
        // Two panics after 2 s of probing each, pauses of 1 s and 2 s, then good behaviour.
        tokio::time::sleep(Duration::from_secs(15)).await;
        let seen = snapshots.borrow().clone();
        shutdown.cancel();
        seen
    };
    let (ended, seen) = tokio::join!(daemon.run(shutdown.clone()), watch);

    assert_eq!(ended.unwrap().incomplete, 0);
    assert_eq!(world.incarnations.load(Ordering::Relaxed), PANICS + 1);
    let [steady, cursed] = &seen.wans[..] else {
        panic!("{seen:?}");
    };
    assert_eq!(steady.counters.missed_ticks, 0);
    assert!(
        (290..=301).contains(&steady.counters.completed),
        "{steady:?}"
    );
    assert!(
        (100..=180).contains(&cursed.counters.completed),
        "{cursed:?}"
    );
    assert_eq!(cursed.consecutive_failures, 0);
}

#[tokio::test(start_paused = true)]
async fn a_wan_that_cannot_start_is_tried_again_and_the_end_does_not_wait_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let wans = vec![
        config(directory.path(), "steady", "192.0.2.1"),
        config(directory.path(), "lost", "nowhere.invalid"),
    ];
    let world = Arc::new(TestWorld::default());
    let clock = Clock::simulated(1.0, WallTime::from_unix_millis(1_800_000_000_000));
    let daemon = Daemon::new(wans, clock, world.clone(), DaemonOptions::default());
    let snapshots = daemon.snapshots();
    let shutdown = CancellationToken::new();
    let watch = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        let completed = snapshots.borrow().wans[0].counters.completed;
        let stopped_at = Instant::now();
        shutdown.cancel();
        (completed, stopped_at)
    };
    let (ended, (completed, stopped_at)) = tokio::join!(daemon.run(shutdown.clone()), watch);

    assert_eq!(ended.unwrap().incomplete, 1);
    assert!(completed >= 390, "{completed}");
    // At 0, 1, 3, 7 and 15 s.
    assert_eq!(world.failed_look_ups.load(Ordering::Relaxed), 5);
    assert!(
        stopped_at.elapsed() < Duration::from_secs(2),
        "{:?}",
        stopped_at.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_reflector_without_an_address_is_waited_for_while_the_others_are_probed() {
    let directory = tempfile::tempdir().unwrap();
    let three = format!("192.0.2.1, {LATE}, 192.0.2.2");
    let wan = config(directory.path(), "median", &three);
    let (early, late) = before_and_after_its_address(wan).await;

    let early_steps = early.counters.completed;
    assert!((690..=701).contains(&early_steps), "{early:?}");
    let sent = |wan: &WanSnapshot| [0, 1, 2].map(|place| wan.reflectors[place].sent);
    assert_eq!(sent(&early)[1], 0);
    assert_eq!(early.reflectors[1].host, LATE);
    assert_eq!([0, 1, 2].map(|place| early.reflectors[place].lost), [0; 3]);
    assert!((180..=201).contains(&sent(&late)[1]), "{late:?}");
    assert!(late.reflectors[1].rtt.is_some());
    let late_steps = late.counters.completed - early_steps;
    assert!((298..=301).contains(&late_steps), "{late_steps}");
}

#[tokio::test(start_paused = true)]
async fn a_law_that_looks_at_each_reflector_has_all_probed_and_waits_for_the_first() {
    let directory = tempfile::tempdir().unwrap();
    let two = format!("{LATE}, 192.0.2.1");
    let wan = config_with(directory.path(), "ticks", &two, "law: adaptive");
    let (early, late) = before_and_after_its_address(wan).await;

    assert_eq!(early.reflectors.len(), 2);
    assert!((690..=701).contains(&early.counters.completed), "{early:?}");
    let sent = |wan: &WanSnapshot| [0, 1].map(|place| wan.reflectors[place].sent);
    assert_eq!(sent(&early)[0], 0);
    assert!((690..=701).contains(&sent(&early)[1]), "{early:?}");
    assert_eq!([0, 1].map(|place| early.reflectors[place].lost), [0; 2]);
    assert!((180..=201).contains(&sent(&late)[0]), "{late:?}");
    assert!(late.reflectors[0].rtt.is_some());
    let late_steps = late.counters.completed - early.counters.completed;
    assert!((298..=301).contains(&late_steps), "{late_steps}");
}

/// Runs a WAN that has [`LATE`] among its reflectors, for 50 s; what it shows after 35 s and at the
/// end.
async fn before_and_after_its_address(wan: WanConfig) -> (WanSnapshot, WanSnapshot) {
    let world = Arc::new(TestWorld::default());
    let clock = Clock::simulated(1.0, WallTime::from_unix_millis(1_800_000_000_000));
    let daemon = Daemon::new(vec![wan], clock, world.clone(), DaemonOptions::default());
    let snapshots = daemon.snapshots();
    let shutdown = CancellationToken::new();
    let watch = async {
        // Looked up at the start, after 10 s, and after 40 s.
        tokio::time::sleep(Duration::from_secs(35)).await;
        let early = snapshots.borrow().wans.first().unwrap().clone();
        tokio::time::sleep(Duration::from_secs(15)).await;
        let late = snapshots.borrow().wans.first().unwrap().clone();
        shutdown.cancel();
        (early, late)
    };
    let (ended, seen) = tokio::join!(daemon.run(shutdown.clone()), watch);

    assert_eq!(ended.unwrap().incomplete, 0);
    assert_eq!(world.failed_look_ups.load(Ordering::Relaxed), LATE_FAILURES);
    seen
}

#[derive(Default)]
struct TestWorld {
    incarnations: AtomicU32,
    failed_look_ups: AtomicU32,
}

#[async_trait]
impl World for TestWorld {
    async fn resolve(&self, config: &ProbeConfig) -> Vec<Result<IpAddr, WorldError>> {
        let find = |host: &String| {
            let failed = self.failed_look_ups.load(Ordering::Relaxed);
            if host == LATE && failed == LATE_FAILURES {
                return Ok(IpAddr::from([192, 0, 2, 9]));
            }
            host.parse().map_err(|error: AddrParseError| {
                self.failed_look_ups.fetch_add(1, Ordering::Relaxed);
                WorldError::Other(Box::new(error))
            })
        };
        config.reflectors.iter().map(find).collect()
    }

    fn transport(
        &self,
        _config: &ProbeConfig,
        targets: &[IpAddr],
    ) -> Result<Box<dyn Transport>, WorldError> {
        let cursed = targets.contains(&CURSED.parse().unwrap());
        let panics = cursed && self.incarnations.fetch_add(1, Ordering::Relaxed) < PANICS;
        Ok(Box::new(Echo {
            probes_left: panics.then_some(PROBES_BEFORE),
            replies: VecDeque::new(),
            timer: None,
        }))
    }

    fn reserve(&self, _config: &ProbeConfig) -> Arc<dyn ReserveChecks> {
        Arc::new(NoReserve)
    }

    fn backend(&self, _config: &RouterOsConfig) -> Result<Arc<dyn Backend>, WorldError> {
        Ok(Arc::new(Obedient))
    }
}

/// Answers every probe after [`RTT`].
struct Echo {
    probes_left: Option<u32>,
    replies: VecDeque<(Instant, Received)>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Transport for Echo {
    fn send(&mut self, request: &EchoRequest) -> Result<(), wanctl_probe::Error> {
        if let Some(left) = &mut self.probes_left {
            *left = left.checked_sub(1).unwrap();
        }
        let reply = Received {
            source: request.target,
            sequence: request.sequence,
            nonce: request.nonce,
            sent_at: request.sent_at,
            waited: Duration::ZERO,
        };
        self.replies.push_back((Instant::now() + RTT, reply));
        Ok(())
    }

    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Received, wanctl_probe::Error>> {
        let Some((due, reply)) = self.replies.front().copied() else {
            return Poll::Pending;
        };
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        if timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.timer = None;
        self.replies.pop_front();
        Poll::Ready(Ok(reply))
    }
}

struct NoReserve;

#[async_trait]
impl ReserveChecks for NoReserve {
    async fn check(&self) -> ReserveAnswer {
        ReserveAnswer::Nothing
    }
}

/// A router that does as it is told.
struct Obedient;

#[async_trait]
impl Backend for Obedient {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new(QueueCounters::default(), false, Duration::ZERO)
    }

    async fn apply(&self, limits: Limits) -> Applied {
        let taken = |observed| {
            Ok(Outcome {
                observed,
                latency: Duration::ZERO,
            })
        };
        Applied {
            directions: limits.map(|limit| limit.map(taken)),
        }
    }

    async fn observe(&self) -> Result<Observed, Error> {
        Ok(PerDirection::new(Bps::from_mbps(60), Bps::from_mbps(12)).into())
    }

    async fn counters(&self) -> Result<PerDirection<Counters>, Error> {
        Ok(PerDirection::default())
    }
}

fn config(directory: &Path, name: &str, reflector: &str) -> WanConfig {
    config_with(directory, name, reflector, "law: reference")
}

fn config_with(directory: &Path, name: &str, reflector: &str, law: &str) -> WanConfig {
    let directory = directory.display();
    let text = format!(
        "
wan_name: {name}
router: {{host: 192.0.2.254, user: wanctl, password: x, port: 443, verify_ssl: false}}
queues: {{download: {name}-down, upload: {name}-up}}
state_file: '{directory}/{name}.json'
lock_file: '{directory}/{name}.lock'
health_check: {{enabled: false}}
continuous_monitoring:
  enabled: true
  {law}
  baseline_rtt_initial: 20
  ping_hosts: [{reflector}]
  use_median_of_three: true
  download: {{floor_mbps: 10, ceiling_mbps: 60, step_up_mbps: 1, factor_down: 0.85}}
  upload: {{floor_mbps: 3, ceiling_mbps: 12, step_up_mbps: 1, factor_down: 0.9}}
  thresholds:
    target_bloat_ms: 9
    warn_bloat_ms: 25
    baseline_time_constant_sec: 30
    load_time_constant_sec: 0.2
"
    );
    wanctl_config::parse(name, &text, &|_| None).unwrap().config
}
