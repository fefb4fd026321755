//! Hosts to ping, and what to do while they are silent.

use std::time::Duration;

use wanctl_controller::{Aggregation, MAX_REFLECTORS, SilenceMode, SilencePolicy};
use wanctl_probe::{ProbeConfig, ReserveConfig, SourceBinding};

use super::Desk;
use crate::diagnostic::{Code, Diagnostic};
use crate::schema::key;

/// Hosts that a median needs.
const MEDIAN_HOSTS: usize = 3;

pub(super) fn probe(desk: &mut Desk<'_>) -> Option<ProbeConfig> {
    let reflectors = reflectors(desk);
    let reserve = reserve(desk);
    let binding = binding(desk);
    let timeout = desk.values.number(&key::PING_TIMEOUT)?;
    let mut config = ProbeConfig::new(reflectors?);
    config.timeout = Duration::try_from_secs_f64(timeout.get()).ok()?;
    config.binding = binding?;
    config.reserve = reserve?;
    Some(config)
}

fn reflectors(desk: &mut Desk<'_>) -> Option<Vec<String>> {
    let hosts = desk.values.hosts(&key::PING_HOSTS)?;
    let count = hosts.len();
    if !(1..=MAX_REFLECTORS).contains(&count) {
        let finding = Diagnostic::new(
            Code::Count,
            "there must be at least one host, and not too many",
        )
        .found(&format!("{count} hosts"))
        .allowed(format!("1 to {MAX_REFLECTORS} hosts"));
        desk.report(&key::PING_HOSTS, finding);
        return None;
    }
    for (index, host) in hosts.iter().enumerate() {
        if hosts.iter().take(index).any(|earlier| earlier == host) {
            let finding = Diagnostic::new(Code::Hosts, "this host stands in the list twice");
            desk.report(&key::PING_HOSTS, finding.found(host));
        }
    }
    warn_of_median(count, desk);
    Some(hosts.to_vec())
}

fn warn_of_median(count: usize, desk: &mut Desk<'_>) {
    if desk.values.flag(&key::MEDIAN_OF_THREE) == Some(true) && count < MEDIAN_HOSTS {
        let message = format!("a median needs {MEDIAN_HOSTS} hosts; ping_hosts has {count}");
        let finding = Diagnostic::new(Code::Hosts, message);
        desk.report(
            &key::MEDIAN_OF_THREE,
            finding.help("only the first host counts"),
        );
    }
}

fn binding(desk: &Desk<'_>) -> Option<SourceBinding> {
    let values = desk.values;
    if values.refused(&key::PING_SOURCE_IP) || values.refused(&key::PING_INTERFACE) {
        return None;
    }
    Some(SourceBinding {
        address: values.address(&key::PING_SOURCE_IP),
        interface: values.text(&key::PING_INTERFACE).map(str::to_owned),
    })
}

fn reserve(desk: &Desk<'_>) -> Option<ReserveConfig> {
    let values = desk.values;
    if values.refused(&key::GATEWAY_IP) {
        return None;
    }
    let gateway = values.address(&key::GATEWAY_IP);
    let targets = values.targets(&key::TCP_TARGETS)?.to_vec();
    Some(ReserveConfig {
        enabled: values.flag(&key::FALLBACK_ENABLED)?,
        gateway: gateway.filter(|_| values.flag(&key::CHECK_GATEWAY) == Some(true)),
        tcp_targets: if values.flag(&key::CHECK_TCP)? {
            targets
        } else {
            Vec::new()
        },
    })
}

pub(super) fn aggregation(desk: &Desk<'_>) -> Option<Aggregation> {
    let median = desk.values.flag(&key::MEDIAN_OF_THREE)?;
    let hosts = desk.values.hosts(&key::PING_HOSTS)?;
    Some(if median && hosts.len() >= MEDIAN_HOSTS {
        Aggregation::MedianOfThree
    } else {
        Aggregation::First
    })
}

pub(super) fn silence(desk: &Desk<'_>) -> Option<SilencePolicy> {
    let mode = match desk.values.text(&key::FALLBACK_MODE)? {
        "graceful_degradation" => SilenceMode::GracefulDegradation,
        "freeze" => SilenceMode::Freeze,
        "use_last_rtt" => SilenceMode::UseLastRtt,
        _ => return None,
    };
    Some(SilencePolicy {
        mode,
        max_cycles: desk.values.integer(&key::MAX_FALLBACK_CYCLES)?,
    })
}
