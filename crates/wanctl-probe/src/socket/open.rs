//! Opening and binding ICMP sockets.

use std::io;
use std::net::SocketAddr;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::ReceiveTimestampns;
use socket2::{Domain, Protocol, Socket, Type};

use super::{Family, filter};
use crate::{Error, SourceBinding};

/// Room for some seconds of replies: the process may be held up, the network is not.
const RECEIVE_BUFFER: usize = 256 * 1024;

/// Which kind of socket the kernel granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// The kernel chooses the identifier and delivers nothing but our replies.
    Datagram,
    /// Replies are told by this identifier; IPv4 packets come with their header.
    Raw { identifier: u16 },
}

pub(super) fn open(
    family: Family,
    identifier: u16,
    binding: &SourceBinding,
) -> Result<(Socket, Access), Error> {
    let (socket, access) = open_any(family, identifier)?;
    let option = |option| {
        move |source| Error::Option {
            option,
            family,
            source,
        }
    };
    setsockopt(&socket, ReceiveTimestampns, &true)
        .map_err(io::Error::from)
        .map_err(option("SO_TIMESTAMPNS"))?;
    socket
        .set_recv_buffer_size(RECEIVE_BUFFER)
        .map_err(option("SO_RCVBUF"))?;
    if let Access::Raw { identifier } = access {
        socket
            .attach_filter(&filter::replies_to(family, identifier))
            .map_err(option("SO_ATTACH_FILTER"))?;
    }
    bind(&socket, family, binding)?;
    Ok((socket, access))
}

/// A datagram socket, else a raw one.
fn open_any(family: Family, identifier: u16) -> Result<(Socket, Access), Error> {
    let datagram = match create(family, Type::DGRAM) {
        Ok(socket) => return Ok((socket, Access::Datagram)),
        Err(source) if is_refusal(&source) => source,
        Err(source) => return Err(Error::Open { family, source }),
    };
    match create(family, Type::RAW) {
        Ok(socket) => Ok((socket, Access::Raw { identifier })),
        Err(raw) => Err(Error::NotPermitted {
            family,
            datagram,
            raw,
        }),
    }
}

fn create(family: Family, kind: Type) -> io::Result<Socket> {
    let (domain, protocol) = match family {
        Family::V4 => (Domain::IPV4, Protocol::ICMPV4),
        Family::V6 => (Domain::IPV6, Protocol::ICMPV6),
    };
    Socket::new(domain, kind.nonblocking(), Some(protocol))
}

/// Whether a raw socket may still be granted: no right to this one, or an old kernel.
fn is_refusal(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
        || error.raw_os_error() == Some(nix::libc::EPROTONOSUPPORT)
}

fn bind(socket: &Socket, family: Family, binding: &SourceBinding) -> Result<(), Error> {
    if let Some(interface) = &binding.interface {
        let failed = |source| Error::BindInterface {
            interface: interface.clone(),
            source,
        };
        socket
            .bind_device(Some(interface.as_bytes()))
            .map_err(failed)?;
    }
    let Some(address) = binding.address else {
        return Ok(());
    };
    if Family::of(address) != family {
        return Err(Error::SourceFamily { address, family });
    }
    socket
        .bind(&SocketAddr::new(address, 0).into())
        .map_err(|source| Error::BindAddress { address, source })
}
