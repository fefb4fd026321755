//! What wanctl shows of itself: health JSON, Prometheus metrics and logs.
//!
//! A daemon publishes an immutable [`Snapshot`] through a `watch` channel; every view renders the
//! newest one and never touches the control loop. No view reads a clock or the configuration file.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use wanctl_telemetry::{Exposition, HealthReport, Snapshot, render_metrics};
//! use wanctl_types::Timestamp;
//!
//! # fn main() -> Result<(), wanctl_telemetry::Error> {
//! let snapshot = Arc::new(Snapshot {
//!     version: "1.2.3",
//!     uptime: Duration::from_secs(90),
//!     published_at: Timestamp::ZERO,
//!     clock_set: true,
//!     log_lines_lost: 0,
//!     wans: Vec::new(),
//!     history: None,
//! });
//! let json = HealthReport::new(&snapshot).to_json()?;
//! assert!(json.contains(r#""status": "healthy""#));
//! let page = render_metrics(&snapshot, Exposition::Text)?;
//! assert!(page.contains("wanctl_uptime_seconds 90.0"));
//! # Ok(())
//! # }
//! ```
//!
//! - The value shown: [`Snapshot`] and its parts.
//! - Health: [`HealthReport`], [`HealthStatus`], and each [`Condition`] by name.
//! - Metrics: [`render_metrics`] in either [`Exposition`].
//! - HTTP: [`bind`] and [`serve`] an [`Endpoint`]; [`EndpointConfig`] says where.
//! - Logs: [`init_logging`] with [`LogConfig`] and [`LogOptions`] gives a [`LogGuard`].

mod condition;
mod config;
mod error;
mod health;
mod logging;
mod prometheus;
mod server;
mod snapshot;

pub use condition::{BLIND_AFTER, Condition};
pub use config::{EndpointConfig, LogConfig, TelemetryConfig};
pub use error::Error;
pub use health::{
    CycleHealth, DEGRADED_FAILURES, DirectionHealth, HealthReport, HealthStatus, HistoryHealth,
    ReflectorHealth, RouterHealth, WanHealth,
};
pub use logging::{LOG_FORMAT_VARIABLE, LogFormat, LogGuard, LogOptions, init as init_logging};
pub use prometheus::{Exposition, render_metrics};
pub use server::{
    DRAIN_LIMIT, Endpoint, IDLE_LIMIT, MAX_CONNECTIONS, Report, bind, serve, serve_report,
};
pub use snapshot::{
    CountersState, CycleCounters, DirectionSnapshot, HistorySnapshot, ReflectorSnapshot,
    RouterSnapshot, RouterState, Snapshot, WanSnapshot,
};
