//! What each control law asks a file for.

mod common;

use std::time::Duration;

use common::{MINIMAL, error, invalid, valid, warned, with};
use wanctl_config::Code;
use wanctl_controller::LawKind;
use wanctl_router::BudgetConfig;
use wanctl_types::Bps;

/// Everything that the adaptive law wants to know.
const ADAPTIVE: &str = "\
wan_name: cable
router: {host: 192.168.88.1, user: wanctl, password: x, verify_ssl: false}
queues: {download: Down, upload: Up}
continuous_monitoring:
  enabled: true
  law: adaptive
  download: {plan_mbps: 500, ceiling_mbps: 940, floor_mbps: 20}
  upload: {plan_mbps: 20, ceiling_mbps: 40, floor_mbps: 2}
  ping_hosts: [1.1.1.1, 8.8.8.8, 9.9.9.9]
";

#[test]
fn plan_ceilings_and_floors_are_enough_for_the_adaptive_law() {
    let loaded = valid(ADAPTIVE);
    assert_eq!(loaded.warnings, []);
    let config = loaded.config;
    assert_eq!(config.controller.law, LawKind::Adaptive);
    let plan = config
        .controller
        .queues
        .map(|queue| queue.plan.unwrap().truncate());
    assert_eq!(plan.download, Bps::from_mbps(500));
    assert_eq!(plan.upload, Bps::from_mbps(20));
    assert_eq!(config.counter_interval, Duration::from_millis(200));
}

#[test]
fn without_a_plan_the_law_is_left_to_begin_at_the_ceiling() {
    let config = valid(&ADAPTIVE.replace("plan_mbps: 500, ", "")).config;
    assert_eq!(config.controller.queues.download.plan, None);
}

#[test]
fn the_reference_law_still_asks_for_its_thresholds() {
    let report = invalid(&ADAPTIVE.replace("  law: adaptive\n", ""));
    let missing: Vec<_> = report
        .errors()
        .map(|error| (error.code, error.key.clone().unwrap()))
        .collect();
    for key in [
        "baseline_rtt_initial",
        "download.step_up_mbps",
        "download.factor_down",
        "upload.step_up_mbps",
        "upload.factor_down",
        "thresholds.target_bloat_ms",
        "thresholds.warn_bloat_ms",
        "thresholds.baseline_time_constant_sec",
        "thresholds.load_time_constant_sec",
    ] {
        let path = format!("continuous_monitoring.{key}");
        assert!(missing.contains(&(Code::Missing, path)), "{key}: {report}");
    }
}

#[test]
fn what_is_there_for_the_other_law_is_named_once() {
    let text = MINIMAL.replace("enabled: true", "enabled: true\n  law: adaptive");
    let warnings = warned(&text, Code::Unused);
    let [warning] = &warnings[..] else {
        panic!("{warnings:?}");
    };
    for key in [
        "baseline_rtt_initial",
        "download.step_up_mbps",
        "thresholds.warn_bloat_ms",
    ] {
        assert!(warning.message.contains(key), "{}", warning.message);
    }
    let text = with("ceiling_mbps: 940", "ceiling_mbps: 940\n    plan_mbps: 500");
    let warnings = warned(&text, Code::Unused);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(
        warnings[0].message,
        "`law: reference` does not look at download.plan_mbps"
    );
}

#[test]
fn a_plan_lies_between_the_floor_and_the_ceiling() {
    for (plan, message) in [
        (
            941,
            "plan_mbps (941, line 7) is above ceiling_mbps (940, line 7)",
        ),
        (
            19,
            "floor_mbps (20, line 7) is above plan_mbps (19, line 7)",
        ),
    ] {
        let error = error(&ADAPTIVE.replace("plan_mbps: 500", &format!("plan_mbps: {plan}")));
        assert_eq!((error.code, error.message.as_str()), (Code::Order, message));
        assert_eq!(
            error.key.as_deref(),
            Some("continuous_monitoring.download.plan_mbps")
        );
    }
    for (bad, code) in [
        ("0", Code::Range),
        ("fast", Code::Type),
        ("99999", Code::Range),
    ] {
        let error = error(&ADAPTIVE.replace("plan_mbps: 500", &format!("plan_mbps: {bad}")));
        assert_eq!(error.code, code, "{bad}");
    }
}

#[test]
fn a_law_that_does_not_exist_is_the_only_error() {
    let error = error(&ADAPTIVE.replace("law: adaptive", "law: adaptative"));
    assert_eq!(error.code, Code::Choice);
    assert!(error.to_string().contains("reference, adaptive"), "{error}");
}

#[test]
fn counters_are_read_at_least_five_and_at_most_twenty_times_a_second() {
    let interval = |millis: u32| {
        ADAPTIVE.replace(
            "law: adaptive",
            &format!("law: adaptive\n  counter_interval_ms: {millis}"),
        )
    };
    for millis in [50, 200] {
        let config = valid(&interval(millis)).config;
        assert_eq!(config.counter_interval.as_millis(), u128::from(millis));
    }
    for millis in [49, 201] {
        assert_eq!(error(&interval(millis)).code, Code::Range);
    }
}

#[test]
fn small_rises_are_many_unless_the_file_says_otherwise() {
    let seconds = Duration::from_secs;
    let budget = |text: &str| valid(text).config.budget;
    assert_eq!(budget(ADAPTIVE), BudgetConfig::new(true, 50, seconds(10)));
    assert_eq!(budget(MINIMAL), BudgetConfig::default());
    let written = "password: x, rate_limiter: {max_changes: 7, window_seconds: 20}";
    assert_eq!(
        budget(&ADAPTIVE.replace("password: x", written)),
        BudgetConfig::new(true, 7, seconds(20))
    );
}
