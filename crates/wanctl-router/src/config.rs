//! How to reach a RouterOS device.

use std::time::Duration;

use secrecy::SecretString;
use wanctl_types::{PerDirection, QueueName};

/// How to reach one RouterOS device and which queues belong to the WAN.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RouterOsConfig {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// HTTP or HTTPS.
    pub scheme: Scheme,
    /// How an HTTPS certificate is judged.
    pub trust: TlsTrust,
    /// RouterOS user.
    pub user: String,
    /// Its password; may be empty.
    pub password: SecretString,
    /// Longest time for one request, connecting included.
    pub timeout: Duration,
    /// The queue of each direction.
    pub queues: PerDirection<QueueName>,
}

impl RouterOsConfig {
    /// A configuration with the defaults: HTTPS on 443 without verification, 15 s.
    #[must_use]
    pub fn new(
        host: String,
        user: String,
        password: SecretString,
        queues: PerDirection<QueueName>,
    ) -> Self {
        Self {
            host,
            port: 443,
            scheme: Scheme::Https,
            trust: TlsTrust::Insecure,
            user,
            password,
            timeout: Duration::from_secs(15),
            queues,
        }
    }
}

/// HTTP or HTTPS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain text.
    Http,
    /// TLS.
    Https,
}

/// How a certificate is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsTrust {
    /// Any certificate is taken. RouterOS devices sign their own.
    Insecure,
    /// The certificate must chain to a public root and name the host.
    PublicRoots,
}
