//! What an operator decides about endpoints and logs.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

/// Where a daemon answers over HTTP and where it logs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TelemetryConfig {
    /// The health endpoint; `None` when switched off.
    pub health: Option<EndpointConfig>,
    /// The Prometheus endpoint; `None` when switched off.
    pub metrics: Option<EndpointConfig>,
    /// Log files.
    pub log: LogConfig,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            health: Some(EndpointConfig::HEALTH),
            metrics: None,
            log: LogConfig::default(),
        }
    }
}

/// An address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointConfig {
    /// Address.
    pub host: IpAddr,
    /// TCP port.
    pub port: u16,
}

impl EndpointConfig {
    /// Health of the rate-control daemon when nothing else is configured.
    pub const HEALTH: Self = Self {
        host: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port: 9101,
    };
    /// Prometheus metrics of the rate-control daemon when nothing else is configured.
    pub const METRICS: Self = Self {
        host: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port: 9100,
    };
}

/// Log files; the journal (standard error) is always written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogConfig {
    /// File for what an operator would want to know.
    pub main_log: Option<PathBuf>,
    /// File for everything, written only when debugging is switched on.
    pub debug_log: Option<PathBuf>,
}
