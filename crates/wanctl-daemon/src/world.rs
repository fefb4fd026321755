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

/// The addresses that were found for these hosts, in order; the hosts without one are told of.
///
/// # Errors
///
/// None has an address: why the first has not.
pub(crate) fn addresses(
    hosts: &[String],
    mut found: Vec<Result<IpAddr, WorldError>>,
    mut tell: impl FnMut(&str, &WorldError),
) -> Result<Vec<Option<IpAddr>>, WorldError> {
    if found.iter().all(Result::is_err) && !found.is_empty() {
        found.swap_remove(0)?;
    }
    let told = hosts
        .iter()
        .zip(found)
        .map(|(host, address)| match address {
            Ok(address) => Some(address),
            Err(error) => {
                tell(host, &error);
                None
            }
        });
    Ok(told.collect())
}

/// The addresses among them.
pub(crate) fn known(targets: &[Option<IpAddr>]) -> Vec<IpAddr> {
    targets.iter().copied().flatten().collect()
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
