//! New addresses and a new socket for a WAN whose reflectors have gone silent, or of which one has
//! had no address so far.
//!
//! A redialled line has another interface index and often another address: a socket bound to the
//! old ones never hears anything again, and a name may by now point elsewhere.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use wanctl_types::Timestamp;

use crate::ports::{Refresh, Refreshed};
use crate::world::WorldError;

/// Silence that is put down to the line and not to the socket.
const PATIENCE: Duration = Duration::from_secs(10);
/// Time from one attempt to the next.
const INTERVAL: Duration = Duration::from_secs(30);

/// What an attempt came to.
pub(crate) type Renewed = Result<Refreshed, WorldError>;

type Attempt = Pin<Box<dyn Future<Output = Renewed> + Send>>;

/// Makes attempts, one at a time, while nothing answers or an address is lacking.
#[derive(Default)]
pub(crate) struct Renewal {
    port: Option<Arc<dyn Refresh>>,
    running: Option<Attempt>,
    last_start: Option<Timestamp>,
}

impl Renewal {
    pub(crate) fn new(port: Arc<dyn Refresh>) -> Self {
        Self {
            port: Some(port),
            ..Self::default()
        }
    }

    /// Starts an attempt if one is due for a trouble that began at `since`.
    pub(crate) fn begin(&mut self, now: Timestamp, since: Timestamp) {
        let Some(port) = &self.port else {
            return;
        };
        let resting = self
            .last_start
            .is_some_and(|start| now.saturating_since(start) < INTERVAL);
        if self.running.is_none() && !resting && now.saturating_since(since) >= PATIENCE {
            let port = Arc::clone(port);
            self.running = Some(Box::pin(async move { port.refresh().await }));
            self.last_start = Some(now);
        }
    }

    /// The end of the attempt under way; waits for ever when there is none.
    pub(crate) async fn ended(&mut self) -> Renewed {
        let Some(attempt) = &mut self.running else {
            return std::future::pending().await;
        };
        let renewed = attempt.await;
        self.running = None;
        renewed
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;

    struct NoSocket;

    #[async_trait]
    impl Refresh for NoSocket {
        async fn refresh(&self) -> Renewed {
            Err(WorldError::Other("no socket".into()))
        }
    }

    #[tokio::test]
    async fn attempts_come_after_some_patience_and_with_pauses() {
        let mut renewal = Renewal::new(Arc::new(NoSocket));
        let since = at(100);
        let mut begun = Vec::new();
        for second in 100..200 {
            renewal.begin(at(second), since);
            if renewal.running.is_some() {
                begun.push(second);
                assert!(renewal.ended().await.is_err());
            }
        }
        assert_eq!(begun, [110, 140, 170]);
    }

    #[test]
    fn without_a_port_nothing_is_tried() {
        let mut renewal = Renewal::default();
        renewal.begin(at(1_000), at(0));
        assert!(renewal.running.is_none());
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(seconds)
    }
}
