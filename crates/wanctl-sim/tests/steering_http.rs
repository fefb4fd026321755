//! The steering daemon against the simulated router over real HTTP, in real time: comments with
//! colons and blanks, a device that restarts, a rival, a recording that replays.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::io::BufReader;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::io::AsyncReadExt;
use tokio_util::sync::CancellationToken;
use wanctl_config::{SteerConfig, SteerWan, parse_steering};
use wanctl_daemon::{
    Clock, Explanation, NoFeed, ShaperFeed, SteerDaemon, SteerOptions, SteerWorld, WorldError,
    replay_steering, socket_path,
};
use wanctl_probe::{ProbeConfig, Transport};
use wanctl_router::{
    MangleRules, RouterOsConfig, RouterOsRest, Routes, RuleChange, Scheme, SteeringRouter,
};
use wanctl_sim::{ProbeFate, RouterOs, RouterOsServer, UdpReflector, UdpTransport};
use wanctl_types::{Bps, Millis, PerDirection, QueueName};

const RULE: &str = "ADAPTIVE: Steer latency-sensitive to dsl";
const PASSWORD: &str = "s3cret";

async fn device() -> (RouterOs, RouterOsServer) {
    let router = RouterOs::new();
    router.set_credentials("wanctl", &SecretString::from(PASSWORD));
    router.add_queue("Down", Bps::from_mbps(50));
    router.add_mangle_rule("ADAPTIVE: Steer latency-sensitive to dsl (old)", true);
    router.add_mangle_rule(RULE, false);
    router.add_default_route("WAN cable", "10.0.0.1", 1);
    router.add_default_route("WAN dsl", "10.1.0.1", 2);
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = RouterOsServer::start(loopback, router.clone())
        .await
        .unwrap();
    (router, server)
}

fn client(server: &RouterOsServer) -> RouterOsRest {
    let queue = |name: &str| QueueName::new(name).unwrap();
    let mut config = RouterOsConfig::new(
        server.address().ip().to_string(),
        "wanctl".to_owned(),
        SecretString::from(PASSWORD),
        PerDirection::new(queue("Down"), queue("Up")),
    );
    config.scheme = Scheme::Http;
    config.port = server.address().port();
    RouterOsRest::new(config).unwrap()
}

#[tokio::test]
async fn rules_and_routes_are_found_moved_and_read_back_even_after_a_restart() {
    let (router, server) = device().await;
    let client = client(&server);
    assert!(client.rule(RULE).await.unwrap().disabled);
    let changed = client.set_rule_enabled(RULE, true).await.unwrap();
    assert_eq!(changed, RuleChange::Changed);
    assert_eq!(router.mangle_rule_enabled(RULE), Some(true));
    let _changed = client.set_route_distance("WAN cable", 101).await.unwrap();
    assert_eq!(router.route_distance("WAN cable"), Some(101));
    router.save();
    router.reboot();
    let same = client.set_rule_enabled(RULE, true).await.unwrap();
    assert_eq!(same, RuleChange::AlreadySo);
    let _changed = client.set_route_distance("WAN cable", 1).await.unwrap();
    assert_eq!(router.route_distance("WAN cable"), Some(1));
    assert_eq!(client.download_counters().await.unwrap().dropped, Some(0));
}

#[tokio::test]
async fn a_netwatch_script_for_the_same_route_is_found() {
    let (router, server) = device().await;
    let client = client(&server);
    let comments = [RULE.to_owned(), "WAN cable".to_owned()];
    assert_eq!(client.rivals(&comments).await.unwrap(), []);
    router.add_netwatch(
        "1.1.1.1",
        "/ip/route/set [find comment=\"WAN cable\"] distance=9",
    );
    let rivals = client.rivals(&comments).await.unwrap();
    assert_eq!(rivals.len(), 1);
    assert_eq!(rivals.first().unwrap().object, "WAN cable");
}

/// Probes go to reflectors over UDP, one per WAN; everything else is real.
struct Loopback {
    reflectors: [UdpReflector; 2],
}

#[async_trait]
impl SteerWorld for Loopback {
    async fn resolve(&self, config: &ProbeConfig) -> Vec<Result<IpAddr, WorldError>> {
        let hosts = config.reflectors.iter();
        hosts.map(|host| Ok(host.parse().unwrap())).collect()
    }

    fn transport(
        &self,
        config: &ProbeConfig,
        _targets: &[IpAddr],
    ) -> Result<Box<dyn Transport>, WorldError> {
        let [one, two] = &self.reflectors;
        let first = config.binding.interface.as_deref() == Some("one");
        let reflector = if first { one } else { two };
        Ok(Box::new(UdpTransport::to(reflector).unwrap()))
    }

    fn router(&self, config: &RouterOsConfig) -> Result<Arc<dyn SteeringRouter>, WorldError> {
        Ok(Arc::new(RouterOsRest::new(config.clone())?))
    }

    fn shaper(&self, _clock: &Clock, _wan: &SteerWan) -> Box<dyn ShaperFeed> {
        Box::new(NoFeed)
    }
}

fn config(server: &RouterOsServer, directory: &Path) -> SteerConfig {
    let text = format!(
        "wan_name: steering
router: {{host: {host}, port: {port}, user: wanctl, password: {PASSWORD}}}
topology:
  primary_wan: cable
  alternate_wan: dsl
  wans:
    - {{name: cable, interface: one, targets: [127.0.0.1, 127.0.0.2, 127.0.0.3]}}
    - {{name: dsl, interface: two, targets: [127.0.0.1, 127.0.0.2, 127.0.0.3]}}
mangle_rule: {{comment: '{RULE}'}}
cake_queues: {{primary_download: Down, primary_upload: Up}}
measurement: {{interval_seconds: 0.2, ping_host: 127.0.0.1, ping_count: 3, probe_interval_ms: 100}}
thresholds: {{}}
decision: {{enter_after_sec: 1.0, leave_after_sec: 1.0, silence_sec: 0.8}}
confidence: {{hold_down_duration_sec: 1.0}}
state: {{file: '{dir}/state.json', history_size: 60}}
logging: {{main_log: '{dir}/log', debug_log: '{dir}/debug'}}
lock_file: '{dir}/lock'
lock_timeout: 60
storage: {{db_path: '{dir}/metrics.db'}}
health_check: {{port: 0}}
",
        host = server.address().ip(),
        port = server.address().port(),
        dir = directory.display(),
    );
    let loaded = parse_steering("steering.yaml", &text, &|_| None, &|_| None);
    loaded.unwrap_or_else(|report| panic!("{report}")).config
}

fn reflector(rtt: Arc<std::sync::Mutex<Option<f64>>>) -> UdpReflector {
    let hosts = [1, 2, 3].map(|last| IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)));
    let fate = move || match *rtt.lock().unwrap() {
        Some(rtt) => ProbeFate::Answered {
            rtt: Millis::saturating(rtt),
        },
        None => ProbeFate::Lost,
    };
    UdpReflector::start(&hosts, 0, 1.0, fate).unwrap()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..1_200 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{what} did not happen");
}

#[tokio::test]
async fn a_daemon_in_real_time_moves_traffic_explains_records_and_replays() {
    let (router, server) = device().await;
    let directory = tempfile::tempdir().unwrap();
    let cable = Arc::new(std::sync::Mutex::new(Some(15.0)));
    let world = Loopback {
        reflectors: [
            reflector(Arc::clone(&cable)),
            reflector(Arc::new(std::sync::Mutex::new(Some(25.0)))),
        ],
    };
    let tape = directory.path().join("steering.jsonl");
    let mut options = SteerOptions::default();
    options.record = Some(tape.clone());
    let config = config(&server, directory.path());
    let state_file = config.files.state_file.clone();
    let daemon = SteerDaemon::new(config, Clock::system(), Arc::new(world), options);
    let views = daemon.views();
    let stop = CancellationToken::new();
    let running = tokio::spawn(daemon.run(stop.clone()));

    until("a first verdict", || {
        views
            .borrow()
            .decision
            .as_ref()
            .is_some_and(|decision| decision.level == wanctl_steering::Level::Green)
    })
    .await;
    *cable.lock().unwrap() = None;
    until("the move", || {
        router.mangle_rule_enabled(RULE) == Some(true)
    })
    .await;
    let explained = explain(&state_file).await;
    assert_eq!(explained.state, "CABLE_DEGRADED");
    let text = explained.to_string();
    assert!(
        text.contains("silent for") && text.contains("dsl"),
        "{text}"
    );

    *cable.lock().unwrap() = Some(15.0);
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.cancel();
    let ended = running.await.unwrap().unwrap();
    assert_eq!(ended.view.counters.moves, 1);
    assert_eq!(
        router.mangle_rule_enabled(RULE),
        Some(true),
        "left as it is"
    );

    let replayed = replay_steering(BufReader::new(File::open(&tape).unwrap())).unwrap();
    assert!(replayed.steps > 10, "{replayed:?}");
    assert_eq!((replayed.moves, replayed.diverged), (1, 0));
    let rows = wanctl_storage::Reader::open(directory.path().join("metrics.db"))
        .unwrap()
        .query(&wanctl_storage::Query::between(0, i64::MAX))
        .unwrap();
    let moved = rows.iter().filter(|row| {
        let labels = row.labels.as_deref().unwrap_or_default();
        row.metric_name == "wanctl_steering_enabled" && labels.contains("CABLE_DEGRADED")
    });
    assert_eq!(moved.count(), 1);
    assert!(
        rows.iter()
            .any(|row| row.metric_name == "wanctl_config_snapshot")
    );
}

async fn explain(state_file: &Path) -> Explanation {
    let mut stream = tokio::net::UnixStream::connect(socket_path(state_file))
        .await
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    serde_json::from_str(&text).unwrap()
}
