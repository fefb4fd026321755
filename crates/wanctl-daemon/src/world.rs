//! Makes the ports of a WAN.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use wanctl_probe::{EchoSocket, Families, ProbeConfig, Reserve, ReserveChecks, Transport};
use wanctl_router::{Backend, RouterOsConfig, RouterOsRest};

/// Where a daemon's packets and requests go.
#[async_trait]
pub trait World: Send + Sync {
    /// Looks up the reflectors' addresses, in the order of the configuration; for each that has
    /// none now, why.
    async fn resolve(&self, config: &ProbeConfig) -> Vec<Result<IpAddr, WorldError>>;

    /// Opens what probes are sent through.
    ///
    /// # Errors
    ///
    /// No socket is to be had.
    fn transport(
        &self,
        config: &ProbeConfig,
        targets: &[IpAddr],
    ) -> Result<Box<dyn Transport>, WorldError>;

    /// The checks for when no reflector answers.
    fn reserve(&self, config: &ProbeConfig) -> Arc<dyn ReserveChecks>;

    /// Opens the way to the router. Does not talk to it yet.
    ///
    /// # Errors
    ///
    /// A configuration that no client can be made of.
    fn backend(&self, config: &RouterOsConfig) -> Result<Arc<dyn Backend>, WorldError>;
}

/// Why a port cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorldError {
    /// Probing.
    #[error(transparent)]
    Probe(#[from] wanctl_probe::Error),
    /// The router.
    #[error(transparent)]
    Router(#[from] wanctl_router::Error),
    /// A world that is not this machine's.
    #[error(transparent)]
    Other(Box<dyn std::error::Error + Send + Sync>),
}

/// This machine's network.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostWorld;

#[async_trait]
impl World for HostWorld {
    async fn resolve(&self, config: &ProbeConfig) -> Vec<Result<IpAddr, WorldError>> {
        let found = wanctl_probe::resolve_each(&config.reflectors, &config.binding).await;
        let found = found.into_iter();
        found.map(|address| Ok(address?)).collect()
    }

    fn transport(
        &self,
        config: &ProbeConfig,
        targets: &[IpAddr],
    ) -> Result<Box<dyn Transport>, WorldError> {
        Ok(Box::new(EchoSocket::open(
            &config.binding,
            Families::of(targets),
        )?))
    }

    fn reserve(&self, config: &ProbeConfig) -> Arc<dyn ReserveChecks> {
        Arc::new(Reserve::new(config.reserve.clone(), config.binding.clone()))
    }

    fn backend(&self, config: &RouterOsConfig) -> Result<Arc<dyn Backend>, WorldError> {
        Ok(Arc::new(RouterOsRest::new(config.clone())?))
    }
}
