//! The configuration files of both daemons.

use std::path::{Path, PathBuf};

use wanctl_config::{SteerConfig, WanConfig};
use wanctl_controller::LawKind;

use crate::{DemoMode, Error};

pub(super) const RULE: &str = "ADAPTIVE: Steer latency-sensitive to dsl";
pub(super) const PRIMARY_ROUTE: &str = "WAN cable";
pub(super) const SECOND_ROUTE: &str = "WAN dsl";
/// Where the pings of each line leave from.
pub(super) const SOURCES: [&str; 2] = ["10.0.0.2", "10.1.0.2"];

pub(super) fn state_file(directory: &Path) -> PathBuf {
    directory.join("steering_state.json")
}

pub(super) fn rate_control(law: LawKind, directory: &Path) -> Result<WanConfig, Error> {
    let mode = match law {
        LawKind::Adaptive => DemoMode::Adaptive,
        LawKind::Reference | _ => DemoMode::Controlled,
    };
    let mut config = crate::demo::config(mode)?;
    config.storage = None;
    config.files.state_file = directory.join("cable_state.json");
    config.files.lock_file = directory.join("cable.lock");
    Ok(config)
}

pub(super) fn steering(directory: &Path, more: &str) -> Result<SteerConfig, Error> {
    let [cable, dsl] = SOURCES;
    let text = format!(
        "wan_name: steering
router: {{host: 127.0.0.1, user: wanctl, password: demonstration, verify_ssl: false}}
topology:
  primary_wan: cable
  alternate_wan: dsl
  wans:
    - {{name: cable, source_ip: {cable}, route_comment: {PRIMARY_ROUTE}, state_file: '{cable_state}'}}
    - {{name: dsl, source_ip: {dsl}, route_comment: {SECOND_ROUTE}}}
mangle_rule: {{comment: '{RULE}'}}
cake_queues: {{primary_download: Down, primary_upload: Up}}
measurement: {{interval_seconds: 0.5, ping_host: 192.0.2.1, ping_count: 3, targets: [192.0.2.1, 192.0.2.2, 192.0.2.3]}}
thresholds: {{}}
state: {{file: '{state}', history_size: 240}}
logging: {{main_log: '{log}', debug_log: '{log}'}}
lock_file: '{lock}'
lock_timeout: 60
health_check: {{enabled: false}}
{more}",
        cable_state = directory.join("cable_state.json").display(),
        state = state_file(directory).display(),
        log = directory.join("steering.log").display(),
        lock = directory.join("steering.lock").display(),
    );
    match wanctl_config::parse_steering("steering.yaml", &text, &|_| None, &|_| None) {
        Ok(loaded) => Ok(loaded.config),
        Err(report) => Err(Error::Settings {
            report: report.to_string(),
        }),
    }
}
