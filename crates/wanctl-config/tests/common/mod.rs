//! A valid file, and ways to spoil it.
#![expect(clippy::unwrap_used, reason = "a broken fixture must fail its test")]
#![allow(dead_code, reason = "each test uses some of the helpers")]

use wanctl_config::{
    AUTORATE, Code, Diagnostic, Draft, Kind, Loaded, Number, Report, Value, parse,
};

/// The smallest file that the Python wanctl takes: 25 values.
pub(crate) const MINIMAL: &str = "\
wan_name: cable
router:
  host: 192.168.88.1
  user: wanctl
  ssh_key: /etc/wanctl/key
queues:
  download: WAN-Download
  upload: WAN-Upload
continuous_monitoring:
  enabled: true
  baseline_rtt_initial: 25
  ping_hosts: [1.1.1.1]
  download:
    floor_mbps: 100
    ceiling_mbps: 940
    step_up_mbps: 10
    factor_down: 0.85
  upload:
    floor_mbps: 10
    ceiling_mbps: 38
    step_up_mbps: 1
    factor_down: 0.9
  thresholds:
    target_bloat_ms: 15
    warn_bloat_ms: 45
    baseline_time_constant_sec: 30
    load_time_constant_sec: 0.5
logging:
  main_log: /var/log/wanctl/main.log
  debug_log: /var/log/wanctl/debug.log
lock_file: /run/wanctl/cable.lock
lock_timeout: 300
";

pub(crate) fn env(name: &str) -> Option<String> {
    (name == "ROUTER_PASSWORD").then(|| "hunter2-from-env".to_owned())
}

pub(crate) fn read(text: &str) -> Result<Loaded, Report> {
    parse("test.yaml", text, &env)
}

pub(crate) fn valid(text: &str) -> Loaded {
    read(text).unwrap_or_else(|report| panic!("{text}\n{report}"))
}

pub(crate) fn invalid(text: &str) -> Report {
    match read(text) {
        Err(report) => report,
        Ok(loaded) => panic!("{text}\nwas taken: {:?}", loaded.config),
    }
}

/// The only error of a text.
pub(crate) fn error(text: &str) -> Diagnostic {
    let report = invalid(text);
    let mut errors = report.errors();
    let first = errors.next().unwrap().clone();
    assert_eq!(errors.next(), None, "{text}\n{report}");
    first
}

/// The warnings of one kind.
pub(crate) fn warned(text: &str, code: Code) -> Vec<Diagnostic> {
    let mut warnings = valid(text).warnings;
    warnings.retain(|warning| warning.code == code);
    warnings
}

/// The minimal file with one line replaced, or appended when `line` is empty.
pub(crate) fn with(line: &str, replacement: &str) -> String {
    if line.is_empty() {
        return format!("{MINIMAL}{replacement}\n");
    }
    assert_eq!(MINIMAL.matches(line).count(), 1, "{line}");
    MINIMAL.replace(line, replacement)
}

/// The minimal file as a draft, with a password.
pub(crate) fn minimal() -> Draft {
    let mut draft = Draft::of_written(&valid(MINIMAL).effective);
    let password = Value::Secret(wanctl_config::Secret::new(String::new().into()));
    draft.set("router.password", password).unwrap();
    draft
}

/// The minimal file with one key set.
pub(crate) fn set(path: &str, value: Value) -> String {
    let mut draft = minimal();
    draft.set(path, value).unwrap();
    draft.to_yaml().unwrap()
}

/// A number as a value of a key: whole if the key wants that.
#[expect(clippy::cast_possible_truncation, reason = "bounds are far below 2^53")]
pub(crate) fn numeric(path: &str, number: f64) -> Value {
    let key = AUTORATE.iter().find(|key| key.path == path).unwrap();
    if key.kind == Kind::Integer {
        Value::Integer(number as i64)
    } else {
        Value::Number(Number::fraction(number).unwrap())
    }
}
