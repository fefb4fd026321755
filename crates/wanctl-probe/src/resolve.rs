//! Hosts: whether a text names one, and at which address it is.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::task::JoinSet;

use crate::socket::Family;
use crate::{Error, SourceBinding};

/// How long one of several look-ups may take.
const LOOKUP_LIMIT: Duration = Duration::from_secs(5);
/// Longest host that is accepted, in bytes.
const LONGEST_HOST: usize = 256;
/// Longest label of a host name (RFC 1123 §2.1).
const LONGEST_LABEL: usize = 63;

/// Accepts an IPv4 address, an IPv6 address or a host name (RFC 1123 §2.1), at most 256 bytes.
///
/// # Errors
///
/// The host and what is wrong with it.
///
/// ```
/// assert!(wanctl_probe::validate_host("one.one.one.one").is_ok());
/// assert!(wanctl_probe::validate_host("-f").is_err());
/// ```
pub fn validate_host(host: &str) -> Result<(), Error> {
    if host.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    match problem(host) {
        Some(problem) => Err(Error::Host {
            host: host.to_owned(),
            problem,
        }),
        None => Ok(()),
    }
}

/// Looks up one address for each host, in order. Addresses are taken as they are.
///
/// # Errors
///
/// The first host that is invalid, or that the resolver does not know.
pub async fn resolve(hosts: &[String]) -> Result<Vec<IpAddr>, Error> {
    resolve_for(hosts, &SourceBinding::default()).await
}

/// Like [`resolve()`], with addresses of the source address' family only.
///
/// # Errors
///
/// As [`resolve()`], and a host that has no address of that family.
pub async fn resolve_for(hosts: &[String], binding: &SourceBinding) -> Result<Vec<IpAddr>, Error> {
    let mut addresses = Vec::with_capacity(hosts.len());
    for host in hosts {
        let first = lookup(host, binding).await?.into_iter().next();
        addresses.push(first.ok_or_else(|| Error::NoAddress { host: host.clone() })?);
    }
    Ok(addresses)
}

/// Looks up one address for each host as [`resolve_for`] does, all at the same time and each for
/// itself: a name that is unknown, or not answered for within 5 s, leaves the others their addresses.
pub async fn resolve_each(hosts: &[String], binding: &SourceBinding) -> Vec<Result<IpAddr, Error>> {
    let mut lookups = JoinSet::new();
    for (place, host) in hosts.iter().cloned().enumerate() {
        let binding = binding.clone();
        lookups.spawn(async move { (place, first_of(&host, &binding).await) });
    }
    let mut found = lookups.join_all().await;
    found.sort_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, address)| address).collect()
}

async fn first_of(host: &str, binding: &SourceBinding) -> Result<IpAddr, Error> {
    let found = tokio::time::timeout(LOOKUP_LIMIT, lookup(host, binding)).await;
    let found = found.unwrap_or_else(|_| {
        Err(Error::Resolve {
            host: host.to_owned(),
            source: io::ErrorKind::TimedOut.into(),
        })
    });
    let first = found?.into_iter().next();
    first.ok_or_else(|| Error::NoAddress {
        host: host.to_owned(),
    })
}

/// Every address of a host that the binding can reach.
pub(crate) async fn lookup(host: &str, binding: &SourceBinding) -> Result<Vec<IpAddr>, Error> {
    let family = binding.address.map(Family::of);
    let fits = |address: &IpAddr| family.is_none_or(|family| family == Family::of(*address));
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok([address].into_iter().filter(fits).collect());
    }
    validate_host(host)?;
    let found = lookup_host((host, 0)).await;
    let found = found.map_err(|source| Error::Resolve {
        host: host.to_owned(),
        source,
    })?;
    Ok(found.map(|socket| socket.ip()).filter(fits).collect())
}

fn problem(host: &str) -> Option<&'static str> {
    if host.is_empty() {
        return Some("it is empty");
    }
    if host.len() > LONGEST_HOST {
        return Some("it is longer than 256 characters");
    }
    if host.split('.').next_back().is_some_and(is_number) {
        return Some("it ends in a number like an IPv4 address but is none");
    }
    host.split('.').find_map(label_problem)
}

fn label_problem(label: &str) -> Option<&'static str> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if label.is_empty() || label.len() > LONGEST_LABEL {
        return Some("between its dots there must be 1 to 63 characters");
    }
    if !label.bytes().all(is_allowed) {
        return Some("only letters, digits, hyphens and dots are allowed");
    }
    let edged = label.starts_with('-') || label.ends_with('-');
    edged.then_some("no part may begin or end with a hyphen")
}

fn is_number(label: &str) -> bool {
    !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names_are_hosts() {
        let label = "a".repeat(63);
        let long = [label.as_str(); 4].join(".");
        let hosts = [
            "1.1.1.1",
            "2606:4700::1111",
            "::1",
            "localhost",
            "a",
            "x-1.example.ORG",
        ];
        for host in hosts.into_iter().chain([label.as_str(), long.as_str()]) {
            assert!(validate_host(host).is_ok(), "{host}");
        }
    }

    #[test]
    fn anything_else_is_not() {
        let long_label = "a".repeat(64);
        let long = format!("{}.org", ["a".repeat(50).as_str(); 5].join("."));
        let hosts = [
            "",
            "-f",
            "a-",
            "a..b",
            ".a",
            "a.",
            "a b",
            "8.8.8.8; touch x",
            "8.8.8.8\n",
            "a_b",
            "300.1.1.1",
            "1.2.3",
            "1::2::3",
            "[::1]",
            "fe80::1%eth0",
            "münchen.de",
        ];
        for host in hosts
            .into_iter()
            .chain([long_label.as_str(), long.as_str()])
        {
            assert!(validate_host(host).is_err(), "{host:?}");
        }
    }

    #[test]
    fn the_message_names_the_host_and_the_problem() {
        assert_eq!(
            validate_host("300.1.1.1").unwrap_err().to_string(),
            "\"300.1.1.1\" is no host: it ends in a number like an IPv4 address but is none"
        );
    }

    #[tokio::test]
    async fn addresses_are_taken_as_they_are_and_in_order() {
        let hosts = ["192.0.2.7", "::1"].map(str::to_owned);
        let expected: Vec<IpAddr> = hosts.iter().map(|host| host.parse().unwrap()).collect();
        assert_eq!(resolve(&hosts).await.unwrap(), expected);
    }

    #[tokio::test]
    async fn a_host_without_an_address_leaves_the_others_theirs() {
        let hosts = ["192.0.2.7", "-f", "192.0.2.9"].map(str::to_owned);
        let found = resolve_each(&hosts, &SourceBinding::default()).await;
        let [Ok(first), Err(Error::Host { host, .. }), Ok(last)] = &found[..] else {
            panic!("{found:?}");
        };
        assert_eq!(host, "-f");
        let addresses = [first, last].map(ToString::to_string);
        assert_eq!(addresses, ["192.0.2.7", "192.0.2.9"]);
    }

    #[tokio::test]
    async fn an_invalid_host_is_named_before_anybody_is_asked() {
        let hosts = ["127.0.0.1", "-f"].map(str::to_owned);
        let error = resolve(&hosts).await.unwrap_err();
        assert!(matches!(error, Error::Host { host, .. } if host == "-f"));
    }

    #[tokio::test]
    async fn addresses_of_the_other_family_than_the_source_are_passed_over() {
        let binding = SourceBinding {
            address: "127.0.0.1".parse().ok(),
            interface: None,
        };
        let hosts = ["::1".to_owned()];
        let error = resolve_for(&hosts, &binding).await.unwrap_err();
        assert!(matches!(error, Error::NoAddress { host } if host == "::1"));
    }
}
