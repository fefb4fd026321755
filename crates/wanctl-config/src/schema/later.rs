//! Keys that newer versions of the Python wanctl know and that have no effect here.

/// Keys and sections, by dotted path.
const LATER: &[&str] = &[
    "alerting",
    "cake_optimization",
    "cake_params",
    "cake_signal",
    "continuous_monitoring.cake_stats_cadence_sec",
    "continuous_monitoring.thresholds.accel_confirm_cycles",
    "continuous_monitoring.thresholds.deadband_ms",
    "continuous_monitoring.thresholds.dwell_cycles",
    "continuous_monitoring.thresholds.suppression_alert_threshold",
    "continuous_monitoring.upload.anti_windup_cycles",
    "continuous_monitoring.upload.asymmetry_gate",
    "continuous_monitoring.upload.cake_backlog_low_threshold_bytes",
    "continuous_monitoring.upload.cake_delay_delta_low_threshold_us",
    "continuous_monitoring.upload.consecutive_yellow_decay_clamp",
    "continuous_monitoring.upload.docsis_mode",
    "continuous_monitoring.upload.integral_threshold_ms_s",
    "continuous_monitoring.upload.integral_window_seconds",
    "continuous_monitoring.upload.red_decay_delta_max_pct",
    "continuous_monitoring.upload.red_decay_step_pct",
    "continuous_monitoring.upload.setpoint_mbps",
    "continuous_monitoring.upload.target_bloat_ms",
    "continuous_monitoring.upload.warn_bloat_ms",
    "continuous_monitoring.warning_threshold_pct",
    "fusion",
    "irtt",
    "logging.backup_count",
    "logging.max_bytes",
    "measurement",
    "owd_asymmetry",
    "reflector_quality",
    "signal_processing",
    "storage.maintenance_interval_seconds",
    "storage.retention",
    "timeouts.tc_command",
    "tuning",
];

/// Whether a path is such a key or section; sections count within `continuous_monitoring` too.
pub(crate) fn is_later(path: &str) -> bool {
    let inner = path.strip_prefix("continuous_monitoring.").unwrap_or(path);
    LATER.binary_search(&path).is_ok() || LATER.binary_search(&inner).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::find;

    #[test]
    fn the_list_is_sorted_and_holds_no_key_in_effect() {
        assert!(LATER.is_sorted());
        for path in LATER {
            assert!(find(path).is_none(), "{path}");
        }
    }

    #[test]
    fn sections_are_known_at_both_places() {
        assert!(is_later("fusion"));
        assert!(is_later("continuous_monitoring.fusion"));
        assert!(!is_later("router.fusion"));
    }
}
