//! Endpoints and log files.

use wanctl_telemetry::{EndpointConfig, LogConfig, TelemetryConfig};

use super::Desk;
use crate::diagnostic::{Code, Diagnostic};
use crate::schema::{Key, key};

pub(super) fn telemetry(desk: &mut Desk<'_>) -> Option<TelemetryConfig> {
    let health = endpoint(
        &key::HEALTH_ENABLED,
        &key::HEALTH_HOST,
        &key::HEALTH_PORT,
        desk,
    );
    let metrics = endpoint(
        &key::METRICS_ENABLED,
        &key::METRICS_HOST,
        &key::METRICS_PORT,
        desk,
    );
    let log = log(desk);
    let mut config = TelemetryConfig::default();
    config.health = health?;
    config.metrics = metrics?;
    config.log = log?;
    if let (Some(health), Some(metrics)) = (config.health, config.metrics)
        && clash(health, metrics)
    {
        let message = format!("health and metrics both want port {}", health.port);
        desk.report(&key::METRICS_PORT, Diagnostic::new(Code::Clash, message));
    }
    Some(config)
}

/// Whether one of two servers could not listen. Port 0 is a different one each time.
pub(crate) fn clash(a: EndpointConfig, b: EndpointConfig) -> bool {
    let same_host = a.host == b.host || a.host.is_unspecified() || b.host.is_unspecified();
    a.port == b.port && a.port != 0 && same_host
}

#[expect(
    clippy::option_option,
    reason = "outside: whether the values are valid; inside: whether it is switched on"
)]
fn endpoint(
    enabled: &'static Key,
    host: &'static Key,
    port: &'static Key,
    desk: &Desk<'_>,
) -> Option<Option<EndpointConfig>> {
    let values = desk.values;
    let endpoint = EndpointConfig {
        host: values.address(host)?,
        port: values.integer(port)?,
    };
    Some(values.flag(enabled)?.then_some(endpoint))
}

pub(crate) fn log(desk: &Desk<'_>) -> Option<LogConfig> {
    let values = desk.values;
    if values.refused(&key::MAIN_LOG) || values.refused(&key::DEBUG_LOG) {
        return None;
    }
    Some(LogConfig {
        main_log: values.path(&key::MAIN_LOG),
        debug_log: values.path(&key::DEBUG_LOG),
    })
}
