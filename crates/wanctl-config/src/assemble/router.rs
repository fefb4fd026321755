//! How the router is reached.

use std::net::IpAddr;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use wanctl_controller::LawKind;
use wanctl_router::{BudgetConfig, RouterOsConfig, Scheme, TlsTrust};
use wanctl_types::{PerDirection, QueueName};

use super::Desk;
use crate::diagnostic::{Code, Diagnostic};
use crate::schema::{Key, key};

/// The only port on which REST is spoken over TLS when no scheme is given.
const HTTPS_PORT: u16 = 443;

pub(super) fn router(desk: &mut Desk<'_>) -> Option<RouterOsConfig> {
    let queues = queues(desk);
    router_parts(queues, desk)
}

/// As [`router`], with these queues.
pub(crate) fn router_with(
    queues: PerDirection<QueueName>,
    desk: &mut Desk<'_>,
) -> Option<RouterOsConfig> {
    router_parts(Some(queues), desk)
}

fn router_parts(
    queues: Option<PerDirection<QueueName>>,
    desk: &mut Desk<'_>,
) -> Option<RouterOsConfig> {
    let values = desk.values;
    warn_of_transport(desk);
    warn_of_password(desk);
    let port = values.integer(&key::ROUTER_PORT)?;
    let scheme = scheme(port, desk)?;
    let trust = if values.flag(&key::ROUTER_VERIFY_SSL)? {
        TlsTrust::PublicRoots
    } else {
        TlsTrust::Insecure
    };
    warn_of_exposure(scheme, trust, desk);
    let timeout = values.number(&key::ROUTER_TIMEOUT)?;
    let mut config = RouterOsConfig::new(
        values.text(&key::ROUTER_HOST)?.to_owned(),
        values.text(&key::ROUTER_USER)?.to_owned(),
        values.secret(&key::ROUTER_PASSWORD)?.value().clone(),
        queues?,
    );
    config.port = port;
    config.scheme = scheme;
    config.trust = trust;
    config.timeout = Duration::try_from_secs_f64(timeout.get()).ok()?;
    Some(config)
}

/// Rises a second that a law is given which looks for the end of the line in small steps: as many
/// as there are readings of the counters.
const ADAPTIVE_RISES: u32 = 5;

pub(super) fn budget(law: LawKind, desk: &Desk<'_>) -> Option<BudgetConfig> {
    let values = desk.values;
    if values.refused(&key::LIMITER_MAX_CHANGES) {
        return None;
    }
    let seconds: u32 = values.integer(&key::LIMITER_WINDOW)?;
    let usual = match law {
        LawKind::Adaptive => ADAPTIVE_RISES.saturating_mul(seconds),
        LawKind::Reference | _ => BudgetConfig::default().max_changes,
    };
    let written = values.integer(&key::LIMITER_MAX_CHANGES);
    Some(BudgetConfig::new(
        values.flag(&key::LIMITER_ENABLED)?,
        written.unwrap_or(usual),
        Duration::from_secs(seconds.into()),
    ))
}

fn queues(desk: &mut Desk<'_>) -> Option<PerDirection<QueueName>> {
    let values = desk.values;
    let queue = |key: &'static Key| QueueName::new(values.text(key)?).ok();
    let queues = PerDirection::new(queue(&key::QUEUE_DOWNLOAD)?, queue(&key::QUEUE_UPLOAD)?);
    if queues.download == queues.upload {
        let message = "queues.download and queues.upload are the same queue";
        let finding = Diagnostic::new(Code::Clash, message).found(queues.upload.as_str());
        desk.report(&key::QUEUE_UPLOAD, finding);
        return None;
    }
    Some(queues)
}

fn scheme(port: u16, desk: &Desk<'_>) -> Option<Scheme> {
    match desk.values.text(&key::ROUTER_SCHEME) {
        Some("http") => Some(Scheme::Http),
        Some("https") => Some(Scheme::Https),
        Some(_) => None,
        None if desk.values.refused(&key::ROUTER_SCHEME) => None,
        None if port == HTTPS_PORT => Some(Scheme::Https),
        None => Some(Scheme::Http),
    }
}

fn warn_of_transport(desk: &mut Desk<'_>) {
    if desk.values.text(&key::ROUTER_TRANSPORT) == Some("ssh") {
        let finding = Diagnostic::new(
            Code::Unused,
            "SSH is not used; the router is reached over REST",
        );
        desk.report(&key::ROUTER_TRANSPORT, finding.help("write `rest`"));
    }
}

fn warn_of_password(desk: &mut Desk<'_>) {
    if desk.is_written(&key::ROUTER_PASSWORD) {
        return;
    }
    let finding = Diagnostic::new(
        Code::Password,
        "there is no password: the router is asked with an empty one",
    )
    .help("write `password: ${ROUTER_PASSWORD}` and set that variable");
    let finding = match desk.values.written(&key::ROUTER_USER) {
        Some(at) => finding.at(at),
        None => finding,
    };
    desk.report(&key::ROUTER_PASSWORD, finding);
}

fn warn_of_exposure(scheme: Scheme, trust: TlsTrust, desk: &mut Desk<'_>) {
    match (scheme, trust) {
        (Scheme::Http, _) => warn_of_http(desk),
        (Scheme::Https, TlsTrust::Insecure) if !desk.is_written(&key::ROUTER_VERIFY_SSL) => {
            let message = "the certificate of the router is not verified";
            let help =
                "write `verify_ssl: false` if that is meant, as RouterOS devices sign their own";
            let finding = Diagnostic::new(Code::Insecure, message).help(help);
            let finding = match desk.values.written(&key::ROUTER_HOST) {
                Some(at) => finding.at(at),
                None => finding,
            };
            desk.report(&key::ROUTER_VERIFY_SSL, finding);
        }
        (Scheme::Https, _) => {}
    }
}

fn warn_of_http(desk: &mut Desk<'_>) {
    let secret = desk.values.secret(&key::ROUTER_PASSWORD);
    let is_empty = secret.is_none_or(|secret| secret.value().expose_secret().is_empty());
    let host = desk.values.text(&key::ROUTER_HOST).unwrap_or_default();
    let local = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    if is_empty || local {
        return;
    }
    let finding = Diagnostic::new(
        Code::Insecure,
        "the password crosses the network in plain text over http",
    );
    let at = if desk.is_written(&key::ROUTER_SCHEME) {
        &key::ROUTER_SCHEME
    } else {
        &key::ROUTER_PORT
    };
    desk.report(at, finding.help("write `scheme: https`, or use port 443"));
}
