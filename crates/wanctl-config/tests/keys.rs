//! Every row of the table: presence, bounds, types, defaults.

mod common;

use common::{MINIMAL, env, error, invalid, minimal, numeric, read, set, valid, with};
use wanctl_config::{AUTORATE, Code, Draft, Kind, Origin, Presence, Value, load, markdown};
use wanctl_types::Bps;

/// Keys that some other key or rule takes the place of.
const NOT_NEEDED: &[&str] = &[
    "router.ssh_key",
    "logging.main_log",
    "logging.debug_log",
    "lock_file",
    "lock_timeout",
];

#[test]
fn the_smallest_file_of_the_reference_program_has_25_values_and_loads() {
    let loaded = valid(MINIMAL);
    let written = loaded.effective.settings();
    let written = written.filter(|s| s.origin != Origin::Default).count();
    assert_eq!(written, 25);
    let config = loaded.config;
    assert_eq!(config.name.as_str(), "cable");
    assert_eq!(
        config.controller.queues.download.ceiling.truncate(),
        Bps::from_mbps(940)
    );
    assert_eq!(
        config.controller.queues.upload.floors.red.truncate(),
        Bps::from_mbps(10)
    );
    assert_eq!(config.storage, None);
    assert!(config.enabled);
}

#[test]
fn each_needed_key_that_is_missing_gives_one_error_with_its_name_and_a_line() {
    for setting in valid(MINIMAL).effective.settings() {
        let path = setting.key.path;
        if setting.origin == Origin::Default {
            continue;
        }
        let mut draft = minimal();
        draft.remove(path);
        let text = draft.to_yaml().unwrap();
        if NOT_NEEDED.contains(&path) {
            valid(&text);
            continue;
        }
        let error = error(&text);
        assert_eq!(error.code, Code::Missing, "{path}");
        assert_eq!(error.key.as_deref(), Some(path));
        assert!(error.position.is_some(), "{path}");
        assert!(error.help.is_some(), "{path}");
    }
}

#[test]
fn null_is_the_same_as_missing() {
    let error = error(&with("  user: wanctl", "  user: ~"));
    assert_eq!(
        (error.code, error.key.as_deref()),
        (Code::Missing, Some("router.user"))
    );
    assert_eq!(error.position.unwrap().line, 4);
    valid(&with("", "storage:"));
}

/// Whether a value just inside a bound must load, or breaks a rule between keys.
fn stands_alone(path: &str) -> bool {
    !["ceiling", "floor", "plan", "bloat_ms", "rtt_bounds"]
        .iter()
        .any(|word| path.contains(word))
}

#[test]
fn every_bound_holds_at_and_just_beyond_it() {
    for key in AUTORATE {
        let Some(bounds) = key.bounds else { continue };
        let step = if key.kind == Kind::Integer { 1.0 } else { 1e-6 };
        for (inside, outside) in [
            (bounds.min, bounds.min - step),
            (bounds.max, bounds.max + step),
        ] {
            let about = |number| {
                let text = set(key.path, numeric(key.path, number));
                let report = read(&text).err();
                report.map_or_else(Vec::new, |report| {
                    let range = report.errors().filter(|e| e.code == Code::Range);
                    range.cloned().collect()
                })
            };
            assert_eq!(about(inside), [], "{} = {inside}", key.path);
            let errors = about(outside);
            assert_eq!(errors.len(), 1, "{} = {outside}", key.path);
            assert_eq!(errors[0].key.as_deref(), Some(key.path));
            assert_eq!(errors[0].allowed, key.allowed());
            assert!(errors[0].found.is_some() && errors[0].position.is_some());
            if stands_alone(key.path) {
                valid(&set(key.path, numeric(key.path, inside)));
            }
        }
    }
}

#[test]
fn every_key_refuses_values_of_other_types() {
    for key in AUTORATE {
        let (wrong, right): (&[&str], &str) = match key.kind {
            Kind::Flag => (&["1", "'true'", "maybe", "[]", "{}"], "true"),
            Kind::Integer => (&["true", "yes", "'3'", "3.0", "x", ".nan", "[3]"], ""),
            Kind::Number => (
                &["true", "off", "'3'", "x", ".nan", ".inf", "-.inf", "{a: 1}"],
                "",
            ),
            Kind::Text => (&["5", "true", "\"a\\nb\"", "[a]"], "x"),
            Kind::Name => (&["5", "a b", "\"a\\n\"", "'../x'", "[a]"], "x"),
            Kind::Host => (&["5", "-f", "a;b", "[a]", "http://x"], "x.example"),
            Kind::Hosts => (
                &["1.1.1.1", "[-f]", "[[a]]", "['8.8.8.8; touch x']", "{a: b}"],
                "[x]",
            ),
            Kind::Address => (&["example.com", "1.1.1", "[1.1.1.1]"], "'::1'"),
            Kind::Listen => (&["example.com", "'*'"], "localhost"),
            Kind::Interface => (&["a/b", "'a b'", "sixteen-letters0"], "eth0"),
            Kind::Path => (&["''", "5", "\"/a\\0b\"", "[/a]"], "/some/file"),
            Kind::Secret => (&["[a]", "'${UNSET_VARIABLE}'", "'${'"], "x"),
            Kind::Choice(words) => (&["other", "5", "[a]"], words[0]),
            Kind::Targets => (
                &["x", "[x]", "[[x]]", "[[x, 0]]", "[[x, '1']]", "[[-f, 1]]"],
                "[]",
            ),
            Kind::Ignored => (&[], "[anything, {at: all}]"),
            Kind::Sections | _ => unreachable!("a kind without values in this test"),
        };
        // An empty text is no value for some keys.
        let wrong = wrong
            .iter()
            .filter(|yaml| !(key.empty_is_absent && **yaml == "''"));
        for yaml in wrong {
            let report = invalid(&inject(key.path, yaml));
            let about = report
                .errors()
                .filter(|e| e.key.as_deref() == Some(key.path));
            assert_eq!(about.count(), 1, "{}: {yaml}\n{report}", key.path);
        }
        if !right.is_empty() {
            valid(&inject(key.path, right));
        }
    }
}

/// The minimal file with raw YAML as the value of one key.
fn inject(path: &str, yaml: &str) -> String {
    const MARK: &str = "marked-for-replacement";
    let text = set(path, Value::Text(MARK.to_owned()));
    assert_eq!(text.matches(MARK).count(), 1);
    text.replace(MARK, yaml)
}

#[test]
fn defaults_come_from_the_table_and_agree_with_the_parts() {
    let loaded = valid(&minimal().to_yaml().unwrap());
    for key in AUTORATE {
        let setting = loaded.effective.get(key.path);
        if let Presence::Default(_) = key.presence {
            assert!(setting.is_some(), "{}", key.path);
        }
    }
    let config = loaded.config;
    assert_eq!(config.budget, wanctl_router::BudgetConfig::default());
    let mut telemetry = wanctl_telemetry::TelemetryConfig::default();
    telemetry.log = config.telemetry.log.clone();
    assert_eq!(config.telemetry, telemetry);
    let probe = wanctl_probe::ProbeConfig::new(vec!["1.1.1.1".to_owned()]);
    assert_eq!(config.probe, probe);
    let controller = &config.controller;
    let expected = wanctl_controller::ControllerConfig::new(
        controller.queues,
        controller.thresholds,
        controller.baseline,
        controller.load_alpha,
    );
    assert_eq!(*controller, expected);
    let download = controller.queues.download;
    assert_eq!(
        download.green_required,
        wanctl_controller::QueueConfig::DEFAULT_GREEN_REQUIRED
    );
    assert_eq!(
        download.soft_red_required,
        wanctl_controller::QueueConfig::DEFAULT_SOFT_RED_REQUIRED
    );
    assert_eq!(config.router.timeout.as_secs(), 15);
    assert_eq!(config.router.trust, wanctl_router::TlsTrust::Insecure);
}

#[test]
fn a_threshold_keeps_how_it_was_written() {
    for (written, printed) in [("15", "15"), ("15.0", "15.0"), ("14.5", "14.5")] {
        let config = valid(&with(
            "target_bloat_ms: 15",
            &format!("target_bloat_ms: {written}"),
        ))
        .config;
        assert_eq!(config.controller.thresholds.target().to_string(), printed);
        let autorate = config.snapshot.autorate.unwrap();
        assert_eq!(autorate.target_bloat_ms.unwrap().to_string(), printed);
    }
    let config = valid(MINIMAL).config;
    assert_eq!(config.controller.thresholds.hard_red().to_string(), "80");
    assert_eq!(config.controller.accel_threshold.to_string(), "15.0");
    let autorate = config.snapshot.autorate.unwrap();
    assert_eq!(autorate.baseline_rtt_initial.unwrap().to_string(), "25");
}

#[test]
fn what_is_written_can_be_read_again() {
    let first = valid(MINIMAL);
    let text = Draft::of_all(&first.effective).to_yaml().unwrap();
    let second = valid(&text);
    for setting in first.effective.settings() {
        let again = second.effective.get(setting.key.path).unwrap();
        assert_eq!(setting.value, again.value, "{}", setting.key.path);
    }
    assert_eq!(first.config.controller, second.config.controller);
}

#[test]
fn the_examples_load_without_a_word_and_fit_together() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut configs = Vec::new();
    for name in ["cable", "dsl", "fiber", "adaptive", "wan1", "wan2"] {
        let path = directory.join(name).with_extension("yaml");
        let loaded = load(&path, &env).unwrap_or_else(|report| panic!("{report}"));
        assert_eq!(loaded.warnings, [], "{name}");
        assert_eq!(loaded.config.name.as_str(), name);
        assert!(loaded.config.summary().to_string().contains("192.168.88.1"));
        configs.push(loaded.config);
    }
    let pair = &configs[4..];
    assert_eq!(wanctl_config::check_together(pair).unwrap(), []);
}

/// `WANCTL_BLESS=1` writes the pages anew.
#[test]
fn the_reference_pages_are_up_to_date() {
    compare("configuration.md", &markdown());
    compare(
        "configuration-steering.md",
        &wanctl_config::steering_markdown(),
    );
}

#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
fn compare(name: &str, page: &str) {
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let path = docs.join(name);
    if std::env::var_os("WANCTL_BLESS").is_some() {
        std::fs::write(&path, page).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert!(
        found == page,
        "docs/{name} is out of date: run this test with WANCTL_BLESS=1"
    );
}
