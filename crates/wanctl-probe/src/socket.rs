//! Echo requests and replies over real sockets, with the kernel's receive timestamps.
//!
//! An unprivileged datagram socket is tried first, a raw socket second. The kernel's stamp
//! tells how long a reply waited to be read, so that a busy process does not measure itself.

mod channel;
mod family;
mod filter;
mod open;
mod stamp;
mod watch;

use std::net::IpAddr;
use std::task::{Context, Poll};

use crate::{EchoRequest, Error, Received, SourceBinding, Transport};
use channel::Channel;

pub use family::{Families, Family};

/// Sends echo requests and receives their replies; one socket per address family in use.
///
/// ICMP errors are not asked for: a probe that a router refuses is lost by its timeout.
#[derive(Debug)]
pub struct EchoSocket {
    v4: Option<Channel>,
    v6: Option<Channel>,
    /// Whose turn it is to be read, so that neither family starves the other.
    turn: Family,
    stats: SocketStats,
}

/// Counters since the socket was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocketStats {
    /// Requests handed to the kernel.
    pub sent: u64,
    /// Replies to our requests.
    pub received: u64,
    /// Of the replies, those that carried a usable kernel timestamp.
    pub stamped: u64,
    /// Of the replies, those whose timestamp was missing, in the future or absurdly old, as
    /// after a step of the system clock; taken as read the moment they came.
    pub unstamped: u64,
    /// Packets dropped: not ours, or damaged.
    pub dropped: u64,
    /// Errors that the network reported through the socket, such as an unreachable host.
    pub network_errors: u64,
}

impl EchoSocket {
    /// Opens one socket for each of these families, bound as told.
    ///
    /// # Errors
    ///
    /// No right to open ICMP sockets, a family the kernel lacks, or an address or interface
    /// that cannot be bound.
    ///
    /// # Panics
    ///
    /// Outside an asynchronous runtime that drives I/O.
    pub fn open(binding: &SourceBinding, families: Families) -> Result<Self, Error> {
        let open = |family| Channel::open(family, binding);
        Ok(Self {
            v4: families.v4.then(|| open(Family::V4)).transpose()?,
            v6: families.v6.then(|| open(Family::V6)).transpose()?,
            turn: Family::V4,
            stats: SocketStats::default(),
        })
    }

    /// Counters since the socket was opened.
    #[must_use]
    pub const fn stats(&self) -> &SocketStats {
        &self.stats
    }

    /// Whether every socket is an unprivileged datagram socket.
    #[must_use]
    pub fn is_unprivileged(&self) -> bool {
        self.v4.iter().chain(&self.v6).all(Channel::is_datagram)
    }

    fn poll_family(
        &mut self,
        family: Family,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Received, Error>> {
        let channel = match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        };
        let Some(channel) = channel else {
            return Poll::Pending;
        };
        let received = channel.poll_receive(cx, &mut self.stats);
        if received.is_ready() {
            self.turn = family.other();
        }
        received
    }
}

impl Transport for EchoSocket {
    fn send(&mut self, request: &EchoRequest) -> Result<(), Error> {
        let channel = match request.target {
            IpAddr::V4(_) => &self.v4,
            IpAddr::V6(_) => &self.v6,
        };
        let target = request.target;
        let channel = channel.as_ref().ok_or(Error::NoSocket { target })?;
        channel.send(request)?;
        self.stats.sent += 1;
        Ok(())
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Received, Error>> {
        let turn = self.turn;
        match self.poll_family(turn, cx) {
            Poll::Pending => self.poll_family(turn.other(), cx),
            ready @ Poll::Ready(_) => ready,
        }
    }
}
