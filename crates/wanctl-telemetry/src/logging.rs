//! Log set-up: standard error always, files when configured.
//!
//! Levels: INFO on standard error and in the main log; with debugging, DEBUG of wanctl itself
//! (other libraries stay at INFO) on standard error and in the debug log. `RUST_LOG` replaces the
//! filter of standard error.
//!
//! Nobody who logs waits: a line goes through a bounded queue to a thread that writes it in one
//! call. Lines for which there is no room, because a disk or a reader stands still, are lost,
//! counted, and their number said in the log later.

mod file;
mod json;
mod outlet;

use std::env;
use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{DefaultFields, JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use self::file::LogFile;
use self::json::JsonLines;
use self::outlet::{Notice, Outlet, Sink};
use crate::config::LogConfig;
use crate::error::Error;

/// The environment variable that chooses the [`LogFormat`].
pub const LOG_FORMAT_VARIABLE: &str = "WANCTL_LOG_FORMAT";

/// Prefix of the targets that debugging is about.
const OWN_TARGETS: &str = "wanctl";

/// Who says that lines were lost, and in which words.
const LOST_LOGGER: &str = "wanctl_telemetry::logging";
const LOST_TEXT: &str = "lines of this log were lost: it did not take them";

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// What the command line and the environment decide about logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Whether debugging is switched on.
    pub debug: bool,
    /// How a line is written.
    pub format: LogFormat,
}

impl LogOptions {
    /// Takes the format from the environment.
    #[must_use]
    pub fn from_env(debug: bool) -> Self {
        let format = LogFormat::from_env();
        Self { debug, format }
    }
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Time, level, source and text for a reader.
    #[default]
    Text,
    /// One JSON object a line: `timestamp`, `level`, `logger`, `message` and the event's fields.
    Json,
}

impl LogFormat {
    /// Reads [`LOG_FORMAT_VARIABLE`]: `json` in any case is JSON, everything else text.
    #[must_use]
    pub fn from_env() -> Self {
        env::var(LOG_FORMAT_VARIABLE).map_or(Self::Text, |name| Self::named(&name))
    }

    /// The line that says how many were lost.
    fn notice(self) -> Notice {
        match self {
            Self::Text => |lost| {
                format!(
                    "{}  WARN {LOST_LOGGER}: {LOST_TEXT} lines={lost}\n",
                    text_time()
                )
            },
            Self::Json => json::lost_lines,
        }
    }

    fn named(name: &str) -> Self {
        if name.trim().eq_ignore_ascii_case("json") {
            Self::Json
        } else {
            Self::Text
        }
    }
}

/// How long the end of a guard waits for lines that are not written yet.
const FAREWELL: Duration = Duration::from_millis(200);

/// Keeps the logs of a process. When it goes, what waits is written, as far as that takes 0.2 s;
/// what is logged afterwards is lost.
#[derive(Debug)]
#[must_use = "it reopens the log files and counts what was lost"]
pub struct LogGuard {
    console: Outlet,
    files: Vec<LogFile>,
}

impl LogGuard {
    /// Opens the files again by name, as is due after they were renamed by log rotation. Waits for
    /// the disk.
    ///
    /// # Errors
    ///
    /// [`Error::LogFile`] or [`Error::LogDirectory`] of the first file that fails; that file and
    /// those after it stay open as they were.
    pub fn reopen(&self) -> Result<(), Error> {
        self.files.iter().try_for_each(LogFile::reopen)
    }

    /// Lines that standard error or a file did not take, because it stood still or because the
    /// disk was full. A line that two of them did not take counts twice.
    #[must_use]
    pub fn lost_lines(&self) -> u64 {
        self.outlets().map(Outlet::lost).sum()
    }

    /// Waits until everything logged so far is written, at most so long; whether it is.
    #[must_use]
    pub fn flush(&self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        let left = || deadline.saturating_duration_since(Instant::now());
        let unwritten = self.outlets().filter(|outlet| !outlet.flush(left()));
        unwritten.count() == 0
    }

    fn outlets(&self) -> impl Iterator<Item = &Outlet> {
        let files = self.files.iter().map(LogFile::outlet);
        std::iter::once(&self.console).chain(files)
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        // Whatever stands still now keeps its lines.
        let _ = self.flush(FAREWELL);
        self.outlets().for_each(Outlet::close);
    }
}

/// Sets up logging for the whole process.
///
/// # Errors
///
/// A log file or its directory cannot be opened, `RUST_LOG` does not parse, or logging was set up
/// before.
pub fn init(config: &LogConfig, options: LogOptions) -> Result<LogGuard, Error> {
    let rust_log = env::var_os(EnvFilter::DEFAULT_ENV);
    let console = Console {
        sink: standard_error(),
        ansi: io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
        filter: rust_log.map(|text| text.to_string_lossy().into_owned()),
    };
    let (subscriber, guard) = subscriber(config, options, console)?;
    tracing::subscriber::set_global_default(subscriber)?;
    Ok(guard)
}

/// A descriptor of our own: whoever holds the lock of the standard library's may hold it for long.
fn standard_error() -> Sink {
    match io::stderr().as_fd().try_clone_to_owned() {
        Ok(descriptor) => Box::new(File::from(descriptor)),
        Err(_) => Box::new(io::stderr()),
    }
}

/// Standard error, or what stands in for it.
struct Console {
    sink: Sink,
    ansi: bool,
    /// The value of `RUST_LOG`.
    filter: Option<String>,
}

fn subscriber(
    config: &LogConfig,
    options: LogOptions,
    console: Console,
) -> Result<(impl Subscriber + Send + Sync + use<>, LogGuard), Error> {
    let notice = options.format.notice();
    let outlet = Outlet::start(console.sink, notice).map_err(Error::LogThread)?;
    let mut guard = LogGuard {
        console: outlet.clone(),
        files: Vec::new(),
    };
    let mut layers = vec![console_layer(
        outlet,
        console.ansi,
        console.filter,
        options,
    )?];
    let debug_log = config.debug_log.as_deref().filter(|_| options.debug);
    let wanted = [(config.main_log.as_deref(), false), (debug_log, true)];
    for (path, debug) in wanted {
        let Some(path) = path else { continue };
        let file = LogFile::open(path, notice)?;
        layers.push(file_layer(file.outlet().clone(), options.format, debug));
        guard.files.push(file);
    }
    let subscriber = tracing_subscriber::registry().with(layers);
    Ok((subscriber, guard))
}

fn console_layer(
    writer: Outlet,
    ansi: bool,
    filter: Option<String>,
    options: LogOptions,
) -> Result<BoxedLayer, Error> {
    let filter = filter.filter(|text| !text.trim().is_empty());
    let layer = match options.format {
        LogFormat::Text => tracing_subscriber::fmt::layer()
            .with_ansi(ansi)
            .log_internal_errors(false)
            .with_writer(writer)
            .boxed(),
        LogFormat::Json => json_layer(writer),
    };
    match filter {
        None => Ok(layer.with_filter(levels(options.debug)).boxed()),
        Some(text) => Ok(layer.with_filter(env_filter(text)?).boxed()),
    }
}

fn file_layer(writer: Outlet, format: LogFormat, debug: bool) -> BoxedLayer {
    let layer = match format {
        LogFormat::Text => tracing_subscriber::fmt::layer()
            .fmt_fields(FileFields::default())
            .with_ansi(false)
            .log_internal_errors(false)
            .with_writer(writer)
            .boxed(),
        LogFormat::Json => json_layer(writer),
    };
    layer.with_filter(levels(debug)).boxed()
}

fn json_layer(writer: Outlet) -> BoxedLayer {
    tracing_subscriber::fmt::layer()
        .fmt_fields(JsonFields::new())
        .event_format(JsonLines)
        .log_internal_errors(false)
        .with_writer(writer)
        .boxed()
}

/// The time as lines of text begin with it.
fn text_time() -> String {
    let mut text = String::new();
    match SystemTime.format_time(&mut Writer::new(&mut text)) {
        Ok(()) => text,
        // Writing to memory does not fail; a line without its time still says what it has to.
        Err(_) => String::new(),
    }
}

fn levels(debug: bool) -> Targets {
    let own = if debug {
        LevelFilter::DEBUG
    } else {
        LevelFilter::INFO
    };
    Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target(OWN_TARGETS, own)
}

fn env_filter(text: String) -> Result<EnvFilter, Error> {
    EnvFilter::builder()
        .parse(&text)
        .map_err(|source| Error::Filter { text, source })
}

/// Formats fields for files. Spans keep their formatted fields by the type of their formatter: a
/// type of its own keeps the colours of the terminal out of the files.
#[derive(Debug, Default)]
struct FileFields(DefaultFields);

impl<'w> FormatFields<'w> for FileFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        self.0.format_fields(writer, fields)
    }
}

#[cfg(test)]
mod tests;
