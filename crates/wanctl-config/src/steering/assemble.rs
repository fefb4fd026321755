//! Settings to typed parts, with the rules between keys.

use std::time::Duration;

use wanctl_steering::SteeringConfig;
use wanctl_storage::{
    ConfigSnapshot, SteeringSnapshot, ThresholdsSnapshot, TopologySnapshot, Trigger,
};
use wanctl_telemetry::{EndpointConfig, TelemetryConfig};
use wanctl_types::{PerDirection, QueueName, WanName};

use super::{Neighbours, ShownThresholds, SteerConfig, decide, wans};
use crate::assemble::{self, Desk, json, router, storage};
use crate::config::Files;
use crate::diagnostic::{Code, Diagnostic};
use crate::effective::Effective;
use crate::reader::Section;
use crate::report::Sink;
use crate::resolve::Env;
use crate::schema::{Key, key, steer};

/// Builds the configuration, and reports every rule that is broken. `None` only with an error.
pub(super) fn assemble(
    source: &str,
    root: &Section,
    values: &Effective,
    env: Env<'_>,
    neighbours: Neighbours<'_>,
    sink: &mut Sink,
) -> Option<SteerConfig> {
    let mut desk = Desk { values, sink };
    // Every part is attempted before any of them is asked for: one run shows all errors.
    let rule = rule(&mut desk);
    let wans = wans::wans(source, root, env, neighbours, rule, &mut desk);
    let engine = decide::engine(&mut desk);
    let router = queues(&mut desk).and_then(|queues| router::router_with(queues, &mut desk));
    let storage = storage(&mut desk);
    let telemetry = telemetry(&mut desk);
    let files = files(&mut desk);
    let name = WanName::new(values.text(&steer::WAN_NAME)?).ok();
    let thresholds = thresholds(&desk);
    let wans = wans?;
    let policies = wans.iter().map(|wan| wan.policy).collect();
    let steering = match SteeringConfig::new(engine?, policies) {
        Ok(steering) => steering,
        Err(error) => {
            let finding = Diagnostic::new(Code::Order, error.to_string());
            desk.report(&steer::PRIMARY, finding);
            return None;
        }
    };
    Some(SteerConfig {
        source: source.into(),
        name: name?,
        steering,
        wans: wans.into_iter().map(|wan| wan.wan).collect(),
        router: router?,
        reads_queue: values.flag(&steer::CAKE_AWARE)?,
        interval: seconds(&steer::INTERVAL, values)?,
        shadow: shadow(values)?,
        routes_shadow: values.text(&steer::ROUTES_MODE)? != "active",
        demoted_by: values.integer(&steer::DEMOTED_BY)?,
        history_size: values.integer(&steer::HISTORY_SIZE)?,
        thresholds: thresholds?,
        storage: storage?,
        telemetry: telemetry?,
        files: files?,
        snapshot: snapshot(values),
    })
}

/// A number of seconds.
pub(super) fn seconds(key: &'static Key, values: &Effective) -> Option<Duration> {
    Duration::try_from_secs_f64(values.number(key)?.get()).ok()
}

/// Shadow mode is asked for, or a score decides in its dry run.
fn shadow(values: &Effective) -> Option<bool> {
    let scoring = values.flag(&steer::SCORING)? && values.flag(&steer::DRY_RUN)?;
    Some(values.flag(&steer::SHADOW)? || scoring)
}

/// Longest comment that is compared.
const LONGEST_COMMENT: usize = 128;

fn rule(desk: &mut Desk<'_>) -> Option<String> {
    let comment = desk.values.text(&steer::RULE)?.to_owned();
    match check_comment(&comment) {
        Ok(()) => Some(comment),
        Err(message) => {
            let finding = Diagnostic::new(Code::Format, message).found(&comment);
            desk.report(&steer::RULE, finding);
            None
        }
    }
}

/// 1 to 128 of letters, digits, `_`, `.`, `-`, `:` and blanks, the whole text.
pub(super) fn check_comment(comment: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | ':' | ' ');
    if comment.is_empty() || comment.len() > LONGEST_COMMENT {
        return Err(format!("a comment has 1 to {LONGEST_COMMENT} characters"));
    }
    match comment.chars().find(|c| !allowed(*c)) {
        Some(other) => Err(format!(
            "a comment may hold letters, digits, '_', '.', '-', ':' and blanks, not {other:?}"
        )),
        None => Ok(()),
    }
}

fn queues(desk: &mut Desk<'_>) -> Option<PerDirection<QueueName>> {
    let primary = desk.values.text(&steer::PRIMARY)?.to_owned();
    let queue = |key: &'static Key, old: &'static Key, direction: &str| {
        let name = desk.values.text(key).or_else(|| desk.values.text(old));
        let derived = || format!("WAN-{direction}-{}", capitalised(&primary));
        QueueName::new(name.map_or_else(derived, str::to_owned)).ok()
    };
    let download = queue(&steer::QUEUE_DOWNLOAD, &steer::OLD_DOWNLOAD, "Download");
    let upload = queue(&steer::QUEUE_UPLOAD, &steer::OLD_UPLOAD, "Upload");
    Some(PerDirection::new(download?, upload?))
}

/// The first letter large, the rest small, as the Python wanctl names queues.
fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        let rest = letters.as_str().to_lowercase();
        format!("{}{rest}", first.to_ascii_uppercase())
    })
}

fn telemetry(desk: &mut Desk<'_>) -> Option<TelemetryConfig> {
    let values = desk.values;
    let endpoint = EndpointConfig {
        host: values.address(&key::HEALTH_HOST)?,
        port: values.integer(&steer::HEALTH_PORT)?,
    };
    let mut config = TelemetryConfig::default();
    config.health = values.flag(&key::HEALTH_ENABLED)?.then_some(endpoint);
    config.metrics = None;
    config.log = assemble::log(desk)?;
    Some(config)
}

fn files(desk: &mut Desk<'_>) -> Option<Files> {
    let values = desk.values;
    let files = Files {
        state_file: values.path(&steer::STATE_FILE)?,
        lock_file: values.path(&steer::LOCK_FILE)?,
        lock_timeout: Duration::from_secs(values.integer(&steer::LOCK_TIMEOUT)?),
    };
    if files.state_file == files.lock_file {
        let message = "lock_file and state.file are the same file";
        desk.report(&steer::STATE_FILE, Diagnostic::new(Code::Clash, message));
        return None;
    }
    Some(files)
}

fn thresholds(desk: &Desk<'_>) -> Option<ShownThresholds> {
    let values = desk.values;
    let number = |key| values.number(key).map(crate::Number::get);
    Some(ShownThresholds {
        green_rtt_ms: number(&steer::GREEN_RTT)?,
        yellow_rtt_ms: number(&steer::YELLOW_RTT)?,
        red_rtt_ms: number(&steer::RED_RTT)?,
        red_samples_required: values.integer(&steer::RED_SAMPLES)?,
        green_samples_required: values.integer(&steer::GREEN_SAMPLES)?,
    })
}

fn snapshot(values: &Effective) -> ConfigSnapshot {
    let number = |key| values.number(key).and_then(json);
    let wan = |key| values.text(key).and_then(|name| WanName::new(name).ok());
    ConfigSnapshot {
        clock_set: true,
        trigger: Trigger::Startup,
        autorate: None,
        steering: Some(SteeringSnapshot {
            thresholds: Some(ThresholdsSnapshot {
                bad_threshold_ms: number(&steer::BAD_THRESHOLD),
                recovery_threshold_ms: number(&steer::RECOVERY_THRESHOLD),
                green_rtt_ms: number(&steer::GREEN_RTT),
                red_rtt_ms: number(&steer::RED_RTT),
            }),
            topology: Some(TopologySnapshot {
                primary_wan: wan(&steer::PRIMARY),
                alternate_wan: wan(&steer::ALTERNATE),
            }),
        }),
    }
}
