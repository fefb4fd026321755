//! A reflector on the loopback interface that answers as late as a simulated link would.

mod delay_line;
mod transport;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::{Error, ProbeFate};

use delay_line::DelayLine;

pub use transport::UdpTransport;

/// Longest datagram that is reflected, in bytes.
const MAX_DATAGRAM: usize = 2_048;
/// How often a thread looks whether it should end.
const STOP_CHECK: Duration = Duration::from_millis(50);
/// How often a port that is free on every host is sought.
const PORT_ATTEMPTS: usize = 20;

/// UDP echo on one port of several hosts; ends when dropped.
///
/// Every answer is held for the round-trip time that `fate` gives its request, divided by the
/// speed at which simulated time passes. One thread per host receives; one thread sends, waiting
/// the last fifth of a millisecond in a loop, so that on a machine with a free core an answer
/// leaves within 0.3 ms of its time.
pub struct UdpReflector {
    addresses: Vec<SocketAddr>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    /// Ends after the receivers, when nobody adds to it any more.
    line: Arc<DelayLine>,
}

type Fate = dyn Fn() -> ProbeFate + Send + Sync;

impl UdpReflector {
    /// Listens on `port` of every host; port 0 takes one that is free on all of them.
    ///
    /// Linux answers on all of 127.0.0.0/8, so 127.0.0.1, 127.0.0.2 and 127.0.0.3 make three
    /// reflectors without any set-up.
    ///
    /// # Errors
    ///
    /// [`Error::Socket`] when a host has no such port, [`Error::Start`] without threads.
    pub fn start(
        hosts: &[IpAddr],
        port: u16,
        speed: f64,
        fate: impl Fn() -> ProbeFate + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let sockets = bind_all(hosts, port)?;
        let fate: Arc<Fate> = Arc::new(fate);
        let mut reflector = Self {
            addresses: Vec::new(),
            stop: Arc::new(AtomicBool::new(false)),
            threads: Vec::new(),
            line: Arc::new(DelayLine::start()?),
        };
        for (socket, address) in sockets {
            let receiver = Receiver {
                socket: Arc::new(socket),
                fate: Arc::clone(&fate),
                speed,
                stop: Arc::clone(&reflector.stop),
                line: Arc::clone(&reflector.line),
            };
            let thread = std::thread::Builder::new()
                .name("reflector".to_owned())
                .spawn(move || receiver.run())
                .map_err(|source| Error::Start {
                    what: format!("the reflector thread of {address}"),
                    source,
                })?;
            reflector.addresses.push(address);
            reflector.threads.push(thread);
        }
        Ok(reflector)
    }

    /// Where it listens, in the order of the hosts.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

impl Drop for UdpReflector {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a reflector thread panicked");
            }
        }
    }
}

impl fmt::Debug for UdpReflector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpReflector")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

struct Receiver {
    socket: Arc<UdpSocket>,
    fate: Arc<Fate>,
    speed: f64,
    stop: Arc<AtomicBool>,
    line: Arc<DelayLine>,
}

impl Receiver {
    fn run(&self) {
        let mut buffer = [0; MAX_DATAGRAM];
        while !self.stop.load(Ordering::Acquire) {
            let Ok((length, peer)) = self.socket.recv_from(&mut buffer) else {
                continue; // The receive time-out, or a peer that went away.
            };
            let arrived = Instant::now();
            let ProbeFate::Answered { rtt } = (self.fate)() else {
                continue;
            };
            let due = arrived + scaled(rtt.to_duration(), self.speed);
            let socket = Arc::clone(&self.socket);
            let datagram = buffer.get(..length).unwrap_or_default().to_vec();
            self.line.add(due, move || {
                if let Err(error) = socket.send_to(&datagram, peer) {
                    tracing::debug!(%error, %peer, "an answer could not be sent");
                }
            });
        }
    }
}

/// Simulated time as real time; a speed that is not a positive finite number counts as one.
fn scaled(duration: Duration, speed: f64) -> Duration {
    let speed = if speed.is_finite() && speed > 0.0 {
        speed
    } else {
        1.0
    };
    Duration::try_from_secs_f64(duration.as_secs_f64() / speed).unwrap_or(Duration::MAX)
}

fn bind_all(hosts: &[IpAddr], port: u16) -> Result<Vec<(UdpSocket, SocketAddr)>, Error> {
    let attempts = if port == 0 { PORT_ATTEMPTS } else { 1 };
    let mut result = Ok(Vec::new());
    for _ in 0..attempts {
        result = bind_once(hosts, port);
        if result.is_ok() {
            break;
        }
    }
    result
}

fn bind_once(hosts: &[IpAddr], mut port: u16) -> Result<Vec<(UdpSocket, SocketAddr)>, Error> {
    let mut sockets = Vec::new();
    for host in hosts {
        let (socket, address) =
            bind(SocketAddr::new(*host, port)).map_err(|source| Error::Socket {
                operation: "receive probes on",
                address: SocketAddr::new(*host, port).to_string(),
                source,
            })?;
        port = address.port();
        sockets.push((socket, address));
    }
    Ok(sockets)
}

fn bind(address: SocketAddr) -> io::Result<(UdpSocket, SocketAddr)> {
    let socket = UdpSocket::bind(address)?;
    socket.set_read_timeout(Some(STOP_CHECK))?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use wanctl_types::Millis;

    use super::*;

    #[test]
    fn simulated_time_is_scaled() {
        let second = Duration::from_secs(1);
        assert_eq!(scaled(second, 10.0), second / 10);
        assert_eq!(scaled(second, 0.0), second);
        assert_eq!(scaled(second, f64::NAN), second);
    }

    #[test]
    fn every_host_answers_from_its_own_address_and_never_early() {
        let held = Duration::from_millis(20);
        let hosts = [1, 2, 3].map(|host| IpAddr::V4(Ipv4Addr::new(127, 0, 0, host)));
        let fate = move || ProbeFate::Answered {
            rtt: Millis::from_duration(held * 2),
        };
        let reflector = UdpReflector::start(&hosts, 0, 2.0, fate).unwrap();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        for address in reflector.addresses() {
            let sent = Instant::now();
            socket.send_to(b"ping", address).unwrap();
            let mut buffer = [0; 16];
            let (length, from) = socket.recv_from(&mut buffer).unwrap();
            assert_eq!((&buffer[..length], from), (&b"ping"[..], *address));
            assert!(sent.elapsed() >= held);
        }
    }
}
