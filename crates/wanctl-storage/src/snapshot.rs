//! The configuration that was in effect.

use serde::{Serialize, Serializer};
use serde_json::Number;
use wanctl_types::WanName;

/// Settings in effect from a point in time on. Numbers and WAN names only: it cannot hold a secret.
///
/// A number keeps how it was configured: `15` stays `15`, `15.0` stays `15.0`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigSnapshot {
    /// Why it was taken.
    pub trigger: Trigger,
    /// Rate control, where it is configured.
    pub autorate: Option<AutorateSnapshot>,
    /// Steering, where it is configured.
    pub steering: Option<SteeringSnapshot>,
    /// Whether the system clock had been set by then; if not, the labels say `"clock": "unset"`.
    #[serde(
        rename = "clock",
        serialize_with = "unset",
        skip_serializing_if = "is_set"
    )]
    pub clock_set: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde calls"
)]
fn is_set(clock_set: &bool) -> bool {
    *clock_set
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde calls"
)]
fn unset<S: Serializer>(_: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("unset")
}

/// Why a configuration was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// The daemon started.
    Startup,
    /// The configuration was read again.
    Reload,
    /// An operator asked for it.
    Manual,
}

/// Settings of rate control; an absent one is stored as null.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AutorateSnapshot {
    /// Where the baseline RTT starts, in milliseconds.
    pub baseline_rtt_initial: Option<Number>,
    /// Highest download limit, in decimal megabits per second.
    pub download_ceiling_mbps: Option<Number>,
    /// Highest upload limit, in decimal megabits per second.
    pub upload_ceiling_mbps: Option<Number>,
    /// End of the GREEN zone, in milliseconds above the baseline.
    pub target_bloat_ms: Option<Number>,
    /// End of the YELLOW zone, in milliseconds above the baseline.
    pub warn_bloat_ms: Option<Number>,
}

/// Settings of steering; the keys of an absent section are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SteeringSnapshot {
    /// The section `thresholds`.
    #[serde(flatten)]
    pub thresholds: Option<ThresholdsSnapshot>,
    /// The section `topology`.
    #[serde(flatten)]
    pub topology: Option<TopologySnapshot>,
}

/// Delays that decide on steering, in milliseconds; an absent one is stored as null.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ThresholdsSnapshot {
    /// Above it the primary WAN is bad.
    pub bad_threshold_ms: Option<Number>,
    /// Below it the primary WAN has recovered.
    pub recovery_threshold_ms: Option<Number>,
    /// End of GREEN.
    pub green_rtt_ms: Option<Number>,
    /// Start of RED.
    pub red_rtt_ms: Option<Number>,
}

/// Between which WANs traffic is steered; an absent one is stored as null.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TopologySnapshot {
    /// The WAN in normal use.
    pub primary_wan: Option<WanName>,
    /// The WAN that takes over.
    pub alternate_wan: Option<WanName>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn all_three_keys_are_always_there() {
        let snapshot = ConfigSnapshot {
            clock_set: true,
            trigger: Trigger::Startup,
            autorate: None,
            steering: None,
        };
        assert_eq!(
            json::encode(&snapshot).unwrap(),
            r#"{"trigger": "startup", "autorate": null, "steering": null}"#
        );
        let undated = ConfigSnapshot {
            clock_set: false,
            ..snapshot
        };
        assert_eq!(
            json::encode(&undated).unwrap(),
            r#"{"trigger": "startup", "autorate": null, "steering": null, "clock": "unset"}"#
        );
    }

    #[test]
    fn numbers_stay_as_they_were_configured() {
        let snapshot = ConfigSnapshot {
            clock_set: true,
            trigger: Trigger::Reload,
            autorate: Some(AutorateSnapshot {
                baseline_rtt_initial: Some(25.into()),
                download_ceiling_mbps: Some(940.into()),
                upload_ceiling_mbps: Number::from_f64(38.5),
                target_bloat_ms: Number::from_f64(15.0),
                warn_bloat_ms: None,
            }),
            steering: None,
        };
        assert_eq!(
            json::encode(&snapshot).unwrap(),
            concat!(
                r#"{"trigger": "reload", "autorate": {"baseline_rtt_initial": 25, "#,
                r#""download_ceiling_mbps": 940, "upload_ceiling_mbps": 38.5, "#,
                r#""target_bloat_ms": 15.0, "warn_bloat_ms": null}, "steering": null}"#
            )
        );
    }

    #[test]
    fn steering_has_the_keys_of_the_sections_that_exist() {
        let steering = SteeringSnapshot {
            thresholds: None,
            topology: Some(TopologySnapshot {
                primary_wan: WanName::new("cable").ok(),
                alternate_wan: None,
            }),
        };
        assert_eq!(
            json::encode(&steering).unwrap(),
            r#"{"primary_wan": "cable", "alternate_wan": null}"#
        );

        let steering = SteeringSnapshot {
            thresholds: Some(ThresholdsSnapshot {
                bad_threshold_ms: Some(25.into()),
                ..ThresholdsSnapshot::default()
            }),
            topology: None,
        };
        assert_eq!(
            json::encode(&steering).unwrap(),
            r#"{"bad_threshold_ms": 25, "recovery_threshold_ms": null, "green_rtt_ms": null, "red_rtt_ms": null}"#
        );
    }
}
