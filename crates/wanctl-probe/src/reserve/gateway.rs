//! One echo to the gateway.

use std::future::poll_fn;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::timeout;
use wanctl_types::Timestamp;

use crate::{EchoRequest, EchoSocket, Error, Families, SourceBinding, Transport, entropy};

/// Waits for one answer of the gateway.
pub(super) async fn ping(
    gateway: IpAddr,
    binding: &SourceBinding,
    limit: Duration,
) -> Result<(), Error> {
    let mut socket = EchoSocket::open(binding, Families::of(&[gateway]))?;
    let request = EchoRequest {
        target: gateway,
        sequence: entropy::random_u16(),
        nonce: entropy::random_u64(),
        sent_at: Timestamp::ZERO,
    };
    socket.send(&request)?;
    let silent = |_| Error::Silent {
        host: gateway.to_string(),
        limit,
    };
    timeout(limit, answer(&mut socket, &request))
        .await
        .map_err(silent)?
}

async fn answer(socket: &mut EchoSocket, request: &EchoRequest) -> Result<(), Error> {
    loop {
        let reply = poll_fn(|cx| socket.poll_receive(cx)).await?;
        if reply.source == request.target && reply.nonce == request.nonce {
            return Ok(());
        }
    }
}
