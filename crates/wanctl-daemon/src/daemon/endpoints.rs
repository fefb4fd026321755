//! The HTTP endpoints of a process.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use wanctl_telemetry::{Endpoint, EndpointConfig, Snapshot, TelemetryConfig, bind, serve};

use crate::chain::chain;

/// How long a request under way may take once the daemon stops.
const GRACE: Duration = Duration::from_millis(200);

/// Running servers.
pub(super) struct Endpoints {
    servers: JoinSet<std::io::Result<()>>,
    shutdown: CancellationToken,
}

impl Endpoints {
    /// Starts what is configured. An endpoint that cannot be had is reported and left out:
    /// control matters more than being looked at.
    pub(super) async fn start(
        config: &TelemetryConfig,
        snapshots: &watch::Sender<Arc<Snapshot>>,
    ) -> Self {
        let mut endpoints = Self {
            servers: JoinSet::new(),
            shutdown: CancellationToken::new(),
        };
        endpoints
            .add(config.health.as_ref(), Endpoint::Health, snapshots)
            .await;
        endpoints
            .add(config.metrics.as_ref(), Endpoint::Metrics, snapshots)
            .await;
        endpoints
    }

    async fn add(
        &mut self,
        config: Option<&EndpointConfig>,
        kind: Endpoint,
        snapshots: &watch::Sender<Arc<Snapshot>>,
    ) {
        let Some(config) = config else {
            return;
        };
        match bind(config).await {
            Ok(listener) => {
                info!(host = %config.host, port = config.port, ?kind, "listening");
                let shutdown = self.shutdown.clone();
                let snapshots = snapshots.subscribe();
                self.servers.spawn(async move {
                    serve(listener, kind, snapshots, shutdown.cancelled_owned()).await
                });
            }
            Err(error) => warn!(error = %chain(&error), "going on without this endpoint"),
        }
    }

    /// Closes all servers; a client that does not hang up is cut off after a short grace.
    pub(super) async fn stop(mut self) {
        self.shutdown.cancel();
        if tokio::time::timeout(GRACE, self.drain()).await.is_err() {
            self.servers.shutdown().await;
        }
    }

    async fn drain(&mut self) {
        while let Some(ended) = self.servers.join_next().await {
            match ended {
                Ok(Ok(())) => {}
                Ok(Err(error)) => error!(%error, "an endpoint failed"),
                Err(error) => error!(%error, "an endpoint panicked"),
            }
        }
    }
}
