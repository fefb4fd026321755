//! Names of the metrics that wanctl writes. Nothing else is forbidden.

/// Measured round-trip time, not smoothed, in milliseconds.
pub const RTT_MS: &str = "wanctl_rtt_ms";
/// Round-trip time of the idle link, in milliseconds.
pub const RTT_BASELINE_MS: &str = "wanctl_rtt_baseline_ms";
/// Smoothed round-trip time above the baseline, in milliseconds; may be negative.
pub const RTT_DELTA_MS: &str = "wanctl_rtt_delta_ms";
/// Download limit just decided, in decimal megabits per second.
pub const RATE_DOWNLOAD_MBPS: &str = "wanctl_rate_download_mbps";
/// Upload limit just decided, in decimal megabits per second.
pub const RATE_UPLOAD_MBPS: &str = "wanctl_rate_upload_mbps";
/// Congestion zone, [`Zone::code`](wanctl_types::Zone::code).
pub const STATE: &str = "wanctl_state";
/// 1 while latency-sensitive traffic is steered to the alternate WAN, else 0.
pub const STEERING_ENABLED: &str = "wanctl_steering_enabled";
/// 1 when steering was switched on, 0 when it was switched off.
pub const STEERING_TRANSITION: &str = "wanctl_steering_transition";
/// A configuration in effect from here on; the value is the time, the labels are the settings.
pub const CONFIG_SNAPSHOT: &str = "wanctl_config_snapshot";
