//! Everything that can go wrong here.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use tracing_subscriber::filter::ParseError;

/// Why an endpoint or a log could not be set up, or a view not be rendered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address of an endpoint cannot be listened on.
    #[error("cannot listen on {address}: {source}; {}", advice(source.kind()))]
    Bind {
        /// The endpoint.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The directory of a log file cannot be made.
    #[error("cannot create the log directory {}: {source}", path.display())]
    LogDirectory {
        /// The directory.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A log file cannot be opened for appending.
    #[error(
        "cannot open the log file {}: {source}; make it writable or leave it out of the configuration",
        path.display()
    )]
    LogFile {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The thread that writes a log cannot be started.
    #[error("cannot start a thread for the log: {0}")]
    LogThread(#[source] io::Error),
    /// `RUST_LOG` does not parse.
    #[error("cannot read RUST_LOG={text:?}: {source}; unset it or write for example wanctl=debug")]
    Filter {
        /// Its value.
        text: String,
        /// The offence.
        source: ParseError,
    },
    /// Logging was set up before.
    #[error("cannot set up logging twice in one process: {0}")]
    LoggingStarted(#[from] tracing::subscriber::SetGlobalDefaultError),
    /// The metrics could not be written as text.
    #[error("cannot render the metrics: {0}")]
    Metrics(#[from] std::fmt::Error),
    /// The health report could not be written as JSON.
    #[error("cannot render the health report: {0}")]
    Health(#[from] serde_json::Error),
}

fn advice(kind: io::ErrorKind) -> &'static str {
    if kind == io::ErrorKind::AddrInUse {
        "stop the other process or configure another port"
    } else if kind == io::ErrorKind::AddrNotAvailable {
        "configure an address of this machine"
    } else if kind == io::ErrorKind::PermissionDenied {
        "configure a port above 1023"
    } else {
        "configure another address or switch the endpoint off"
    }
}
