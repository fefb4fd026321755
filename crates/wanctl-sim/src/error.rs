//! What can go wrong in a simulation.

use std::io;

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
    /// The simulated router has no such queue.
    #[error("the simulated router has no queue named {name:?}")]
    NoSuchQueue {
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
}
