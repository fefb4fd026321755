//! Where the daemon's probes go in a demonstration.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use wanctl_daemon::{HostWorld, World, WorldError};
use wanctl_probe::{ProbeConfig, ReserveChecks, Transport};
use wanctl_router::{Backend, RouterOsConfig};

use crate::{UdpReflector, UdpTransport};

/// This machine's network, but for probes: they go to a reflector over UDP.
pub(super) struct DemoWorld {
    reflector: UdpReflector,
    host: HostWorld,
}

impl DemoWorld {
    pub(super) fn new(reflector: UdpReflector) -> Self {
        Self {
            reflector,
            host: HostWorld,
        }
    }
}

#[async_trait]
impl World for DemoWorld {
    async fn resolve(&self, config: &ProbeConfig) -> Vec<Result<IpAddr, WorldError>> {
        self.host.resolve(config).await
    }

    fn transport(
        &self,
        _config: &ProbeConfig,
        _targets: &[IpAddr],
    ) -> Result<Box<dyn Transport>, WorldError> {
        let transport = UdpTransport::to(&self.reflector);
        Ok(Box::new(
            transport.map_err(|error| WorldError::Other(Box::new(error)))?,
        ))
    }

    fn reserve(&self, config: &ProbeConfig) -> Arc<dyn ReserveChecks> {
        self.host.reserve(config)
    }

    fn backend(&self, config: &RouterOsConfig) -> Result<Arc<dyn Backend>, WorldError> {
        self.host.backend(config)
    }
}
