//! Configuration of wanctl: one YAML file per WAN becomes typed values that fit together.
//!
//! Every error of a file is reported at once, each with file, line, column, key, the value found,
//! what is allowed and what to do. Types, bounds and defaults come from one table of keys.
//!
//! ```
//! let text = "
//! wan_name: cable
//! router: {host: 192.168.88.1, user: wanctl, password: '${ROUTER_PASSWORD}', verify_ssl: false}
//! queues: {download: WAN-Download, upload: WAN-Upload}
//! continuous_monitoring:
//!   enabled: true
//!   baseline_rtt_initial: 25
//!   ping_hosts: [1.1.1.1]
//!   download: {floor_mbps: 100, ceiling_mbps: 940, step_up_mbps: 10, factor_down: 0.85}
//!   upload: {floor_mbps: 10, ceiling_mbps: 38, step_up_mbps: 1, factor_down: 0.9}
//!   thresholds:
//!     target_bloat_ms: 15
//!     warn_bloat_ms: 45
//!     baseline_time_constant_sec: 30
//!     load_time_constant_sec: 0.5
//! ";
//! let env = |name: &str| (name == "ROUTER_PASSWORD").then(|| "secret".to_owned());
//! let loaded = wanctl_config::parse("cable.yaml", text, &env)?;
//! assert_eq!(loaded.config.name.as_str(), "cable");
//! assert!(loaded.warnings.is_empty());
//!
//! let report = wanctl_config::parse("cable.yaml", &text.replace("940", "99999"), &env).unwrap_err();
//! let error = report.errors().next().ok_or("no error")?;
//! assert_eq!(error.code.as_str(), "E-range");
//! assert_eq!(error.position.map(|position| position.line), Some(9));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`load()`] and [`parse`] give a [`Loaded`] with a [`WanConfig`], or a [`Report`] of
//!   [`Diagnostic`]s; [`check_together`] checks the files of one process against each other.
//! - [`Effective`] holds every [`Setting`] in effect and its [`Origin`].
//! - [`AUTORATE`] is the table of [`Key`]s, [`find()`] asks it, [`markdown()`] prints it.
//! - [`load_steering`] and [`parse_steering`] do for the steering daemon's file, whose keys are
//!   [`STEERING`], what those do for the file of a WAN.
//! - [`Draft`] writes files.

mod assemble;
mod config;
mod diagnostic;
mod draft;
mod effective;
mod load;
mod reader;
mod report;
mod resolve;
mod schema;
mod steering;
mod together;
mod value;

pub use config::{Files, WanConfig};
pub use diagnostic::{Code, Diagnostic, Position, Severity};
pub use draft::{Draft, DraftError};
pub use effective::{Effective, Origin, Setting};
pub use load::{Loaded, load, parse};
pub use report::Report;
pub use schema::{
    AUTORATE, Bounds, FAILOVER, Key, Kind, Presence, ROUTE, STEERING, Table, Unit, WAN, find,
    markdown, steering_markdown,
};
pub use steering::{
    LoadedSteering, Neighbours, ShownThresholds, SteerConfig, SteerWan, load_steering,
    parse_steering,
};
pub use together::check_together;
pub use value::{Number, Secret, Value};
