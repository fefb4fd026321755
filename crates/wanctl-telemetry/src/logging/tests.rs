use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tracing::subscriber::with_default;

use super::*;

/// Stands in for standard error.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A directory with both log files configured in a directory yet to be made.
struct Bench {
    directory: TempDir,
    config: LogConfig,
    console: Captured,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let logs = directory.path().join("var/log");
        let config = LogConfig {
            main_log: Some(logs.join("main.log")),
            debug_log: Some(logs.join("debug.log")),
        };
        Self {
            directory,
            config,
            console: Captured::default(),
        }
    }

    fn run(&self, options: LogOptions, ansi: bool, filter: Option<&str>, body: impl FnOnce()) {
        let (subscriber, guard) = self.subscriber(options, ansi, filter).unwrap();
        with_default(subscriber, body);
        assert!(guard.flush(SOON));
    }

    fn subscriber(
        &self,
        options: LogOptions,
        ansi: bool,
        filter: Option<&str>,
    ) -> Result<(impl Subscriber + Send + Sync + use<>, LogGuard), Error> {
        let console = Console {
            sink: Box::new(self.console.clone()),
            ansi,
            filter: filter.map(str::to_owned),
        };
        subscriber(&self.config, options, console)
    }

    fn main_log(&self) -> String {
        fs::read_to_string(self.config.main_log.as_ref().unwrap()).unwrap()
    }

    fn debug_log(&self) -> Option<String> {
        fs::read_to_string(self.config.debug_log.as_ref().unwrap()).ok()
    }
}

/// For a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(20);

const PLAIN: LogOptions = LogOptions {
    debug: false,
    format: LogFormat::Text,
};
const DEBUG: LogOptions = LogOptions {
    debug: true,
    format: LogFormat::Text,
};
const JSON: LogOptions = LogOptions {
    debug: false,
    format: LogFormat::Json,
};

fn speak() {
    let _span = tracing::info_span!("wan", wan = "cable").entered();
    tracing::info!(rate = 940, "zone changed");
    tracing::debug!("probe lost");
    tracing::debug!(target: "hyper", "connection opened");
}

#[test]
fn without_debugging_both_outputs_have_info_and_there_is_no_debug_log() {
    let bench = Bench::new();
    bench.run(PLAIN, false, None, speak);
    for text in [bench.console.text(), bench.main_log()] {
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("zone changed rate=940"), "{text}");
        assert!(text.contains("wan=\"cable\""), "{text}");
    }
    assert_eq!(bench.debug_log(), None);
}

#[test]
fn debugging_adds_our_details_but_not_those_of_libraries() {
    let bench = Bench::new();
    bench.run(DEBUG, false, None, speak);
    for text in [bench.console.text(), bench.debug_log().unwrap()] {
        assert!(text.contains("zone changed"), "{text}");
        assert!(text.contains("probe lost"), "{text}");
        assert!(!text.contains("connection opened"), "{text}");
    }
    assert!(!bench.main_log().contains("probe lost"));
}

#[test]
fn rust_log_filters_the_console_alone() {
    let bench = Bench::new();
    bench.run(PLAIN, false, Some("off,hyper=debug"), speak);
    let console = bench.console.text();
    assert!(console.contains("connection opened"), "{console}");
    assert!(!console.contains("zone changed"), "{console}");
    assert!(bench.main_log().contains("zone changed"));
}

#[test]
fn an_empty_rust_log_is_none_and_a_wrong_one_an_error() {
    let bench = Bench::new();
    bench.run(PLAIN, false, Some(" "), speak);
    assert!(bench.console.text().contains("zone changed"));
    let error = bench
        .subscriber(PLAIN, false, Some("wanctl=loud"))
        .err()
        .unwrap();
    assert!(error.to_string().contains("RUST_LOG=\"wanctl=loud\""));
}

#[test]
fn colours_stay_on_the_terminal() {
    let bench = Bench::new();
    bench.run(DEBUG, true, None, speak);
    assert!(bench.console.text().contains('\u{1b}'));
    assert!(!bench.main_log().contains('\u{1b}'));
    assert!(!bench.debug_log().unwrap().contains('\u{1b}'));
}

#[test]
fn a_json_line_has_its_keys_the_fields_of_spans_and_numbers_as_numbers() {
    let bench = Bench::new();
    bench.run(JSON, false, None, || {
        let _outer = tracing::info_span!("wan", wan = "cable", rate = 1).entered();
        tracing::warn!(rate = 2.5, level = "loud", bad = f64::NAN, "a \"b\"\nc");
    });
    assert_eq!(bench.console.text().lines().count(), 1);
    let line: serde_json::Value = serde_json::from_str(&bench.main_log()).unwrap();
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["level_"], "loud");
    assert_eq!(line["logger"], "wanctl_telemetry::logging::tests");
    assert_eq!(line["message"], "a \"b\"\nc");
    assert_eq!(line["wan"], "cable");
    assert_eq!(line["rate"], 2.5);
    assert_eq!(line["bad"], serde_json::Value::Null);
    let timestamp = line["timestamp"].as_str().unwrap();
    assert_eq!(timestamp.len(), "2024-01-01T00:00:00.000Z".len());
    assert!(timestamp.ends_with('Z'), "{timestamp}");
}

#[test]
fn a_message_cannot_colour_a_file() {
    let bench = Bench::new();
    bench.run(PLAIN, false, None, || tracing::info!("\u{1b}[31mred"));
    assert!(!bench.main_log().contains('\u{1b}'), "{}", bench.main_log());
}

#[test]
fn an_existing_log_is_appended_to_and_a_new_one_is_not_for_everybody() {
    let bench = Bench::new();
    bench.run(PLAIN, false, None, speak);
    bench.run(PLAIN, false, None, speak);
    assert_eq!(bench.main_log().lines().count(), 2);
    let file = fs::metadata(bench.config.main_log.as_ref().unwrap()).unwrap();
    assert_eq!(file.permissions().mode() & 0o007, 0);
}

#[test]
fn a_log_file_that_cannot_be_opened_is_named() {
    let mut bench = Bench::new();
    let path = bench.directory.path().to_owned();
    bench.config.main_log = Some(path.clone());
    let error = bench.subscriber(PLAIN, false, None).err().unwrap();
    assert!(matches!(&error, Error::LogFile { path: p, .. } if *p == path));
    assert!(error.to_string().contains(path.to_str().unwrap()));
}

#[test]
fn a_log_directory_that_cannot_be_made_is_named() {
    let mut bench = Bench::new();
    let file = bench.directory.path().join("file");
    fs::write(&file, "").unwrap();
    bench.config.main_log = Some(file.join("main.log"));
    let error = bench.subscriber(PLAIN, false, None).err().unwrap();
    assert!(matches!(&error, Error::LogDirectory { path, .. } if *path == file));
}

#[test]
fn reopening_follows_the_name_after_a_rotation() {
    let bench = Bench::new();
    let (subscriber, guard) = bench.subscriber(PLAIN, false, None).unwrap();
    let path = bench.config.main_log.clone().unwrap();
    with_default(subscriber, || {
        tracing::info!("first");
        fs::rename(&path, path.with_extension("log.1")).unwrap();
        tracing::info!("second");
        guard.reopen().unwrap();
        tracing::info!("third");
    });
    assert!(guard.flush(SOON));
    assert!(bench.main_log().contains("third"));
    assert!(!bench.main_log().contains("second"));
    let rotated = fs::read_to_string(path.with_extension("log.1")).unwrap();
    assert!(rotated.contains("second"));
}

#[test]
fn lines_a_full_disk_refuses_are_counted() {
    let mut bench = Bench::new();
    bench.config.main_log = Some(PathBuf::from("/dev/full"));
    let (subscriber, guard) = bench.subscriber(PLAIN, false, None).unwrap();
    with_default(subscriber, speak);
    assert!(guard.flush(SOON));
    assert_eq!(guard.lost_lines(), 1);
    assert!(bench.console.text().contains("zone changed"));
}

#[test]
fn the_line_that_tells_of_lost_ones_is_like_all_others() {
    let text = LogFormat::Text.notice()(7);
    assert!(text.ends_with("lines=7\n"), "{text}");
    assert!(
        text.contains("Z  WARN wanctl_telemetry::logging: "),
        "{text}"
    );
    let json: serde_json::Value = serde_json::from_str(&LogFormat::Json.notice()(7)).unwrap();
    assert_eq!(
        (&json["level"], &json["lines"]),
        (&"WARN".into(), &7.into())
    );
}

#[test]
fn json_is_chosen_by_name_in_any_case() {
    assert_eq!(LogFormat::named("JSON"), LogFormat::Json);
    assert_eq!(LogFormat::named("json "), LogFormat::Json);
    assert_eq!(LogFormat::named("text"), LogFormat::Text);
    assert_eq!(LogFormat::named(""), LogFormat::Text);
}
