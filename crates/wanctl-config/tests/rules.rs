//! Rules between keys, warnings, secrets, and several errors at once.
#![expect(clippy::unwrap_used, reason = "a broken fixture must fail its test")]

mod common;

use std::path::Path;
use std::time::Duration;

use common::{MINIMAL, env, error, invalid, valid, warned, with};
use secrecy::ExposeSecret as _;
use wanctl_config::{Code, WanConfig, check_together, parse};
use wanctl_controller::Aggregation;
use wanctl_router::{Scheme, TlsTrust};
use wanctl_types::Bps;

#[test]
fn all_errors_of_a_file_come_at_once_in_its_order() {
    let text = MINIMAL
        .replace("ceiling_mbps: 940", "ceiling_mbps: 99999")
        .replace("warn_bloat_ms: 45", "warn_bloat_ms: 5")
        .replace("  user: wanctl\n", "")
        .replace("enabled: true", "enabled: 1")
        .replace("[1.1.1.1]", "[]");
    let report = invalid(&text);
    let found: Vec<_> = report
        .errors()
        .map(|e| (e.code, e.position.unwrap().line))
        .collect();
    assert_eq!(
        found,
        [
            (Code::Missing, 2),
            (Code::Type, 9),
            (Code::Count, 11),
            (Code::Range, 14),
            (Code::Order, 23),
        ],
        "{report}"
    );
    let shown = report.to_string();
    for error in report.errors() {
        assert!(shown.contains(&error.to_string()));
    }
}

#[test]
fn thresholds_must_rise_and_a_default_is_named_as_such() {
    let message = error(&with("warn_bloat_ms: 45", "warn_bloat_ms: 90")).message;
    assert_eq!(
        message,
        "warn_bloat_ms (90, line 25) is not below hard_red_bloat_ms (80, the default, since the key is absent)"
    );
    let equal = error(&with("warn_bloat_ms: 45", "warn_bloat_ms: 15"));
    assert_eq!(equal.code, Code::Order);
    valid(&with(
        "warn_bloat_ms: 45",
        "warn_bloat_ms: 90\n    hard_red_bloat_ms: 91",
    ));
}

#[test]
fn floors_must_rise_to_the_ceiling() {
    let message = error(&with("floor_mbps: 100", "floor_mbps: 1000")).message;
    assert_eq!(
        message,
        "floor_mbps (1000, line 14) is above ceiling_mbps (940, line 15)"
    );
    let zones = |red, soft, yellow, green| {
        with(
            "    floor_mbps: 100\n",
            &format!(
                "    floor_green_mbps: {green}\n    floor_yellow_mbps: {yellow}\n    \
                 floor_soft_red_mbps: {soft}\n    floor_red_mbps: {red}\n"
            ),
        )
    };
    valid(&zones(1, 1, 1, 1));
    for (text, lower) in [
        (zones(3, 2, 3, 4), "floor_red_mbps"),
        (zones(1, 3, 2, 4), "floor_soft_red_mbps"),
        (zones(1, 2, 5, 4), "floor_yellow_mbps"),
        (zones(1, 2, 3, 941), "floor_green_mbps"),
    ] {
        let error = error(&text);
        assert_eq!(error.code, Code::Order);
        assert!(error.message.starts_with(lower), "{}", error.message);
    }
}

#[test]
fn a_floor_of_zero_would_lift_the_limit_and_is_refused() {
    let error = error(&with("floor_mbps: 100", "floor_mbps: 0"));
    assert_eq!(error.code, Code::Range);
}

#[test]
fn floor_green_asks_for_a_floor_per_zone() {
    let text = with("    floor_mbps: 100\n", "    floor_green_mbps: 300\n");
    let report = invalid(&text);
    let missing: Vec<_> = report.errors().map(|e| e.key.clone().unwrap()).collect();
    assert_eq!(
        missing,
        [
            "continuous_monitoring.download.floor_yellow_mbps",
            "continuous_monitoring.download.floor_red_mbps"
        ]
    );
    let per_zone =
        "    floor_green_mbps: 300\n    floor_yellow_mbps: 200\n    floor_red_mbps: 100\n";
    let floors = valid(&with("    floor_mbps: 100\n", per_zone))
        .config
        .controller
        .queues
        .download
        .floors;
    assert_eq!(floors.soft_red.truncate(), Bps::from_mbps(200));

    let orphan = error(&with("    floor_mbps: 100\n", "    floor_red_mbps: 300\n"));
    assert_eq!(orphan.code, Code::Missing);
    assert!(orphan.key.unwrap().ends_with("floor_green_mbps"));
    let unused = warned(
        &with("floor_mbps: 100", "floor_mbps: 100\n    floor_red_mbps: 50"),
        Code::Unused,
    );
    assert_eq!(unused.len(), 1);
}

#[test]
fn one_smoothing_of_each_kind_is_needed_and_the_time_constant_wins() {
    let both = with(
        "load_time_constant_sec: 0.5",
        "load_time_constant_sec: 0.5\n    alpha_load: 0.9",
    );
    let alpha = valid(&both).config.controller.load_alpha.get();
    assert!((alpha - 0.1).abs() < 1e-12);
    assert_eq!(warned(&both, Code::Unused).len(), 1);

    let slow = with("load_time_constant_sec: 0.5", "alpha_load: 0.005");
    assert_eq!(warned(&slow, Code::Baseline).len(), 1);
    let quick = with("load_time_constant_sec: 0.5", "alpha_load: 0.1");
    assert_eq!(warned(&quick, Code::Baseline), []);
    let constant = with("baseline_time_constant_sec: 30", "alpha_baseline: 0.02");
    let alpha = valid(&constant).config.controller.baseline.alpha.get();
    assert!((alpha - 0.02).abs() < 1e-12);
}

#[test]
fn baseline_bounds() {
    let bounds = |min, max| {
        with(
            "  thresholds:\n",
            &format!("  thresholds:\n    baseline_rtt_bounds: {{min: {min}, max: {max}}}\n"),
        )
    };
    assert_eq!(error(&bounds(50, 50)).code, Code::Order);
    assert_eq!(warned(&bounds(10, 20), Code::Baseline).len(), 1);
    assert_eq!(warned(&bounds(10, 30), Code::Baseline), []);
    let frozen = with("baseline_rtt_initial: 25", "baseline_rtt_initial: 8");
    let warning = &warned(&frozen, Code::Baseline)[0];
    assert!(warning.message.contains("10.0, the default"), "{warning}");
}

#[test]
fn hosts_are_counted_and_checked_one_by_one() {
    let hosts = |list: &str| with("[1.1.1.1]", list);
    assert_eq!(error(&hosts("[]")).code, Code::Count);
    valid(&hosts("[a, b, c, d, e, f, g, h]"));
    assert_eq!(
        error(&hosts("[a, b, c, d, e, f, g, h, i]")).code,
        Code::Count
    );
    let report = invalid(&hosts("[a, '-f', 'b;c']"));
    let columns: Vec<_> = report
        .errors()
        .map(|e| e.position.unwrap().column)
        .collect();
    assert_eq!(columns, [19, 25]);
    assert_eq!(warned(&hosts("[a, a]"), Code::Hosts).len(), 1);

    let median = |list: &str| {
        format!("{}\n", hosts(list)).replace(
            "  download:\n    floor",
            "  use_median_of_three: true\n  download:\n    floor",
        )
    };
    assert_eq!(warned(&median("[a, b]"), Code::Hosts).len(), 1);
    let config = valid(&median("[a, b, c]")).config;
    assert_eq!(config.controller.aggregation, Aggregation::MedianOfThree);
    let config = valid(&median("[a, b]")).config;
    assert_eq!(config.controller.aggregation, Aggregation::First);
}

#[test]
fn the_scheme_follows_the_port_unless_it_is_said() {
    let router = |lines: &str| {
        valid(&with("  user: wanctl", &format!("  user: wanctl\n{lines}")))
            .config
            .router
    };
    assert_eq!(router("  port: 443").scheme, Scheme::Https);
    assert_eq!(router("  port: 80").scheme, Scheme::Http);
    assert_eq!(router("  port: 8443").scheme, Scheme::Http);
    assert_eq!(
        router("  port: 8443\n  scheme: https").scheme,
        Scheme::Https
    );
    assert_eq!(router("  verify_ssl: true").trust, TlsTrust::PublicRoots);
}

#[test]
fn exposed_and_missing_passwords_are_warned_of() {
    let router = |lines: &str| with("  user: wanctl", &format!("  user: wanctl\n{lines}"));
    let open = router("  password: x\n  port: 80");
    assert_eq!(warned(&open, Code::Insecure).len(), 1);
    let local = open.replace("192.168.88.1", "127.0.0.1");
    assert_eq!(warned(&local, Code::Insecure), []);
    assert_eq!(
        warned(MINIMAL, Code::Insecure).len(),
        1,
        "unsaid verify_ssl"
    );
    assert_eq!(warned(&router("  verify_ssl: false"), Code::Insecure), []);
    assert_eq!(warned(MINIMAL, Code::Password).len(), 1);
    assert_eq!(warned(&router("  password: x"), Code::Password), []);
    assert_eq!(warned(&router("  transport: ssh"), Code::Unused).len(), 1);
    assert_eq!(warned(&router("  transport: rest"), Code::Unused), []);
}

#[test]
fn variables_in_the_password() {
    let password = |text: &str| {
        with(
            "  user: wanctl",
            &format!("  user: wanctl\n  password: '{text}'"),
        )
    };
    for (written, expected) in [
        ("${ROUTER_PASSWORD}", "hunter2-from-env"),
        ("<${ROUTER_PASSWORD}>", "<hunter2-from-env>"),
        ("${NOBODY:-fallback}", "fallback"),
        ("$5 {x}", "$5 {x}"),
    ] {
        let config = valid(&password(written)).config;
        assert_eq!(config.router.password.expose_secret(), expected);
    }
    let unset = error(&password("${NOBODY}"));
    assert_eq!(unset.code, Code::Variable);
    assert_eq!(unset.key.as_deref(), Some("router.password"));
    assert!(unset.message.contains("NOBODY"));
    for bad in ["${NOBODY", "x${", "${}", "${a b}"] {
        assert_eq!(error(&password(bad)).code, Code::Variable, "{bad}");
    }
    let empty = |name: &str| (name == "EMPTY").then(String::new);
    let loaded = parse("t", &password("${EMPTY}"), &empty).unwrap();
    assert!(loaded.warnings.iter().any(|w| w.code == Code::Password));
}

#[test]
fn a_password_is_never_shown() {
    let secret = "hunter2";
    let files = [
        "  password: [hunter2]",
        "  password: {hunter2: hunter2}",
        "  password: 'hunter2${NOBODY}'",
        "  password: '${hunter2'",
        "  password: hunter2\n  pasword: hunter2",
        "  password: &p hunter2\n  port: *p\n  verify_ssl: *p\n  scheme: *p\n  transport: *p",
        "  password: ${ROUTER_PASSWORD}\n  port: hunter2-from-env",
        "  password: hunter2\n  port: 80\n  transport: ssh",
    ];
    for lines in files {
        let text = with("  user: wanctl", &format!("  user: wanctl\n{lines}"));
        let text = text.replace("wan_name: cable", "wan_name: cable!");
        let report = invalid(&text);
        for shown in [report.to_string(), format!("{report:?}")] {
            assert!(!shown.contains(secret), "{lines}\n{shown}");
        }
    }
    let text = with("  user: wanctl", "  user: wanctl\n  password: hunter2");
    let loaded = valid(&text);
    assert!(!format!("{loaded:?}").contains(secret));
    assert!(!loaded.config.summary().to_string().contains(secret));
    let written = wanctl_config::Draft::of_all(&loaded.effective)
        .to_yaml()
        .unwrap();
    assert!(!written.contains(secret), "{written}");
    let host = with("192.168.88.1", "admin:hunter2@192.168.88.1");
    assert!(!invalid(&host).to_string().contains(secret));
}

#[test]
fn spellings_the_dialects_read_differently() {
    let port = |text: &str| with("  user: wanctl", &format!("  user: wanctl\n  port: {text}"));
    for (text, old, new) in [
        ("0443", "291", "443"),
        ("5:00", "300", "text"),
        ("1_000", "1000", "text"),
    ] {
        let error = error(&port(text));
        assert_eq!(error.code, Code::Spelling);
        assert_eq!(
            error.message,
            format!("YAML 1.1 reads this as {old}, YAML 1.2 as {new}")
        );
    }
    let exponent = with("baseline_time_constant_sec: 30", "alpha_baseline: 1e-3");
    assert_eq!(warned(&exponent, Code::Dialect).len(), 1);
    let alpha = valid(&exponent).config.controller.baseline.alpha.get();
    assert!((alpha - 0.001).abs() < 1e-12);
    let no = with("enabled: true", "enabled: no");
    assert_eq!(warned(&no, Code::Dialect).len(), 1);
    assert!(!valid(&no).config.enabled);
    assert_eq!(warned(&no, Code::Disabled).len(), 1);
    let name = with("wan_name: cable", "wan_name: no");
    assert_eq!(valid(&name).config.name.as_str(), "no");
    assert_eq!(warned(&name, Code::Dialect).len(), 1);
    assert_eq!(
        error(&with("wan_name: cable", "wan_name: 5")).code,
        Code::Type
    );
    let quoted = error(&port("'443'"));
    assert_eq!(quoted.help.as_deref(), Some("remove the quotes"));
    let truth = error(&with("factor_down: 0.85", "factor_down: true"));
    assert_eq!(truth.code, Code::Type);
}

#[test]
fn unknown_keys_are_warned_of_with_a_suggestion() {
    for (line, key, help) in [
        ("wan_nmae: x", "wan_nmae", Some("did you mean `wan_name`?")),
        (
            "metrics: {prot: 1}",
            "metrics.prot",
            Some("did you mean `metrics.port`?"),
        ),
        (
            "ceiling_mbps: 5",
            "ceiling_mbps",
            Some("did you mean `continuous_monitoring.download.ceiling_mbps`?"),
        ),
        (
            "router.host: x",
            "router.host",
            Some("write the sections as nested keys, one per line"),
        ),
        ("\"\\e[2J\": x", "\\u{1b}[2J", None),
    ] {
        let warnings = warned(&with("", line), Code::Unknown);
        assert_eq!(warnings.len(), 1, "{line}");
        assert_eq!(warnings[0].key.as_deref(), Some(key));
        assert_eq!(warnings[0].help.as_deref(), help);
        assert_eq!(warnings[0].position.unwrap().line, 33, "{line}");
    }
    for later in [
        "fusion: {enabled: true}",
        "alerting: {}",
        "cake_params: {rtt: 5}",
    ] {
        assert_eq!(warned(&with("", later), Code::Later).len(), 1, "{later}");
        assert_eq!(warned(&with("", later), Code::Unknown), [], "{later}");
    }
    let inner = with(
        "    floor_mbps: 10\n",
        "    floor_mbps: 10\n    docsis_mode: true\n",
    );
    let later = warned(&inner, Code::Later);
    let key = later[0].key.as_deref();
    assert_eq!(key, Some("continuous_monitoring.upload.docsis_mode"));
}

#[test]
fn sections_must_be_sections() {
    let error = error(&with("", "storage: 5"));
    assert_eq!(
        (error.code, error.key.as_deref()),
        (Code::Type, Some("storage"))
    );
    let report = invalid(&MINIMAL.replace(
        "queues:\n  download: WAN-Download\n  upload: WAN-Upload\n",
        "queues: [a, b]\n",
    ));
    assert_eq!(report.errors().count(), 1, "{report}");
}

#[test]
fn files_have_their_usual_places() {
    let files = |text: &str| valid(text).config.files;
    let beside = files(MINIMAL);
    assert_eq!(beside.state_file, Path::new("/run/wanctl/cable_state.json"));
    assert_eq!(beside.lock_timeout, Duration::from_mins(5));
    let without = files(&with("lock_file: /run/wanctl/cable.lock\n", ""));
    assert_eq!(without.lock_file, Path::new("/run/wanctl/cable.lock"));
    assert_eq!(
        without.state_file,
        Path::new("/var/lib/wanctl/cable_state.json")
    );
    let chosen = files(&with("", "state_file: /data/state.json"));
    assert_eq!(chosen.state_file, Path::new("/data/state.json"));
    let same = error(&with("", "state_file: /run/wanctl/cable.lock"));
    assert_eq!(same.code, Code::Clash);
    assert_eq!(
        warned(&with("", "state_file: state.json"), Code::Path).len(),
        1
    );
}

#[test]
fn history_is_kept_only_where_a_file_is_named() {
    assert_eq!(
        valid(&with("", "storage: {db_path: ''}")).config.storage,
        None
    );
    let storage = valid(&with("", "storage: {db_path: /var/lib/wanctl/metrics.db}"));
    let storage = storage.config.storage.unwrap();
    assert_eq!(storage.retention_days, 7);
    assert_eq!(storage.db_path, Path::new("/var/lib/wanctl/metrics.db"));
    assert_eq!(
        warned(&with("", "storage: {retention_days: 5}"), Code::Unused).len(),
        1
    );
}

#[test]
fn reserve_checks_and_endpoints() {
    let checks = |lines: &str| {
        let text = with(
            "  download:\n    floor_mbps: 100",
            &format!("  fallback_checks: {lines}\n  download:\n    floor_mbps: 100"),
        );
        valid(&text).config.probe.reserve
    };
    assert_eq!(checks("{}").gateway, None);
    assert_eq!(checks("{}").tcp_targets.len(), 2);
    assert_eq!(
        checks("{gateway_ip: 10.0.0.1}").gateway,
        "10.0.0.1".parse().ok()
    );
    assert_eq!(
        checks("{gateway_ip: 10.0.0.1, check_gateway: false}").gateway,
        None
    );
    assert_eq!(checks("{gateway_ip: ''}").gateway, None);
    assert_eq!(checks("{check_tcp: false}").tcp_targets, []);
    assert_eq!(
        checks("{tcp_targets: [[x.example, 853]]}").tcp_targets,
        [("x.example".to_owned(), 853)]
    );
    assert!(!checks("{enabled: false}").enabled);

    let off = valid(&with("", "health_check: {enabled: false}"))
        .config
        .telemetry;
    assert_eq!(off.health, None);
    let clash = error(&with("", "metrics: {enabled: true, port: 9101}"));
    assert_eq!(clash.code, Code::Clash);
    valid(&with(
        "",
        "metrics: {enabled: true, port: 0}\nhealth_check: {port: 0}",
    ));
    let two = valid(&with(
        "",
        "metrics: {enabled: true, port: 9101, host: 127.0.0.2}",
    ));
    assert_eq!(two.config.telemetry.metrics.unwrap().port, 9101);
}

#[test]
fn the_two_queues_differ() {
    let error = error(&with("upload: WAN-Upload", "upload: WAN-Download"));
    assert_eq!(error.code, Code::Clash);
}

fn wan(name: &str, change: impl Fn(String) -> String) -> WanConfig {
    let text = MINIMAL
        .replace("cable", name)
        .replace("WAN-", &format!("{name}-"));
    parse(&format!("{name}.yaml"), &change(text), &env)
        .unwrap()
        .config
}

#[test]
fn files_of_one_process_must_not_share() {
    let (a, b) = (wan("a", |text| text), wan("b", |text| text));
    assert_eq!(check_together(&[a.clone(), b]).unwrap(), []);
    let lock = |text: String| text.replace("/run/wanctl/b.lock", "/run/wanctl/a.lock");
    for (other, count) in [
        (wan("a", |text| text), 5),
        (wan("b", lock), 2),
        (wan("b", |text| text.replace("b-Upload", "a-Download")), 1),
        (
            wan("b", |text| {
                format!(
                    "{text}metrics: {{enabled: true, port: 9101}}\nhealth_check: {{port: 9999}}\n"
                )
            }),
            1,
        ),
        (
            wan("b", |text| {
                format!("{text}state_file: /run/wanctl/a.lock\n")
            }),
            1,
        ),
    ] {
        let report = check_together(&[a.clone(), other]).unwrap_err();
        assert_eq!(report.errors().count(), count, "{report}");
        assert!(report.errors().all(|e| e.code == Code::Clash));
        assert!(report.to_string().contains("a.yaml"));
    }
    let timeout = wan("b", |text| {
        text.replace("lock_timeout: 300", "lock_timeout: 60")
    });
    let warnings = check_together(&[a, timeout]).unwrap();
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].key.as_deref(), Some("lock_timeout"));
}
