//! Log set-up: standard error always, files when configured.
//!
//! Levels: INFO on standard error and in the main log; with debugging, DEBUG of wanctl itself
//! (other libraries stay at INFO) on standard error and in the debug log. `RUST_LOG` replaces the
//! filter of standard error. A line is written in one call, at once.

mod file;
mod json;

use std::env;
use std::fmt;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::Arc;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{DefaultFields, JsonFields, Writer};
use tracing_subscriber::fmt::{FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use self::file::{LogFile, LogWriter};
use self::json::JsonLines;
use crate::config::LogConfig;
use crate::error::Error;

/// The environment variable that chooses the [`LogFormat`].
pub const LOG_FORMAT_VARIABLE: &str = "WANCTL_LOG_FORMAT";

/// Prefix of the targets that debugging is about.
const OWN_TARGETS: &str = "wanctl";

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

    fn named(name: &str) -> Self {
        if name.trim().eq_ignore_ascii_case("json") {
            Self::Json
        } else {
            Self::Text
        }
    }
}

/// Keeps the log files of a process.
#[derive(Debug)]
#[must_use = "it reopens the log files and counts what they lost"]
pub struct LogGuard {
    files: Vec<Arc<LogFile>>,
}

impl LogGuard {
    /// Opens the files again by name, as is due after they were renamed by log rotation.
    ///
    /// # Errors
    ///
    /// [`Error::LogFile`] or [`Error::LogDirectory`] of the first file that fails; that file and
    /// those after it stay open as they were.
    pub fn reopen(&self) -> Result<(), Error> {
        self.files.iter().try_for_each(|file| file.reopen())
    }

    /// Lines that a file could not take, for example because the disk was full.
    #[must_use]
    pub fn lost_lines(&self) -> u64 {
        self.files.iter().map(|file| file.lost()).sum()
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
        writer: io::stderr,
        ansi: io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
        filter: rust_log.map(|text| text.to_string_lossy().into_owned()),
    };
    let (subscriber, guard) = subscriber(config, options, console)?;
    tracing::subscriber::set_global_default(subscriber)?;
    Ok(guard)
}

/// Standard error, or what stands in for it.
struct Console<W> {
    writer: W,
    ansi: bool,
    /// The value of `RUST_LOG`.
    filter: Option<String>,
}

fn subscriber<W>(
    config: &LogConfig,
    options: LogOptions,
    console: Console<W>,
) -> Result<(impl Subscriber + Send + Sync + use<W>, LogGuard), Error>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let mut layers = vec![console.layer(options)?];
    let mut files = Vec::new();
    let debug_log = config.debug_log.as_deref().filter(|_| options.debug);
    let wanted = [(config.main_log.as_deref(), false), (debug_log, true)];
    for (path, debug) in wanted {
        let Some(path) = path else { continue };
        let file = open(path)?;
        layers.push(file_layer(&file, options.format, debug));
        files.push(file);
    }
    let subscriber = tracing_subscriber::registry().with(layers);
    Ok((subscriber, LogGuard { files }))
}

impl<W> Console<W>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    fn layer(self, options: LogOptions) -> Result<BoxedLayer, Error> {
        let filter = self.filter.filter(|text| !text.trim().is_empty());
        let layer = match options.format {
            LogFormat::Text => tracing_subscriber::fmt::layer()
                .with_ansi(self.ansi)
                .log_internal_errors(false)
                .with_writer(self.writer)
                .boxed(),
            LogFormat::Json => json_layer(self.writer),
        };
        match filter {
            None => Ok(layer.with_filter(levels(options.debug)).boxed()),
            Some(text) => Ok(layer.with_filter(env_filter(text)?).boxed()),
        }
    }
}

fn file_layer(file: &Arc<LogFile>, format: LogFormat, debug: bool) -> BoxedLayer {
    let writer = LogWriter::new(file);
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

/// A failed write must not be reported on standard error, which may be what failed.
fn json_layer<W>(writer: W) -> BoxedLayer
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::fmt::layer()
        .fmt_fields(JsonFields::new())
        .event_format(JsonLines)
        .log_internal_errors(false)
        .with_writer(writer)
        .boxed()
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

fn open(path: &Path) -> Result<Arc<LogFile>, Error> {
    LogFile::open(path).map(Arc::new)
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
