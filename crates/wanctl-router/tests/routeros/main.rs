//! The REST client against a real HTTP server whose answers are scripted.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test")]

mod queues;
mod refusals;
mod routes;
mod rules;
mod secrets;
mod server;
mod tls;
mod transport;

use secrecy::SecretString;
use wanctl_router::{Limits, RouterOsConfig, RouterOsRest, Scheme};
use wanctl_types::{Bps, PerDirection, QueueName};

use self::server::Server;

/// The password every test logs in with.
const PASSWORD: &str = "s3cr3t-Pa55";

fn queue(name: &str) -> QueueName {
    QueueName::new(name).unwrap()
}

fn config(port: u16) -> RouterOsConfig {
    let queues = PerDirection::new(queue("WAN-Down"), queue("WAN-Up"));
    let password = SecretString::from(PASSWORD);
    let mut config = RouterOsConfig::new(
        "127.0.0.1".to_owned(),
        "wanctl".to_owned(),
        password,
        queues,
    );
    config.scheme = Scheme::Http;
    config.port = port;
    config
}

fn client(server: &Server) -> RouterOsRest {
    RouterOsRest::new(config(server.port())).unwrap()
}

fn down(mbps: u64) -> Limits {
    PerDirection::new(Some(Bps::from_mbps(mbps)), None)
}
