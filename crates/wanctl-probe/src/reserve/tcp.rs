//! TCP connections that are opened, timed and closed.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::net::TcpSocket;
use tokio::time::timeout;
use wanctl_types::Millis;

use crate::resolve::lookup;
use crate::{Error, SourceBinding};

/// The time to open and close a connection to the first address of the host that accepts one.
/// Looking up the name counts against the limit, not towards the result.
pub(super) async fn connect_time(
    host: &str,
    port: u16,
    binding: &SourceBinding,
    limit: Duration,
) -> Result<Millis, Error> {
    let silent = |_| Error::Silent {
        host: format!("{host} port {port}"),
        limit,
    };
    timeout(limit, connect(host, port, binding))
        .await
        .map_err(silent)?
}

async fn connect(host: &str, port: u16, binding: &SourceBinding) -> Result<Millis, Error> {
    let mut failure = Error::NoAddress {
        host: host.to_owned(),
    };
    for address in lookup(host, binding).await? {
        match time_one(SocketAddr::new(address, port), binding).await {
            Ok(time) => return Ok(time),
            Err(source) => {
                failure = Error::Connect {
                    host: host.to_owned(),
                    port,
                    source,
                }
            }
        }
    }
    Err(failure)
}

async fn time_one(target: SocketAddr, binding: &SourceBinding) -> io::Result<Millis> {
    let socket = match target.ip() {
        IpAddr::V4(_) => TcpSocket::new_v4()?,
        IpAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(interface) = &binding.interface {
        socket.bind_device(Some(interface.as_bytes()))?;
    }
    if let Some(address) = binding.address {
        socket.bind(SocketAddr::new(address, 0))?;
    }
    let start = Instant::now();
    drop(socket.connect(target).await?);
    Ok(Millis::from_duration(start.elapsed()))
}
