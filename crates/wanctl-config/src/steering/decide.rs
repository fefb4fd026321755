//! How is decided.

use std::time::Duration;

use wanctl_steering::{
    BrakeConfig, ConfidenceConfig, EngineConfig, LegacyConfig, RouteConfig, StandardConfig,
};
use wanctl_types::Millis;

use super::assemble::seconds;
use crate::assemble::Desk;
use crate::diagnostic::{Code, Diagnostic};
use crate::effective::Effective;
use crate::schema::{Key, steer};

/// Seconds in a minute.
const MINUTE: f64 = 60.0;

pub(super) fn engine(desk: &mut Desk<'_>) -> Option<EngineConfig> {
    let in_order = orders(desk);
    let values = desk.values;
    let confidence = confidence(desk);
    let engine = match values.text(&steer::ENGINE)? {
        "legacy" => EngineConfig::Legacy(legacy(values, confidence?)?),
        _ => EngineConfig::Standard(standard(values, confidence?)?),
    };
    in_order.then_some(engine)
}

/// Pairs of limits of which the first must not lie above the second.
fn orders(desk: &mut Desk<'_>) -> bool {
    let pairs: [(&'static Key, &'static Key); 5] = [
        (&steer::YELLOW_RTT, &steer::RED_RTT),
        (&steer::YELLOW_LOSS, &steer::RED_LOSS),
        (&steer::SCORE_RECOVERY, &steer::STEER_THRESHOLD),
        (&steer::BASELINE_MIN, &steer::BASELINE_MAX),
        (&steer::RECOVERY_THRESHOLD, &steer::BAD_THRESHOLD),
    ];
    let mut in_order = true;
    for (lower, upper) in pairs {
        let (Some(low), Some(high)) = (desk.values.number(lower), desk.values.number(upper)) else {
            continue;
        };
        if low.get() > high.get() {
            let message = format!(
                "{} must not be above {}",
                desk.named(lower, low),
                desk.named(upper, high)
            );
            let at = if desk.is_written(lower) { lower } else { upper };
            desk.report(at, Diagnostic::new(Code::Order, message));
            in_order = false;
        }
    }
    in_order
}

fn standard(values: &Effective, confidence: Option<ConfidenceConfig>) -> Option<StandardConfig> {
    let mut config = StandardConfig::new(seconds(&steer::INTERVAL, values)?);
    config.confidence = confidence;
    config.brake = brake(values)?;
    config.routes = routes(values)?;

    let limits = &mut config.limits;
    limits.yellow_delay = millis(&steer::YELLOW_RTT, values)?;
    limits.red_delay = millis(&steer::RED_RTT, values)?;
    // Two thirds of the way to YELLOW, or GREEN where that is more.
    let green = millis(&steer::GREEN_RTT, values)?.get();
    let leave = (limits.yellow_delay.get() * 2.0 / 3.0).max(green);
    limits.leave_delay = Millis::saturating(leave.min(limits.yellow_delay.get()));
    limits.yellow_loss = share(&steer::YELLOW_LOSS, values)?;
    limits.red_loss = share(&steer::RED_LOSS, values)?;
    limits.red_jitter = millis(&steer::RED_JITTER, values)?;
    limits.yellow_queue = values.integer(&steer::MIN_QUEUE_YELLOW)?;
    limits.red_queue = values.integer(&steer::MIN_QUEUE_RED)?;
    limits.red_drops = values.integer(&steer::MIN_DROPS_RED)?;
    limits.silence = seconds(&steer::SILENCE, values)?;
    limits.fresh = seconds(&steer::ZONE_STALENESS, values)?;

    config.margin.absolute = millis(&steer::MIN_GAIN, values)?;
    config.margin.ratio = share(&steer::MAX_RATIO, values)?;

    config.dwell.enter = seconds(&steer::ENTER_AFTER, values)?;
    config.dwell.leave = seconds(&steer::LEAVE_AFTER, values)?;
    config.dwell.patience = seconds(&steer::PATIENCE, values)?;
    Some(config)
}

fn legacy(values: &Effective, confidence: Option<ConfidenceConfig>) -> Option<LegacyConfig> {
    let number = |key| values.number(key).map(crate::Number::get);
    let mut config = LegacyConfig::new(seconds(&steer::INTERVAL, values)?);
    config.confidence = confidence;
    config.brake = brake(values)?;
    config.cake_aware = values.flag(&steer::CAKE_AWARE)?;
    config.bad_delay = number(&steer::BAD_THRESHOLD)?;
    config.recovery_delay = number(&steer::RECOVERY_THRESHOLD)?;
    config.bad_samples = values.integer(&steer::BAD_SAMPLES)?;
    config.good_samples = values.integer(&steer::GOOD_SAMPLES)?;
    config.yellow_delay = number(&steer::YELLOW_RTT)?;
    config.red_delay = number(&steer::RED_RTT)?;
    config.red_drops = values.integer(&steer::MIN_DROPS_RED)?;
    config.yellow_queue = values.integer(&steer::MIN_QUEUE_YELLOW)?;
    config.red_queue = values.integer(&steer::MIN_QUEUE_RED)?;
    config.delay_alpha = number(&steer::RTT_ALPHA)?;
    config.red_samples = values.integer(&steer::RED_SAMPLES)?;
    config.green_samples = values.integer(&steer::GREEN_SAMPLES)?;
    config.baseline = (number(&steer::BASELINE_MIN)?, number(&steer::BASELINE_MAX)?);
    Some(config)
}

#[expect(
    clippy::option_option,
    reason = "outside: whether the values are valid; inside: whether a score decides"
)]
fn confidence(desk: &mut Desk<'_>) -> Option<Option<ConfidenceConfig>> {
    let values = desk.values;
    let number = |key| values.number(key).map(crate::Number::get);
    let mut config = ConfidenceConfig::default();
    config.steer_threshold = number(&steer::STEER_THRESHOLD)?;
    config.recovery_threshold = number(&steer::SCORE_RECOVERY)?;
    config.sustain = seconds(&steer::SUSTAIN, values)?;
    config.recovery_sustain = seconds(&steer::RECOVERY_SUSTAIN, values)?;
    if values.flag(&steer::ZONE_ENABLED)? {
        let weight: u32 = values.integer(&steer::ZONE_WEIGHT)?;
        let most = (config.steer_threshold - 1.0).max(1.0);
        let capped = f64::from(weight).min(most);
        let overruled = values.flag(&steer::ZONE_OVERRIDE)?;
        config.zone_weight = Some(if overruled { weight.into() } else { capped });
        if !overruled && f64::from(weight) > most {
            let message = format!("this would suffice alone; {capped} is used");
            let finding = Diagnostic::new(Code::Unused, message).found(&weight.to_string());
            let help = "set wan_state.wan_override if the zone alone shall move traffic";
            desk.report(&steer::ZONE_WEIGHT, finding.help(help));
        }
    }
    let scoring = values.flag(&steer::SCORING)?;
    if scoring && config.recovery_threshold >= config.steer_threshold {
        let message = "recovery_threshold must lie below steer_threshold";
        desk.report(
            &steer::SCORE_RECOVERY,
            Diagnostic::new(Code::Order, message),
        );
        return None;
    }
    Some(scoring.then_some(config))
}

fn brake(values: &Effective) -> Option<BrakeConfig> {
    let minutes = values.number(&steer::FLAP_WINDOW)?.get();
    let mut brake = BrakeConfig::default();
    brake.hold_down = seconds(&steer::HOLD_DOWN, values)?;
    brake.longest = seconds(&steer::HOLD_DOWN_MAX, values)?;
    brake.window = Duration::try_from_secs_f64(minutes * MINUTE).ok()?;
    let most = values.integer(&steer::MAX_TOGGLES)?;
    brake.max_moves = values.flag(&steer::FLAP_DETECTION)?.then_some(most);
    brake.penalty = seconds(&steer::PENALTY, values)?;
    brake.penalty_score = values.number(&steer::PENALTY_ADD)?.get();
    Some(brake)
}

#[expect(
    clippy::option_option,
    reason = "outside: whether the values are valid; inside: whether routes are moved"
)]
fn routes(values: &Effective) -> Option<Option<RouteConfig>> {
    let mut config = RouteConfig::default();
    config.down_after = seconds(&steer::DOWN_AFTER, values)?;
    config.up_after = seconds(&steer::UP_AFTER, values)?;
    let wanted = values.flag(&steer::ROUTES_ENABLED)? && values.text(&steer::ROUTES_MODE)? != "off";
    Some(wanted.then_some(config))
}

fn millis(key: &'static Key, values: &Effective) -> Option<Millis> {
    Millis::new(values.number(key)?.get())
}

/// A percentage as a share of one.
fn share(key: &'static Key, values: &Effective) -> Option<f64> {
    Some(values.number(key)?.get() / 100.0)
}
