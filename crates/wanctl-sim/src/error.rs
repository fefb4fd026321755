//! What can go wrong in a simulation.

use std::io;
use std::time::Duration;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A trace has no bin at all.
    #[error("the capacity trace has no bin; give at least one line with Mbit/s")]
    EmptyTrace,
    /// A line of a trace has no rate.
    #[error("line {number} of the capacity trace has no Mbit/s in its last column: {text:?}")]
    TraceLine {
        /// Its number, from 1.
        number: usize,
        /// The line.
        text: String,
    },
    /// A trace is zero throughout.
    #[error("the capacity trace is zero throughout")]
    DeadTrace,
    /// A trace is too short to judge a law on.
    #[error("the capacity trace is {} s long; at least {} s are needed, at ten lines a second",
        length.as_secs_f64(), shortest.as_secs())]
    ShortTrace {
        /// How long it is.
        length: Duration,
        /// How long it must be.
        shortest: Duration,
    },
    /// No law of the benchmark has this name.
    #[error("no law is called {name:?}; there are {}, and oracle(LAG,GAIN)",
        crate::bench::laws::NAMES.join(", "))]
    UnknownLaw {
        /// The name.
        name: String,
    },
    /// The simulated router has no such queue.
    #[error("the simulated router has no queue named {name:?}")]
    NoSuchQueue {
        /// The name.
        name: String,
    },
    /// No network interface can have this name.
    #[error("{name:?} is no name of a network interface: 1 to 15 letters, digits, '_', '.', '-'")]
    Device {
        /// The name.
        name: String,
    },
    /// A socket could not be made.
    #[error("cannot {operation} {address}: {source}")]
    Socket {
        /// What was tried.
        operation: &'static str,
        /// On which address.
        address: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// A thread or process could not be started.
    #[error("cannot start {what}: {source}")]
    Start {
        /// What.
        what: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// No runtime for virtual time could be had.
    #[error("cannot start a runtime for virtual time: {source}")]
    Runtime {
        /// What the kernel said.
        source: io::Error,
    },
    /// The HTTP server ended.
    #[error("the RouterOS simulator stopped serving: {source}")]
    Serve {
        /// Why.
        source: io::Error,
    },
    /// Probes cannot be scheduled.
    #[error(transparent)]
    Probe(#[from] wanctl_probe::Error),
    /// The configuration of a demonstration is invalid.
    #[error("the demonstration's configuration is refused: {report}")]
    Settings {
        /// What is wrong with it.
        report: String,
    },
    /// The daemon of a demonstration did not start.
    #[error("the daemon did not start: {source}")]
    Daemon {
        /// Why.
        source: Box<wanctl_daemon::DaemonError>,
    },
    /// The history of a demonstration cannot be read.
    #[error("the recorded history cannot be read: {source}")]
    History {
        /// Why.
        source: Box<wanctl_storage::Error>,
    },
}
