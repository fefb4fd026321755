//! `wanctl bench control` as a program.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;
use std::process::{Command, Output};

fn bench(directory: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wanctl"))
        .args(["bench", "control"])
        .args(args)
        .current_dir(directory)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

const QUICK: [&str; 6] = [
    "--laws",
    "static,oracle(0.15,0.95)",
    "--scenes",
    "one-flow-each,route-longer-download",
    "--seeds",
    "1",
];

#[test]
fn a_comparison_is_printed_and_written_the_same_with_any_number_of_jobs() {
    let directory = tempfile::tempdir().unwrap();
    let run = |jobs: &str| {
        let files = [
            "--jobs",
            jobs,
            "--json",
            "f.json",
            "--csv",
            "f.csv",
            "--svg",
            "svg",
            "--write-gate",
            "gate.json",
        ];
        let output = bench(directory.path(), &[QUICK.as_slice(), &files].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        let read = |name| std::fs::read_to_string(directory.path().join(name)).unwrap();
        (
            text(&output.stdout),
            read("f.json"),
            read("f.csv"),
            read("gate.json"),
        )
    };
    let one = run("1");
    assert_eq!(run("2"), one);
    let (table, json, csv, _) = one;
    for word in [
        "one-flow-each",
        "static",
        "oracle(0.15,0.95)",
        "recover 1 s",
        "use/oracle",
    ] {
        assert!(table.contains(word), "{word} in\n{table}");
    }
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["cells"].as_array().unwrap().len(), 4);
    assert!(json["cells"][0]["figures"]["delay-p95"]["mean"].is_number());
    assert!(csv.lines().all(|line| line.matches('"').count() % 2 == 0));
    for name in ["frontier-all.svg", "series-one-flow-each.svg"] {
        let svg = std::fs::read_to_string(directory.path().join("svg").join(name)).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("static"), "{name}");
    }

    let same = bench(directory.path(), &["--gate", "gate.json"]);
    assert!(same.status.success(), "{}", text(&same.stdout));
    let gate = directory.path().join("gate.json");
    let better = std::fs::read_to_string(&gate)
        .unwrap()
        .replace("[0.9", "[1.9");
    std::fs::write(&gate, better).unwrap();
    let worse = bench(directory.path(), &["--gate", "gate.json"]);
    assert_eq!(worse.status.code(), Some(1), "{}", text(&worse.stderr));
    assert!(
        text(&worse.stdout).contains("WORSE"),
        "{}",
        text(&worse.stdout)
    );
}

#[test]
fn a_missed_target_fails_the_check() {
    let directory = tempfile::tempdir().unwrap();
    // The targets are those of another law.
    let args = [
        "--laws",
        "static",
        "--scenes",
        "one-flow-each",
        "--seeds",
        "1",
        "--check",
    ];
    let nothing = bench(directory.path(), &args);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(
        text(&nothing.stderr).contains("none of the targets"),
        "{}",
        text(&nothing.stderr)
    );

    let args = [
        "--laws",
        "adaptive",
        "--scenes",
        "lte-driving",
        "--seeds",
        "1",
        "--check",
    ];
    let without_oracle = bench(directory.path(), &args);
    assert_eq!(without_oracle.status.code(), Some(1));
    let said = text(&without_oracle.stdout);
    assert!(
        said.contains("MISSED") && said.contains("0 of 2 targets met"),
        "{said}"
    );
}

#[test]
fn a_measured_line_can_be_given() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write(
        "down.csv",
        &format!("time_s,capacity_mbps\n{}", "0.0,8.5\n".repeat(250)),
    );
    write("up.csv", &"2\n".repeat(250));
    write("bad.csv", &"8\nfast\n".repeat(250));
    write("short.csv", "8\n8\n");
    let run = |args: &[&str]| {
        let output = bench(
            directory.path(),
            &[&["--laws", "static", "--seeds", "1"], args].concat(),
        );
        (
            output.status.success(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    let (good, table, error) = run(&["--trace", "down.csv", "--trace-up", "up.csv"]);
    assert!(
        good && table.contains("down: a measured line, 25 s"),
        "{table}{error}"
    );

    for (file, complaint) in [
        ("bad.csv", "line 2 of the capacity trace"),
        ("short.csv", "0.2 s long; at least 24 s"),
        ("none.csv", "cannot read none.csv"),
    ] {
        let (good, _, error) = run(&["--trace", file]);
        assert!(!good && error.contains(complaint), "{file}: {error}");
    }
}

#[test]
fn unknown_names_are_named() {
    let directory = tempfile::tempdir().unwrap();
    for (args, complaint) in [
        (["--laws", "nobody"], "no law is called \"nobody\""),
        (["--scenes", "nowhere"], "no scene is called \"nowhere\""),
        (["--variants", "never"], "no variant is called \"never\""),
        (["--plans", "0"], "a plan must be between"),
    ] {
        let output = bench(
            directory.path(),
            &[args.as_slice(), &["--seeds", "1"]].concat(),
        );
        assert!(!output.status.success());
        let error = text(&output.stderr);
        assert!(error.contains(complaint), "{error}");
    }
    let list = bench(directory.path(), &["--list"]);
    assert!(text(&list.stdout).contains("fixed-download"));
}
