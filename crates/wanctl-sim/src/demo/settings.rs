//! The configuration file of a demonstration.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use wanctl_config::WanConfig;

use super::{DemoMode, REFLECTORS};
use crate::Error;

pub(super) const DOWNLOAD_QUEUE: &str = "WAN-Download-Demo";
pub(super) const UPLOAD_QUEUE: &str = "WAN-Upload-Demo";
pub(super) const USER: &str = "wanctl";

/// Guards nothing: the router is simulated and listens on loopback.
const PASSWORD: &str = "demonstration";

/// The password of the simulated router.
pub(super) fn password() -> SecretString {
    SecretString::from(PASSWORD)
}

/// A configuration file, as text.
pub(super) struct Settings {
    text: String,
    pub(super) database: PathBuf,
}

impl Settings {
    pub(super) fn new(mode: DemoMode, router: SocketAddr, directory: &Path) -> Self {
        let database = directory.join("metrics.db");
        let (limits, thresholds) = match mode {
            DemoMode::FixedAtCeiling => (FIXED, THRESHOLDS),
            DemoMode::Controlled => (CONTROLLED, THRESHOLDS),
            DemoMode::Adaptive => (ADAPTIVE, ""),
        };
        let mut text = [limits, COMMON, thresholds].concat();
        let hosts: Vec<String> = REFLECTORS.iter().map(ToString::to_string).collect();
        let written = write!(
            text,
            "  ping_hosts: [{hosts}]\n\
             router: {{host: {host}, port: {port}, user: {USER}, password: {PASSWORD}}}\n\
             queues: {{download: {DOWNLOAD_QUEUE}, upload: {UPLOAD_QUEUE}}}\n\
             state_file: '{state}'\n\
             lock_file: '{lock}'\n\
             storage: {{db_path: '{database}'}}\n\
             health_check: {{enabled: false}}\n\
             wan_name: demo\n",
            hosts = hosts.join(", "),
            host = router.ip(),
            port = router.port(),
            state = directory.join("state.json").display(),
            lock = directory.join("demo.lock").display(),
            database = database.display(),
        );
        debug_assert!(written.is_ok(), "writing to a String does not fail");
        Self { text, database }
    }

    pub(super) fn load(&self) -> Result<WanConfig, Error> {
        let loaded = wanctl_config::parse("demo.yaml", &self.text, &|_| None);
        match loaded {
            Ok(loaded) => Ok(loaded.config),
            Err(report) => Err(Error::Settings {
                report: report.to_string(),
            }),
        }
    }
}

/// A line sold as 50/10 Mbit/s whose owner believes it to carry a fifth more.
const CONTROLLED: &str = "\
continuous_monitoring:
  download:
    ceiling_mbps: 60
    floor_green_mbps: 20
    floor_yellow_mbps: 16
    floor_soft_red_mbps: 12
    floor_red_mbps: 8
    step_up_mbps: 0.2
    factor_down: 0.85
    factor_down_yellow: 0.96
  upload:
    ceiling_mbps: 12
    floor_mbps: 3
    step_up_mbps: 0.1
    factor_down: 0.85
    factor_down_yellow: 0.96
";

/// The same ceilings, with nothing below them.
const FIXED: &str = "\
continuous_monitoring:
  download: {ceiling_mbps: 60, floor_mbps: 60, step_up_mbps: 1, factor_down: 0.85}
  upload: {ceiling_mbps: 12, floor_mbps: 12, step_up_mbps: 0.2, factor_down: 0.85}
";

/// The same belief as a plan, and limits that are only there to bound the search.
const ADAPTIVE: &str = "\
continuous_monitoring:
  law: adaptive
  download: {plan_mbps: 60, ceiling_mbps: 120, floor_mbps: 2}
  upload: {plan_mbps: 12, ceiling_mbps: 24, floor_mbps: 0.5}
";

const COMMON: &str = "  enabled: true
  fallback_checks: {enabled: false}
";

const THRESHOLDS: &str = "  use_median_of_three: true
  baseline_rtt_initial: 20
  thresholds:
    target_bloat_ms: 9
    warn_bloat_ms: 25
    hard_red_bloat_ms: 50
    baseline_time_constant_sec: 30
    load_time_constant_sec: 0.15
    baseline_rtt_bounds: {min: 5, max: 100}
";
