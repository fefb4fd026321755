//! What can go wrong.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use crate::rounds::{MAX_ROUNDS, MAX_TARGETS};
use crate::socket::Family;

/// What can go wrong while probing. The kernel's own words are in
/// [`source`](std::error::Error::source).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No target, or more than [`MAX_TARGETS`].
    #[error("cannot probe {count} targets: give 1 to {MAX_TARGETS}")]
    Targets {
        /// How many were given.
        count: usize,
    },
    /// An interval or a timeout that makes no schedule.
    #[error(
        "cannot open a round every {interval:?} and wait {timeout:?} for its answers: both must \
         be 1µs or more, and at most {MAX_ROUNDS} intervals may fit into the timeout"
    )]
    Schedule {
        /// Time between two rounds.
        interval: Duration,
        /// How long an answer may take.
        timeout: Duration,
    },
    /// A quorum of nobody.
    #[error("cannot close a round at a quorum of 0 answers: give at least 1")]
    Quorum,
    /// The process may open neither kind of ICMP socket.
    #[error(
        "no right to open an {family} ICMP socket (datagram socket: {datagram}): add a group of \
         this process to the range in net.ipv4.ping_group_range, or grant CAP_NET_RAW"
    )]
    NotPermitted {
        /// The address family of the socket.
        family: Family,
        /// Why no unprivileged datagram socket could be had.
        datagram: io::Error,
        /// Why no raw socket could be had either.
        #[source]
        raw: io::Error,
    },
    /// The kernel makes no such socket, for example because IPv6 is switched off.
    #[error("cannot open an {family} ICMP socket: check that the kernel has {family} enabled")]
    Open {
        /// The address family of the socket.
        family: Family,
        /// What the kernel said.
        source: io::Error,
    },
    /// A socket option was refused.
    #[error("cannot set {option} on an {family} ICMP socket")]
    Option {
        /// Name of the option.
        option: &'static str,
        /// The address family of the socket.
        family: Family,
        /// What the kernel said.
        source: io::Error,
    },
    /// The source address is not of the family of the targets.
    #[error("cannot probe {family} targets from {address}: give targets of its own family")]
    SourceFamily {
        /// The source address.
        address: IpAddr,
        /// The family of the targets.
        family: Family,
    },
    /// The source address could not be bound.
    #[error("cannot probe from {address}: check that this host has that address")]
    BindAddress {
        /// The source address.
        address: IpAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The interface could not be bound.
    #[error("cannot probe through interface {interface}: check that it exists")]
    BindInterface {
        /// Name of the interface.
        interface: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The socket was opened where nothing can wait for it.
    #[error("cannot wait for an {family} ICMP socket: open it inside an asynchronous runtime")]
    Register {
        /// The address family of the socket.
        family: Family,
        /// What the runtime said.
        source: io::Error,
    },
    /// A request for a family that the socket was not opened for.
    #[error("cannot probe {target}: no socket was opened for its address family")]
    NoSocket {
        /// Where the request was to go.
        target: IpAddr,
    },
    /// A request could not be sent.
    #[error("cannot send an echo request to {target}")]
    Send {
        /// Where the request was to go.
        target: IpAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The socket is broken.
    #[error("cannot receive {family} echo replies")]
    Receive {
        /// The address family of the socket.
        family: Family,
        /// What the kernel said.
        source: io::Error,
    },
    /// A host that is neither an address nor a host name.
    #[error("{host:?} is no host: {problem}")]
    Host {
        /// The host as written.
        host: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A host whose address could not be looked up.
    #[error("cannot resolve host {host}")]
    Resolve {
        /// The host as written.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// A host without an address that can be reached from where probes leave.
    #[error("host {host} has no address that can be probed from the configured source address")]
    NoAddress {
        /// The host as written.
        host: String,
    },
    /// A TCP connection that was refused or could not be attempted.
    #[error("cannot connect to {host} port {port}")]
    Connect {
        /// The host as written.
        host: String,
        /// The TCP port.
        port: u16,
        /// What the kernel said.
        source: io::Error,
    },
    /// Nobody answered in time.
    #[error("{host} did not answer within {limit:?}")]
    Silent {
        /// Who was asked.
        host: String,
        /// How long the answer was waited for.
        limit: Duration,
    },
}
