//! Makes what steering needs of the world.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use wanctl_config::SteerWan;
use wanctl_probe::{ProbeConfig, Transport};
use wanctl_router::{RouterOsConfig, RouterOsRest, SteeringRouter};

use crate::clock::Clock;
use crate::shaper::{NoFeed, ShaperFeed, SocketFeed};
use crate::world::{HostWorld, World, WorldError};

/// Where the steering daemon's packets and requests go.
#[async_trait]
pub trait SteerWorld: Send + Sync {
    /// Looks up the addresses of a WAN's targets, in the order of the configuration; for each that
    /// has none now, why.
    async fn resolve(&self, config: &ProbeConfig) -> Vec<Result<IpAddr, WorldError>>;

    /// Opens what a WAN's probes are sent through.
    ///
    /// # Errors
    ///
    /// No socket is to be had.
    fn transport(
        &self,
        config: &ProbeConfig,
        targets: &[IpAddr],
    ) -> Result<Box<dyn Transport>, WorldError>;

    /// Opens the way to the router. Does not talk to it yet.
    ///
    /// # Errors
    ///
    /// A configuration that no client can be made of.
    fn router(&self, config: &RouterOsConfig) -> Result<Arc<dyn SteeringRouter>, WorldError>;

    /// Begins to listen to a WAN's rate-control daemon.
    fn shaper(&self, clock: &Clock, wan: &SteerWan) -> Box<dyn ShaperFeed>;
}

#[async_trait]
impl SteerWorld for HostWorld {
    async fn resolve(&self, config: &ProbeConfig) -> Vec<Result<IpAddr, WorldError>> {
        World::resolve(self, config).await
    }

    fn transport(
        &self,
        config: &ProbeConfig,
        targets: &[IpAddr],
    ) -> Result<Box<dyn Transport>, WorldError> {
        World::transport(self, config, targets)
    }

    fn router(&self, config: &RouterOsConfig) -> Result<Arc<dyn SteeringRouter>, WorldError> {
        Ok(Arc::new(RouterOsRest::new(config.clone())?))
    }

    fn shaper(&self, clock: &Clock, wan: &SteerWan) -> Box<dyn ShaperFeed> {
        match &wan.state_file {
            Some(file) => Box::new(SocketFeed::new(
                clock.clone(),
                wan.name.clone(),
                file.clone(),
            )),
            None => Box::new(NoFeed),
        }
    }
}
