//! One HTTP client, made in one place, and the requests it sends.

use core::fmt;
use std::net::Ipv6Addr;
use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::call::Call;
use super::value::ItemId;
use super::{fault, trust};
use crate::{Error, RouterOsConfig, Scheme};

/// Longest time for a connection to come about, TLS included.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// Largest answer that is read. A listing of three thousand rules stays below it.
const MAX_REPLY: usize = 4 * 1024 * 1024;

/// One connection per direction.
const MAX_IDLE_CONNECTIONS: usize = 2;

/// How long a connection is silent before the kernel asks whether the router is still there.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// A client bound to one device and one user.
pub(super) struct Http {
    client: Client,
    /// Scheme, host, port and `/rest`, without a slash at the end.
    base: String,
    /// Host and port, for messages.
    pub(super) host: String,
    pub(super) user: String,
    password: SecretString,
}

impl Http {
    pub(super) fn new(config: RouterOsConfig) -> Result<Self, Error> {
        let host = authority(&config)?;
        let scheme = match config.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        let base = format!("{scheme}://{host}/rest");
        Url::parse(&base).map_err(|error| setup(format!("router.host is unusable: {error}")))?;
        if config.user.contains(':') {
            return Err(setup("router.user must not contain ':'"));
        }
        Ok(Self {
            client: client(&config)?,
            base,
            host,
            user: config.user,
            password: config.password,
        })
    }

    /// Reads `path`, which begins with a menu and may carry a query.
    pub(super) async fn get(&self, call: &Call, path: &str) -> Result<Vec<u8>, Error> {
        let request = self.client.get(format!("{}{path}", self.base));
        self.send(call, request, None).await
    }

    /// Changes one item. The id's `*` stays as it is: not every version understands `%2A`.
    pub(super) async fn patch(
        &self,
        call: &Call,
        menu: &str,
        id: &ItemId,
        body: &Value,
    ) -> Result<Vec<u8>, Error> {
        let request = self.client.patch(format!("{}{menu}/{id}", self.base));
        self.send(call, request.json(body), Some(id)).await
    }

    /// Sends once and returns the body of a successful answer.
    async fn send(
        &self,
        call: &Call,
        request: RequestBuilder,
        id: Option<&ItemId>,
    ) -> Result<Vec<u8>, Error> {
        let response = request
            .basic_auth(&self.user, Some(self.password.expose_secret()))
            .timeout(call.remaining())
            .send()
            .await
            .map_err(|error| fault::transport(call, &self.host, error))?;
        let status = response.status();
        let body = self.read(call, response).await?;
        if status.is_success() {
            Ok(body)
        } else {
            Err(fault::refusal(call, self, status, &body, id))
        }
    }

    async fn read(&self, call: &Call, mut response: Response) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        loop {
            let chunk = response.chunk().await;
            match chunk.map_err(|error| fault::transport(call, &self.host, error))? {
                None => return Ok(body),
                Some(chunk) if body.len() + chunk.len() > MAX_REPLY => {
                    body.extend_from_slice(&chunk);
                    let what = format!("the answer is longer than {MAX_REPLY} bytes");
                    return Err(call.protocol(what, &body));
                }
                Some(chunk) => body.extend_from_slice(&chunk),
            }
        }
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as {:?}", self.base, self.user)
    }
}

/// The only place where a client is built.
fn client(config: &RouterOsConfig) -> Result<Client, Error> {
    Client::builder()
        .tls_backend_preconfigured(trust::client_config(config.trust)?)
        .http1_only()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(config.timeout.min(CONNECT_LIMIT))
        .timeout(config.timeout)
        .tcp_keepalive(KEEPALIVE)
        .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS)
        .build()
        .map_err(|error| setup(format!("the HTTP client: {error}")))
}

/// Host and port as they stand in a URL. The host is not quoted in errors: whoever writes
/// credentials into it should not find them in a log.
fn authority(config: &RouterOsConfig) -> Result<String, Error> {
    let host = config.host.as_str();
    let port = config.port;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if bare.parse::<Ipv6Addr>().is_ok() {
        return Ok(format!("[{bare}]:{port}"));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if host.is_empty() || !host.chars().all(plain) {
        return Err(setup(
            "router.host is neither a host name nor an address; write it without scheme, port, \
             path or credentials",
        ));
    }
    Ok(format!("{host}:{port}"))
}

fn setup(detail: impl Into<String>) -> Error {
    Error::Setup {
        detail: detail.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use wanctl_types::{PerDirection, QueueName};

    fn built(host: &str) -> Result<String, Error> {
        let queue = |name: &str| QueueName::new(name).unwrap();
        let config = RouterOsConfig::new(
            host.to_owned(),
            "wanctl".to_owned(),
            SecretString::from("hunter2"),
            PerDirection::new(queue("down"), queue("up")),
        );
        Http::new(config).map(|http| http.base)
    }

    #[test]
    fn names_and_addresses_make_a_base() {
        assert_eq!(built("gw.lan").unwrap(), "https://gw.lan:443/rest");
        assert_eq!(built("192.0.2.1").unwrap(), "https://192.0.2.1:443/rest");
        for v6 in ["2001:db8::1", "[2001:db8::1]"] {
            assert_eq!(built(v6).unwrap(), "https://[2001:db8::1]:443/rest");
        }
    }

    #[test]
    fn anything_else_is_refused_without_being_quoted() {
        for host in [
            "",
            "gw/rest",
            "https://gw",
            "u:hunter2@gw",
            "gw lan",
            "gw:80",
            "gw?x",
        ] {
            let error = built(host).unwrap_err();
            assert!(matches!(error, Error::Setup { .. }), "{host}: {error}");
            assert!(!error.to_string().contains("hunter2"));
        }
    }
}
