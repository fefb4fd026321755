//! The port through which probes leave and answers return.

use std::net::IpAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use wanctl_types::Timestamp;

/// One echo request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EchoRequest {
    /// Where it goes.
    pub target: IpAddr,
    /// Sequence number, wrapping.
    pub sequence: u16,
    /// Random number that a genuine answer repeats.
    pub nonce: u64,
    /// When it leaves, on the clock of whoever asks.
    pub sent_at: Timestamp,
}

/// One echo reply, as it came from the network. Nothing in it is to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Who it says it comes from.
    pub source: IpAddr,
    /// The sequence number it repeats.
    pub sequence: u16,
    /// The nonce it repeats.
    pub nonce: u64,
    /// The send time it repeats.
    pub sent_at: Timestamp,
    /// How long ago the kernel received it: the time it waited for us to read it.
    pub waited: Duration,
}

/// Sends echo requests and receives echo replies without ever waiting.
pub trait Transport: Send {
    /// Hands one request to the kernel.
    ///
    /// # Errors
    ///
    /// Whatever the kernel says, with the target; the probe counts as lost.
    fn send(&mut self, request: &EchoRequest) -> Result<(), crate::Error>;

    /// The next reply, or `Pending` with the task's waker registered. Packets that are not
    /// well-formed replies are dropped and counted inside.
    ///
    /// # Errors
    ///
    /// Whatever the kernel says about the socket.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Received, crate::Error>>;
}
