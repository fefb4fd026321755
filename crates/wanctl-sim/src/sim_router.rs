//! A simulated router as a program: REST in front, real queues behind.

use std::net::SocketAddr;
use std::path::PathBuf;

use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use wanctl_types::QueueName;

use crate::{Error, RouterOs, RouterOsServer, TcPlant};

/// What a simulated router in front of real devices needs.
#[derive(Clone, Debug)]
pub struct RouterSetup {
    /// Where its REST interface listens, plain HTTP; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Its queues and the network device that each shapes.
    pub queues: Vec<(QueueName, String)>,
    /// Comments of mangle rules it has, disabled at first.
    pub rules: Vec<String>,
    /// Who may use it.
    pub user: String,
    /// Their password.
    pub password: SecretString,
    /// The `tc` program, a path or a name to be found.
    pub tc: PathBuf,
}

/// Runs a simulated router until `shutdown` is cancelled. Calls `ready` with the address it
/// listens on.
///
/// Queues are unlimited until a limit is written; devices are left as they are until then.
///
/// # Errors
///
/// [`Error::Device`], [`Error::Start`], [`Error::Socket`] while starting; [`Error::Serve`] later.
pub async fn run_router(
    setup: RouterSetup,
    shutdown: CancellationToken,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), Error> {
    let router = RouterOs::new();
    router.set_credentials(&setup.user, &setup.password);
    for rule in &setup.rules {
        router.add_mangle_rule(rule, false);
    }
    TcPlant::start(&setup.tc, setup.queues.into_iter().collect())?.attach(&router);

    let failed = |source| Error::Socket {
        operation: "listen on",
        address: setup.listen.to_string(),
        source,
    };
    let listener = TcpListener::bind(setup.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    tracing::info!(%address, "the RouterOS simulator listens");
    ready(address);
    RouterOsServer::serve(listener, router, shutdown).await
}
