//! The checks made while ICMP is silent: is the network gone, or only our probes?
//!
//! The gateway is pinged and the TCP targets are connected to at the same time. One connection
//! is proof of a working path and brings a round-trip time; the gateway alone proves only that
//! the local link is up.

mod gateway;
mod tcp;

use std::time::Duration;

use async_trait::async_trait;
use wanctl_types::Millis;

use crate::{Error, ReserveConfig, SourceBinding};

/// How long the gateway may take to answer.
pub const GATEWAY_TIMEOUT: Duration = Duration::from_secs(1);
/// How long one TCP target may take, name look-up included.
pub const TCP_TIMEOUT: Duration = Duration::from_millis(500);

/// What the reserve checks found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ReserveAnswer {
    /// At least one TCP connection succeeded; the median connect time.
    Tcp(Millis),
    /// Only the gateway answered.
    GatewayOnly,
    /// Nothing answered.
    Nothing,
}

/// Checks made while no reflector answers.
#[async_trait]
pub trait ReserveChecks: Send + Sync {
    /// Pings the gateway and connects to the TCP targets, at the same time.
    async fn check(&self) -> ReserveAnswer;
}

/// The checks over real sockets.
///
/// A check takes as long as the TCP targets do one after the other, at most [`TCP_TIMEOUT`]
/// each; if none answers, at least until the gateway has answered or [`GATEWAY_TIMEOUT`] is over.
/// With two targets that is a second.
#[derive(Clone, Debug)]
pub struct Reserve {
    config: ReserveConfig,
    binding: SourceBinding,
}

impl Reserve {
    /// Makes the configured checks from where probes leave.
    #[must_use]
    pub const fn new(config: ReserveConfig, binding: SourceBinding) -> Self {
        Self { config, binding }
    }

    async fn gateway_answers(&self) -> bool {
        let Some(gateway) = self.config.gateway else {
            return false;
        };
        let answer = gateway::ping(gateway, &self.binding, GATEWAY_TIMEOUT).await;
        answer.map_err(|error| note_failure(&error)).is_ok()
    }

    /// The median connect time of the targets that accept; `None` if none does.
    async fn tcp_rtt(&self) -> Option<Millis> {
        let mut times = Vec::with_capacity(self.config.tcp_targets.len());
        for (host, port) in &self.config.tcp_targets {
            match tcp::connect_time(host, *port, &self.binding, TCP_TIMEOUT).await {
                Ok(time) => times.push(time),
                Err(error) => note_failure(&error),
            }
        }
        median(times)
    }
}

#[async_trait]
impl ReserveChecks for Reserve {
    async fn check(&self) -> ReserveAnswer {
        if !self.config.enabled {
            return ReserveAnswer::Nothing;
        }
        weigh(self.gateway_answers(), self.tcp_rtt()).await
    }
}

/// Waits for both checks, but for the gateway only if no connection succeeds.
async fn weigh(
    gateway: impl Future<Output = bool>,
    tcp: impl Future<Output = Option<Millis>>,
) -> ReserveAnswer {
    tokio::pin!(gateway, tcp);
    let (rtt, mut answered) = tokio::select! {
        biased;
        rtt = &mut tcp => (rtt, None),
        answered = &mut gateway => (tcp.await, Some(answered)),
    };
    if let Some(rtt) = rtt {
        return ReserveAnswer::Tcp(rtt);
    }
    if answered.is_none() {
        answered = Some(gateway.await);
    }
    match answered {
        Some(true) => ReserveAnswer::GatewayOnly,
        Some(false) | None => ReserveAnswer::Nothing,
    }
}

fn note_failure(error: &Error) {
    let cause = std::error::Error::source(error).map(tracing::field::display);
    tracing::debug!(%error, cause, "reserve check failed");
}

fn median(mut times: Vec<Millis>) -> Option<Millis> {
    times.sort_by(|a, b| a.get().total_cmp(&b.get()));
    let upper = *times.get(times.len() / 2)?;
    let lower = *times.get(times.len().saturating_sub(1) / 2)?;
    Some(Millis::saturating(f64::midpoint(lower.get(), upper.get())))
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::task::yield_now;

    use super::*;

    #[test]
    fn the_median_of_two_is_their_mean() {
        assert_eq!(median_of(&[]), None);
        assert_eq!(median_of(&[7.0]), Some(7.0));
        assert_eq!(median_of(&[30.0, 10.0]), Some(20.0));
        assert_eq!(median_of(&[30.0, 10.0, 11.0]), Some(11.0));
    }

    #[tokio::test]
    async fn a_connection_does_not_wait_for_the_gateway() {
        let rtt = Millis::saturating(12.0);
        let answer = weigh(pending(), ready(Some(rtt))).await;
        assert_eq!(answer, ReserveAnswer::Tcp(rtt));
    }

    #[tokio::test]
    async fn without_a_connection_the_gateway_decides_whoever_is_first() {
        for (gateway, expected) in [
            (true, ReserveAnswer::GatewayOnly),
            (false, ReserveAnswer::Nothing),
        ] {
            assert_eq!(weigh(ready(gateway), slowly(None)).await, expected);
            assert_eq!(weigh(slowly(gateway), ready(None)).await, expected);
        }
    }

    #[tokio::test]
    async fn a_connection_counts_for_more_than_a_gateway_that_was_faster() {
        let rtt = Millis::saturating(12.0);
        assert_eq!(
            weigh(ready(true), slowly(Some(rtt))).await,
            ReserveAnswer::Tcp(rtt)
        );
    }

    async fn slowly<T>(value: T) -> T {
        yield_now().await;
        value
    }

    fn median_of(times: &[f64]) -> Option<f64> {
        median(times.iter().copied().map(Millis::saturating).collect()).map(Millis::get)
    }
}
