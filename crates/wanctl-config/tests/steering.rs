//! Files of the steering daemon: what they mean, and what is said about mistakes.
#![expect(clippy::unwrap_used, reason = "a broken fixture must fail its test")]

mod common;

use std::path::Path;
use std::time::Duration;

use common::env;
use wanctl_config::{Code, LoadedSteering, Report, WanConfig, parse_steering};
use wanctl_steering::EngineConfig;

/// The smallest file that the Python wanctl takes.
const MINIMAL: &str = "\
wan_name: steering
router:
  host: 192.168.88.1
  user: wanctl
  ssh_key: /etc/wanctl/key
topology:
  primary_wan: cable
  primary_wan_config: /etc/wanctl/cable.yaml
  alternate_wan: dsl
mangle_rule:
  comment: 'ADAPTIVE: Steer latency-sensitive to DSL'
measurement:
  interval_seconds: 0.5
  ping_host: 1.1.1.1
  ping_count: 3
thresholds: {}
state:
  file: /var/lib/wanctl/steering_state.json
  history_size: 240
logging:
  main_log: /var/log/wanctl/steering.log
  debug_log: /var/log/wanctl/steering_debug.log
lock_file: /run/wanctl/steering.lock
lock_timeout: 60
";

/// Rate-control files in `/etc/wanctl`, each with a source address of its own.
fn neighbours(path: &Path) -> Option<WanConfig> {
    let name = path.file_stem()?.to_str()?;
    let address = match name {
        "cable" => "10.0.0.2",
        "dsl" => "10.1.0.2",
        _ => return None,
    };
    if path.parent()? != Path::new("/etc/wanctl") {
        return None;
    }
    let text = common::MINIMAL
        .replace("wan_name: cable", &format!("wan_name: {name}"))
        .replace("/run/wanctl/cable", &format!("/run/wanctl/{name}"));
    let text = format!("{text}ping_source_ip: {address}\n");
    Some(common::valid(&text).config)
}

fn read(text: &str) -> Result<LoadedSteering, Report> {
    parse_steering("steering.yaml", text, &env, &neighbours)
}

fn valid(text: &str) -> LoadedSteering {
    read(text).unwrap_or_else(|report| panic!("{text}\n{report}"))
}

fn codes(text: &str) -> Vec<(Code, String)> {
    let report = read(text).unwrap_err();
    let finding = |finding: &wanctl_config::Diagnostic| {
        (finding.code, finding.key.clone().unwrap_or_default())
    };
    report.errors().map(finding).collect()
}

fn with(addition: &str) -> String {
    format!("{MINIMAL}{addition}")
}

#[test]
fn a_file_of_the_python_program_is_taken_with_the_standard_engine() {
    let loaded = valid(MINIMAL);
    let config = &loaded.config;
    assert!(matches!(config.steering.engine, EngineConfig::Standard(_)));
    assert_eq!(config.interval, Duration::from_millis(500));
    assert_eq!(config.router.queues.download.as_str(), "WAN-Download-Cable");
    assert!(!config.shadow, "no score decides, so dry_run says nothing");
    assert_eq!(config.telemetry.health.unwrap().port, 9_102);
}

#[test]
fn the_two_wans_are_measured_as_their_own_files_say() {
    let config = valid(MINIMAL).config;
    let names: Vec<_> = config.wans.iter().map(|wan| wan.name.as_str()).collect();
    assert_eq!(names, ["cable", "dsl"]);
    let bound = |place: usize| config.wans[place].probe.as_ref().unwrap().binding.address;
    assert_eq!(bound(0), "10.0.0.2".parse().ok());
    assert_eq!(bound(1), "10.1.0.2".parse().ok());
    assert_eq!(config.wans[0].rule, None);
    assert_eq!(
        config.wans[1].rule.as_deref(),
        Some("ADAPTIVE: Steer latency-sensitive to DSL")
    );
    let state = Path::new("/run/wanctl/cable_state.json");
    assert_eq!(config.wans[0].state_file.as_deref(), Some(state));
    let targets = &config.wans[1].probe.as_ref().unwrap().reflectors;
    assert_eq!(targets, &["1.1.1.1", "9.9.9.9"]);
}

#[test]
fn a_wan_without_a_way_of_its_own_is_not_measured_and_never_moved_to() {
    let text = MINIMAL.replace("alternate_wan: dsl", "alternate_wan: lte");
    let loaded = valid(&text);
    assert_eq!(loaded.config.wans[1].probe, None);
    assert!(!loaded.config.steering.wans[1].steerable);
    let told = loaded.warnings.iter().any(|finding| {
        finding.code == Code::Hosts && finding.message.contains("never moves there")
    });
    assert!(told, "{:?}", loaded.warnings);
}

const THREE: &str = "  wans:
    - {name: cable, source_ip: 10.0.0.2, route_comment: WAN cable}
    - {name: dsl, interface: ppp0, targets: [9.9.9.9, 1.0.0.1], priority: 1, route_comment: WAN dsl}
    - {name: lte, interface: wwan0, mangle_comment: 'to lte', priority: 2}
";

fn three(rest: &str) -> String {
    MINIMAL.replace(
        "  alternate_wan: dsl\n",
        &format!("  alternate_wan: dsl\n{THREE}"),
    ) + rest
}

#[test]
fn more_wans_are_listed_with_their_own_ways() {
    let config = valid(&three("")).config;
    assert_eq!(config.wans.len(), 3);
    let dsl = config.wans[1].probe.as_ref().unwrap();
    assert_eq!(dsl.binding.interface.as_deref(), Some("ppp0"));
    assert_eq!(dsl.reflectors, ["9.9.9.9", "1.0.0.1"]);
    let policies = &config.steering.wans;
    assert_eq!([policies[0].quorum, policies[1].quorum], [2, 2]);
    assert_eq!(policies[2].priority, 2);
    assert!(policies[1].steerable && policies[2].steerable);
    assert_eq!(config.wans[2].rule.as_deref(), Some("to lte"));
    assert!(policies[0].route && !policies[2].route);
}

#[test]
fn routes_move_only_when_they_are_managed() {
    let engine = |rest: &str| match valid(&three(rest)).config.steering.engine {
        EngineConfig::Standard(standard) => standard.routes,
        EngineConfig::Legacy(_) => panic!("standard is the default"),
    };
    assert_eq!(engine(""), None);
    assert_eq!(engine("route_management: {enabled: true}\n"), None);
    assert!(engine("route_management: {enabled: true, mode: dry_run}\n").is_some());
    let active = valid(&three("route_management: {enabled: true, mode: active}\n"));
    assert!(!active.config.routes_shadow);
}

#[test]
fn routes_may_stand_under_route_management_by_name() {
    let text = with(
        "route_management:
  enabled: true
  mode: active
  routes:
    cable: {comment: WAN cable}
    dsl: {comment: WAN dsl}
  failover:
    dsl: {enabled: false, red_cycles: 3}
",
    );
    let config = valid(&text).config;
    assert_eq!(config.wans[0].route.as_deref(), Some("WAN cable"));
    assert_eq!(config.wans[1].route, None, "switched off");
}

#[test]
fn a_score_decides_in_its_dry_run_unless_told_otherwise() {
    let scored = with("mode: {use_confidence_scoring: true}\n");
    assert!(valid(&scored).config.shadow);
    let live = format!("{scored}confidence: {{dry_run: false}}\n");
    assert!(!valid(&live).config.shadow);
}

#[test]
fn the_legacy_engine_takes_the_samples() {
    let text = with("mode: {engine: legacy}\n").replace(
        "thresholds: {}",
        "thresholds: {red_samples_required: 3, green_samples_required: 20, red_rtt_ms: 20}",
    );
    match valid(&text).config.steering.engine {
        EngineConfig::Legacy(legacy) => {
            assert_eq!((legacy.red_samples, legacy.green_samples), (3, 20));
            assert_eq!(legacy.interval, Duration::from_millis(500));
        }
        EngineConfig::Standard(_) => panic!("legacy was asked for"),
    }
}

#[test]
fn what_is_missing_is_named_all_at_once() {
    let text = MINIMAL
        .replace("  primary_wan: cable\n", "")
        .replace("  file: /var/lib/wanctl/steering_state.json\n", "")
        .replace("  interval_seconds: 0.5\n", "");
    let found = codes(&text);
    for key in [
        "topology.primary_wan",
        "state.file",
        "measurement.interval_seconds",
    ] {
        assert!(
            found.contains(&(Code::Missing, key.to_owned())),
            "{found:?}"
        );
    }
}

#[test]
fn mistakes_are_errors_that_name_their_key() {
    for (from, to, code, key) in [
        (
            "thresholds: {}",
            "thresholds: {yellow_rtt_ms: 30}",
            Code::Order,
            "thresholds.yellow_rtt_ms",
        ),
        (
            "'ADAPTIVE: Steer latency-sensitive to DSL'",
            "'a;b'",
            Code::Format,
            "mangle_rule.comment",
        ),
        (
            "interval_seconds: 0.5",
            "interval_seconds: 61",
            Code::Range,
            "measurement.interval_seconds",
        ),
        (
            "file: /var/lib/wanctl/steering_state.json",
            "file: /run/wanctl/steering.lock",
            Code::Clash,
            "state.file",
        ),
    ] {
        let found = codes(&MINIMAL.replace(from, to));
        assert!(found.contains(&(code, key.to_owned())), "{key}: {found:?}");
    }
    let found = codes(&with("mode: {engine: magic}\n"));
    assert_eq!(found, [(Code::Choice, "mode.engine".to_owned())]);
}

#[test]
fn a_slip_in_a_list_of_wans_is_found() {
    let found = codes(&three("").replace("name: dsl", "name: cable"));
    assert_eq!(found, [(Code::Clash, "topology.wans".to_owned())]);
    let found = codes(&three("").replace("interface: wwan0, ", "interface: wwan0, quorum: 7, "));
    assert_eq!(found, [(Code::Count, "topology.wans.quorum".to_owned())]);
    let loaded = valid(&three("").replace("interface: wwan0, ", "interface: wwan0, tagrets: 7, "));
    let slip = loaded
        .warnings
        .iter()
        .find(|finding| finding.code == Code::Unknown)
        .unwrap();
    assert_eq!(slip.help.as_deref(), Some("did you mean `targets`?"));
}

#[test]
fn the_shipped_example_has_no_findings() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/steering.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let loaded = valid(&text);
    assert_eq!(loaded.warnings, []);
    assert!(loaded.config.shadow && loaded.config.routes_shadow);
}

#[test]
fn a_rate_control_file_is_told_from_a_steering_file() {
    assert_eq!(codes(common::MINIMAL), [(Code::Root, String::new())]);
}
