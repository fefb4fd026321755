//! What an operator decides about probing one WAN.

use std::net::IpAddr;
use std::time::Duration;

/// How one WAN is probed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProbeConfig {
    /// Hosts to probe: addresses or names, in order. Not empty.
    pub reflectors: Vec<String>,
    /// Time from one round to the next.
    pub interval: Duration,
    /// How long an answer may take before its probe is given up as lost.
    pub timeout: Duration,
    /// Where probes leave from.
    pub binding: SourceBinding,
    /// What is tried while no reflector answers.
    pub reserve: ReserveConfig,
}

impl ProbeConfig {
    /// Time from one round to the next: 20 rounds a second.
    pub const INTERVAL: Duration = Duration::from_millis(50);
    /// How long an answer may take when nothing else is configured.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);

    /// Probes these hosts every 50 ms, from any address, with the default reserve checks.
    #[must_use]
    pub fn new(reflectors: Vec<String>) -> Self {
        Self {
            reflectors,
            interval: Self::INTERVAL,
            timeout: Self::DEFAULT_TIMEOUT,
            binding: SourceBinding::default(),
            reserve: ReserveConfig::default(),
        }
    }
}

/// Where probes leave from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceBinding {
    /// Source address; the kernel chooses when absent.
    pub address: Option<IpAddr>,
    /// Network interface; the kernel chooses when absent.
    pub interface: Option<String>,
}

/// What is tried while no reflector answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReserveConfig {
    /// Whether anything is tried at all.
    pub enabled: bool,
    /// The gateway to ping; `None` skips that check.
    pub gateway: Option<IpAddr>,
    /// Hosts and ports to connect to over TCP; empty skips that check.
    pub tcp_targets: Vec<(String, u16)>,
}

impl Default for ReserveConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            gateway: None,
            tcp_targets: vec![("1.1.1.1".to_owned(), 443), ("8.8.8.8".to_owned(), 443)],
        }
    }
}
