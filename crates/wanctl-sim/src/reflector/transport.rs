//! Probes over UDP, for reflectors that do not speak ICMP.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::ReadBuf;
use wanctl_probe::{EchoRequest, Received, Transport};
use wanctl_types::Timestamp;

use crate::Error;

use super::UdpReflector;

/// Marks a datagram as one of ours.
const MAGIC: [u8; 4] = *b"wctl";
/// Magic, sequence number, nonce, send time; big-endian.
const LENGTH: usize = 4 + 2 + 8 + 8;

/// Sends echo requests as UDP datagrams from one socket. What was not sent by it is dropped.
///
/// Answers carry no kernel time stamp: `waited` is zero, so a task that is woken late measures
/// that as delay.
#[derive(Debug)]
pub struct UdpTransport {
    sending: UdpSocket,
    receiving: tokio::net::UdpSocket,
    /// Where the probes to each target go.
    routes: BTreeMap<IpAddr, SocketAddr>,
}

impl UdpTransport {
    /// Probes to a target go to the address beside it. IPv4 only. Must be called inside a tokio
    /// runtime.
    ///
    /// # Errors
    ///
    /// [`Error::Socket`] when no socket can be had.
    pub fn new(routes: BTreeMap<IpAddr, SocketAddr>) -> Result<Self, Error> {
        let [sending, receiving] = socket_pair().map_err(|source| Error::Socket {
            operation: "send probes from",
            address: Ipv4Addr::LOCALHOST.to_string(),
            source,
        })?;
        let receiving =
            tokio::net::UdpSocket::from_std(receiving).map_err(|source| Error::Socket {
                operation: "wait for answers on",
                address: Ipv4Addr::LOCALHOST.to_string(),
                source,
            })?;
        Ok(Self {
            sending,
            receiving,
            routes,
        })
    }

    /// Probes the hosts of a reflector under their own addresses.
    ///
    /// # Errors
    ///
    /// As [`UdpTransport::new`].
    pub fn to(reflector: &UdpReflector) -> Result<Self, Error> {
        let addresses = reflector.addresses().iter();
        Self::new(addresses.map(|address| (address.ip(), *address)).collect())
    }

    fn target_at(&self, address: SocketAddr) -> Option<IpAddr> {
        let (target, _) = self.routes.iter().find(|(_, route)| **route == address)?;
        Some(*target)
    }
}

impl Transport for UdpTransport {
    fn send(&mut self, request: &EchoRequest) -> Result<(), wanctl_probe::Error> {
        let failed = |source| wanctl_probe::Error::Send {
            target: request.target,
            source,
        };
        let route = self.routes.get(&request.target);
        let route = route.ok_or_else(|| failed(io::ErrorKind::HostUnreachable.into()))?;
        self.sending
            .send_to(&encode(request), route)
            .map_err(failed)?;
        Ok(())
    }

    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Received, wanctl_probe::Error>> {
        loop {
            let mut bytes = [0; LENGTH + 1];
            let mut buffer = ReadBuf::new(&mut bytes);
            let Ok(from) = ready!(self.receiving.poll_recv_from(cx, &mut buffer)) else {
                continue; // A complaint about an earlier datagram: that probe is lost.
            };
            let Some(source) = self.target_at(from) else {
                continue;
            };
            if let Some(received) = decode(source, buffer.filled()) {
                return Poll::Ready(Ok(received));
            }
        }
    }
}

/// Two handles to one socket.
fn socket_pair() -> io::Result<[UdpSocket; 2]> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_nonblocking(true)?;
    Ok([socket.try_clone()?, socket])
}

fn encode(request: &EchoRequest) -> Vec<u8> {
    let mut datagram = Vec::with_capacity(LENGTH);
    datagram.extend(MAGIC);
    datagram.extend(request.sequence.to_be_bytes());
    datagram.extend(request.nonce.to_be_bytes());
    datagram.extend(request.sent_at.as_micros().to_be_bytes());
    datagram
}

fn decode(source: IpAddr, datagram: &[u8]) -> Option<Received> {
    let rest = datagram.strip_prefix(&MAGIC)?;
    let (sequence, rest) = rest.split_first_chunk()?;
    let (nonce, rest) = rest.split_first_chunk()?;
    let sent_at: &[u8; 8] = rest.try_into().ok()?;
    Some(Received {
        source,
        sequence: u16::from_be_bytes(*sequence),
        nonce: u64::from_be_bytes(*nonce),
        sent_at: Timestamp::from_micros(u64::from_be_bytes(*sent_at)),
        waited: Duration::ZERO,
    })
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use proptest::prelude::*;
    use wanctl_types::Millis;

    use super::*;
    use crate::ProbeFate;

    fn request(target: IpAddr, sequence: u16) -> EchoRequest {
        EchoRequest {
            target,
            sequence,
            nonce: 0x0123_4567_89ab_cdef,
            sent_at: Timestamp::from_micros(77),
        }
    }

    #[tokio::test]
    async fn probes_come_back_from_the_target_they_were_sent_to() {
        let host = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
        let fate = || ProbeFate::Answered { rtt: Millis::ZERO };
        let reflector = UdpReflector::start(&[host], 0, 1.0, fate).unwrap();
        let target = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
        let routes = BTreeMap::from([(target, reflector.addresses()[0])]);
        let mut transport = UdpTransport::new(routes).unwrap();

        assert!(transport.send(&request(host, 1)).is_err(), "not a target");
        transport.send(&request(target, 2)).unwrap();
        let received = poll_fn(|cx| transport.poll_receive(cx)).await.unwrap();
        assert_eq!((received.source, received.sequence), (target, 2));
        assert_eq!(received.sent_at, Timestamp::from_micros(77));
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(sequence: u16, nonce: u64, micros: u64) {
            let source = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let sent_at = Timestamp::from_micros(micros);
            let datagram = encode(&EchoRequest { target: source, sequence, nonce, sent_at });
            let expected =
                Received { source, sequence, nonce, sent_at, waited: Duration::ZERO };
            prop_assert_eq!(decode(source, &datagram), Some(expected));
            prop_assert_eq!(decode(source, &datagram[1..]), None);
            prop_assert_eq!(decode(source, &datagram[..LENGTH - 1]), None);
        }
    }
}
