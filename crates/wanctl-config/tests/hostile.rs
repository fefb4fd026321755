//! Files that are no configuration, and random ones.
#![expect(clippy::unwrap_used, reason = "a broken fixture must fail its test")]

mod common;

use std::fmt::Write as _;

use common::{MINIMAL, env, error, invalid, minimal, read, valid, with};
use proptest::prelude::*;
use wanctl_config::{AUTORATE, Code, Draft, Kind, Loaded, Number, Report, Value, load};

fn load_bytes(bytes: &[u8]) -> Report {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    load(file.path(), &env).unwrap_err()
}

fn first(report: &Report) -> Code {
    report.errors().next().unwrap().code
}

#[test]
fn things_that_are_no_text_file() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(
        first(&load(directory.path(), &env).unwrap_err()),
        Code::Read
    );
    let missing = directory.path().join("missing.yaml");
    let report = load(&missing, &env).unwrap_err();
    assert_eq!(first(&report), Code::Read);
    assert!(report.to_string().contains("missing.yaml"));

    let report = load_bytes(b"wan_name: a\nrouter: \xff\xfe\n");
    assert_eq!(first(&report), Code::Encoding);
    let position = report.errors().next().unwrap().position.unwrap();
    assert_eq!((position.line, position.column), (2, 9));
    assert_eq!(
        first(&load_bytes(b"\x7fELF\x02\x01\x01\0\0\0")),
        Code::Encoding
    );
    assert_eq!(first(&load_bytes(&vec![b'#'; (1 << 20) + 1])), Code::Limit);
}

#[test]
fn empty_files_and_other_roots() {
    for text in [
        "",
        "\n\n",
        "# only a comment\n",
        "---\n",
        "~\n",
        "5\n",
        "- a\n- b\n",
    ] {
        assert_eq!(first(&invalid(text)), Code::Root, "{text:?}");
    }
    let steering = error("topology: {primary_wan: a}\nwan_name: x\n");
    assert_eq!(steering.code, Code::Root);
    valid(&format!("\u{feff}{MINIMAL}"));
    valid(&MINIMAL.replace('\n', "\r\n"));
}

#[test]
fn a_megabyte_of_anything_is_answered() {
    let repeat = |text: &str| text.repeat((1 << 20) / text.len());
    for text in [
        repeat("# comment\n"),
        repeat("a: 1\n"),
        repeat("- a\n"),
        repeat("["),
        repeat("{a: "),
        repeat("a"),
        repeat("\""),
        repeat("a: &a b\n"),
        repeat("- - - -"),
        repeat("? "),
        repeat("!"),
        repeat("&a "),
        repeat("\n"),
        repeat(" "),
        repeat("\u{1F600}"),
    ] {
        invalid(&text);
    }
}

#[test]
fn deep_nesting_is_refused() {
    for text in ["[".repeat(200), "{a: ".repeat(200), "- ".repeat(200)] {
        let report = invalid(&text);
        assert!(
            matches!(first(&report), Code::Limit | Code::Syntax),
            "{report}"
        );
    }
    assert_eq!(
        first(&invalid(&format!(
            "a: {}1{}",
            "[".repeat(100),
            "]".repeat(100)
        ))),
        Code::Limit
    );
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..20 {
        let items = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(bomb, "a{level}: &a{level} [{items}]").unwrap();
    }
    assert_eq!(error(&bomb).code, Code::Limit);
    let mut merges = "a0: &a0 {k: 1}\n".to_owned();
    for level in 1..30 {
        writeln!(
            merges,
            "a{level}: &a{level} {{<<: [*a{0}, *a{0}], k{level}: *a{0}}}",
            level - 1
        )
        .unwrap();
    }
    assert_eq!(error(&merges).code, Code::Limit);
}

#[test]
fn anchors_and_merge_keys_work_in_moderation() {
    let text = MINIMAL
        .replace("  download:\n    floor", "  download: &line\n    floor")
        .replace(
            "    floor_mbps: 10\n    ceiling_mbps: 38\n    step_up_mbps: 1\n    factor_down: 0.9\n",
            "    <<: *line\n    factor_down: 0.9\n",
        );
    let queues = valid(&text).config.controller.queues;
    assert_eq!(queues.upload.ceiling, queues.download.ceiling);
    assert_eq!(queues.upload.factor_down.get().to_string(), "0.9");
}

#[test]
fn duplicate_keys_are_refused_with_both_lines() {
    let error = error(&with("  user: wanctl", "  user: wanctl\n  user: admin"));
    assert_eq!(error.code, Code::Duplicate);
    assert!(error.message.contains("line 4") && error.message.contains("line 5"));
}

/// A value that a key accepts, whatever the others are.
fn value_of(path: &'static str) -> BoxedStrategy<Value> {
    let key = AUTORATE.iter().find(|key| key.path == path).unwrap();
    let text = |pattern: &'static str| pattern.prop_map(Value::Text).boxed();
    match key.kind {
        Kind::Flag => any::<bool>().prop_map(Value::Flag).boxed(),
        Kind::Integer => {
            let bounds = key.bounds.unwrap();
            #[expect(clippy::cast_possible_truncation, reason = "bounds are small")]
            let range = bounds.min as i64..=bounds.max as i64;
            range.prop_map(Value::Integer).boxed()
        }
        Kind::Number => {
            let bounds = key.bounds.unwrap();
            let whole = bounds.min.ceil()..=bounds.max.floor();
            #[expect(clippy::cast_possible_truncation, reason = "bounds are small")]
            let whole = whole.prop_map(|n| Value::Number(Number::whole(n as i64)));
            let whole = whole.prop_filter(
                "in bounds",
                move |value| matches!(value, Value::Number(n) if bounds.contains(n.get())),
            );
            let fraction =
                (bounds.min..=bounds.max).prop_map(|n| Value::Number(Number::fraction(n).unwrap()));
            if bounds.min.ceil() <= bounds.max.floor() {
                prop_oneof![whole, fraction].boxed()
            } else {
                fraction.boxed()
            }
        }
        Kind::Text => text("[ -~]{1,40}"),
        Kind::Name => text("[A-Za-z0-9_.-]{1,64}"),
        Kind::Host => text("[a-z]([a-z0-9-]{0,20}[a-z])?(\\.[a-z]{1,10}){0,3}"),
        Kind::Interface => text("[a-z0-9._-]{1,15}"),
        Kind::Path => "(/[ -.0-~]{1,20}){1,4}"
            .prop_map(|path| Value::Path(path.into()))
            .boxed(),
        Kind::Address | Kind::Listen => any::<std::net::IpAddr>().prop_map(Value::Address).boxed(),
        Kind::Hosts => prop::collection::vec("[a-z]{1,10}(\\.[a-z]{1,5})?", 1..=8)
            .prop_map(Value::Hosts)
            .boxed(),
        Kind::Targets => prop::collection::vec(("[a-z]{1,10}", 1..=u16::MAX), 0..4)
            .prop_map(Value::Targets)
            .boxed(),
        Kind::Choice(words) => prop::sample::select(words)
            .prop_map(|word| Value::Text(word.to_owned()))
            .boxed(),
        Kind::Secret | Kind::Ignored | _ => unreachable!("{path} has values of its own"),
    }
}

/// Whether rules tie a key to the values of others.
fn is_tied(path: &str) -> bool {
    ["ceiling", "floor", "plan", "bloat_ms", "rtt_bounds", "port"]
        .iter()
        .any(|word| path.contains(word))
}

/// Any subset of keys with valid values, to be set on top of the minimal file. With `tied`, among
/// them keys that may contradict each other.
fn drafts(tied: bool) -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    let optional: Vec<_> = AUTORATE
        .iter()
        .filter(|key| !matches!(key.kind, Kind::Secret | Kind::Ignored))
        .filter(|key| tied || !is_tied(key.path))
        .map(|key| prop::option::of(value_of(key.path).prop_map(|value| (key.path, value))))
        .collect();
    optional.prop_map(|values| values.into_iter().flatten().collect())
}

fn text_of(values: &[(&'static str, Value)]) -> String {
    let mut draft = minimal();
    for (path, value) in values {
        draft.set(path, value.clone()).unwrap();
    }
    draft.to_yaml().unwrap()
}

/// Each value is in effect, and writing all of them gives the same configuration again.
fn check_round_trip(loaded: &Loaded, values: &[(&'static str, Value)]) {
    for (path, value) in values {
        let found = &loaded.effective.get(path).unwrap().value;
        assert_eq!(found, value, "{path}");
    }
    let again = valid(&Draft::of_all(&loaded.effective).to_yaml().unwrap()).config;
    let config = &loaded.config;
    assert_eq!(config.name, again.name);
    assert_eq!(config.enabled, again.enabled);
    assert_eq!(config.controller, again.controller);
    assert_eq!(config.probe, again.probe);
    assert_eq!(config.budget, again.budget);
    assert_eq!(config.counter_interval, again.counter_interval);
    assert_eq!(config.storage, again.storage);
    assert_eq!(config.telemetry, again.telemetry);
    assert_eq!(config.files, again.files);
    assert_eq!(config.snapshot, again.snapshot);
    assert_eq!(config.router.queues, again.router.queues);
    assert_eq!(config.router.scheme, again.router.scheme);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_written_is_read_back(values in drafts(false)) {
        let text = text_of(&values);
        // Both files by chance the same, or both queues.
        if let Err(report) = read(&text) {
            let clash = report.errors().all(|error| error.code == Code::Clash);
            prop_assert!(clash, "{}\n{}", text, report);
        } else {
            check_round_trip(&valid(&text), &values);
        }
    }

    #[test]
    fn values_within_bounds_break_no_rule_but_those_between_keys(values in drafts(true)) {
        match read(&text_of(&values)) {
            Ok(loaded) => check_round_trip(&loaded, &values),
            Err(report) => for error in report.errors() {
                let order = matches!(error.code, Code::Order | Code::Clash);
                let floors = error.key.as_ref().is_some_and(|key| key.contains("floor"));
                prop_assert!(order || (error.code == Code::Missing && floors), "{}", error);
            },
        }
    }

    #[test]
    fn random_text_is_answered(text in "\\PC{0,200}") {
        prop_assert!(read(&text).is_err());
    }

    #[test]
    fn random_yaml_is_answered(text in "[\\[\\]{}:,&*!?|>'\"%@`#~<=ab0-9._ \n\t-]{0,200}") {
        prop_assert!(read(&text).is_err());
    }

    #[test]
    fn random_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let report = load_bytes(&bytes);
        prop_assert!(report.errors().count() > 0);
    }

    #[test]
    fn a_mutated_file_is_answered(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..20, "\\PC{0,6}|[ \n:\\[\\]{}&*'\"-]{0,4}"), 1..6)
    ) {
        let mut text: Vec<char> = MINIMAL.chars().collect();
        for (at, length, insert) in cuts {
            let start = at.index(text.len() + 1);
            let end = (start + length).min(text.len());
            text.splice(start..end, insert.chars());
        }
        let text: String = text.into_iter().collect();
        match read(&text) {
            Ok(loaded) => prop_assert!(loaded.warnings.iter().all(|w| w.code.as_str().starts_with("W-"))),
            Err(report) => for error in report.errors() {
                prop_assert!(error.position.is_some(), "{}", error);
            },
        }
    }
}
