//! One ICMP socket.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use nix::cmsg_space;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg};
use nix::sys::time::TimeSpec;
use socket2::Socket;
use tokio::io::unix::AsyncFd;

use super::open::{Access, open};
use super::watch::watch;
use super::{Family, SocketStats, stamp};
use crate::icmp::{EchoKind, EchoRepr, strip_ipv4_header};
use crate::{EchoRequest, Error, Received, SourceBinding, entropy};

/// Longer than an IPv4 header with all options and an echo message of ours.
const LONGEST_PACKET: usize = 128;

/// Packets looked at in one go before other tasks have their turn.
const BUDGET: usize = 64;

#[derive(Debug)]
pub(super) struct Channel {
    family: Family,
    access: Access,
    socket: AsyncFd<Socket>,
    packet: [u8; LONGEST_PACKET],
    control: Vec<u8>,
    /// When nothing was left to read for the last time.
    seen_empty: Instant,
}

/// What the kernel delivered.
struct Delivery {
    len: usize,
    source: Option<IpAddr>,
    stamp: Option<TimeSpec>,
}

impl Channel {
    pub(super) fn open(family: Family, binding: &SourceBinding) -> Result<Self, Error> {
        let (socket, access) = open(family, entropy::random_u16(), binding)?;
        Ok(Self {
            family,
            access,
            socket: watch(socket).map_err(|source| Error::Register { family, source })?,
            packet: [0; LONGEST_PACKET],
            control: cmsg_space!(TimeSpec),
            seen_empty: Instant::now(),
        })
    }

    pub(super) fn is_datagram(&self) -> bool {
        self.access == Access::Datagram
    }

    pub(super) fn send(&self, request: &EchoRequest) -> Result<(), Error> {
        let target = request.target;
        let message = self.message(request).emit(self.family);
        self.socket
            .get_ref()
            .send_to(&message, &SocketAddr::new(target, 0).into())
            .map(drop)
            .map_err(|source| Error::Send { target, source })
    }

    /// The next reply to us. What else arrives is dropped and counted.
    pub(super) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        stats: &mut SocketStats,
    ) -> Poll<Result<Received, Error>> {
        let family = self.family;
        for _ in 0..BUDGET {
            let Poll::Ready(delivered) = self.poll_delivery(cx) else {
                self.seen_empty = Instant::now();
                return Poll::Pending;
            };
            match delivered {
                Ok(delivery) => match self.accept(&delivery, stats) {
                    Some(reply) => return Poll::Ready(Ok(reply)),
                    None => stats.dropped += 1,
                },
                Err(error) if is_network_error(&error) => stats.network_errors += 1,
                Err(source) => return Poll::Ready(Err(Error::Receive { family, source })),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_delivery(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Delivery>> {
        let Self {
            socket,
            packet,
            control,
            ..
        } = self;
        loop {
            let mut guard = ready!(socket.poll_read_ready(cx))?;
            if let Ok(received) = guard.try_io(|fd| receive(fd.as_raw_fd(), packet, control)) {
                return Poll::Ready(received);
            }
        }
    }

    fn message(&self, request: &EchoRequest) -> EchoRepr {
        EchoRepr {
            kind: EchoKind::Request,
            identifier: match self.access {
                Access::Datagram => 0,
                Access::Raw { identifier } => identifier,
            },
            sequence: request.sequence,
            nonce: request.nonce,
            sent_at: request.sent_at,
        }
    }

    fn accept(&self, delivery: &Delivery, stats: &mut SocketStats) -> Option<Received> {
        let source = delivery.source?;
        let reply = self.parse(self.packet.get(..delivery.len)?)?;
        let waited = stamp::waited(delivery.stamp, self.seen_empty.elapsed());
        stats.received += 1;
        stats.stamped += u64::from(waited.is_some());
        stats.unstamped += u64::from(waited.is_none());
        Some(Received {
            source,
            sequence: reply.sequence,
            nonce: reply.nonce,
            sent_at: reply.sent_at,
            waited: waited.unwrap_or(Duration::ZERO),
        })
    }

    fn parse(&self, packet: &[u8]) -> Option<EchoRepr> {
        let message = match (self.access, self.family) {
            (Access::Raw { .. }, Family::V4) => strip_ipv4_header(packet).ok()?,
            (Access::Datagram, _) | (Access::Raw { .. }, Family::V6) => packet,
        };
        let reply = EchoRepr::parse(self.family, message).ok()?;
        let is_ours = match self.access {
            Access::Datagram => true,
            Access::Raw { identifier } => reply.identifier == identifier,
        };
        (is_ours && reply.kind == EchoKind::Reply).then_some(reply)
    }
}

fn receive(socket: RawFd, packet: &mut [u8], control: &mut [u8]) -> io::Result<Delivery> {
    let mut slices = [IoSliceMut::new(packet)];
    let flags = MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<SockaddrStorage>(socket, &mut slices, Some(control), flags)?;
    let stamp = message
        .cmsgs()
        .ok()
        .and_then(|mut all| all.find_map(|one| timestamp(&one)));
    Ok(Delivery {
        len: message.bytes,
        source: message.address.and_then(ip_of),
        stamp,
    })
}

fn timestamp(message: &ControlMessageOwned) -> Option<TimeSpec> {
    if let ControlMessageOwned::ScmTimestampns(time) = message {
        return Some(*time);
    }
    None
}

fn ip_of(address: SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
}

/// Whether the error is about one packet or the moment, not about the socket.
fn is_network_error(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::Interrupted
    )
}
