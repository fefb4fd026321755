//! Which law decides, and what the adaptive one does without.

use wanctl_controller::{Alpha, BaselineConfig, ControllerState, LawKind, Threshold, Thresholds};
use wanctl_types::Millis;

use super::Desk;
use crate::diagnostic::{Code, Diagnostic};
use crate::schema::{Key, key};

/// Keys that the reference law alone looks at.
static REFERENCE_ONLY: [&Key; 24] = [
    &key::BASELINE_INITIAL,
    &key::DL_STEP_UP,
    &key::DL_FACTOR_DOWN,
    &key::DL_FACTOR_DOWN_YELLOW,
    &key::DL_GREEN_REQUIRED,
    &key::DL_SOFT_RED_REQUIRED,
    &key::UL_STEP_UP,
    &key::UL_FACTOR_DOWN,
    &key::UL_FACTOR_DOWN_YELLOW,
    &key::UL_GREEN_REQUIRED,
    &key::TARGET_BLOAT,
    &key::WARN_BLOAT,
    &key::HARD_RED_BLOAT,
    &key::BASELINE_TIME_CONSTANT,
    &key::ALPHA_BASELINE,
    &key::LOAD_TIME_CONSTANT,
    &key::ALPHA_LOAD,
    &key::BASELINE_UPDATE_THRESHOLD,
    &key::ACCEL_THRESHOLD,
    &key::BASELINE_MIN,
    &key::BASELINE_MAX,
    &key::MEDIAN_OF_THREE,
    &key::FALLBACK_MODE,
    &key::MAX_FALLBACK_CYCLES,
];

/// Keys that the adaptive law alone looks at.
static ADAPTIVE_ONLY: [&Key; 3] = [&key::DL_PLAN, &key::UL_PLAN, &key::COUNTER_INTERVAL];

/// Thresholds that nobody looks at, ms: the usual ones.
const NOMINAL_THRESHOLDS: [i32; 3] = [15, 45, 80];
/// Idle RTT of a line that was not measured, ms: shown until the first answer.
const UNMEASURED_RTT: Millis = Millis::saturating(25.0);
/// Smoothing that nobody looks at.
const NOMINAL_ALPHA: f64 = 0.1;

/// The law. One warning names everything in the file that it does not look at.
pub(super) fn law(desk: &mut Desk<'_>) -> Option<LawKind> {
    let (law, idle): (_, &[&'static Key]) = match desk.values.text(&key::LAW)? {
        "reference" => (LawKind::Reference, &ADAPTIVE_ONLY),
        "adaptive" => (LawKind::Adaptive, &REFERENCE_ONLY),
        _ => return None,
    };
    warn_of_idle(idle, desk);
    Some(law)
}

fn warn_of_idle(keys: &[&'static Key], desk: &mut Desk<'_>) {
    let written: Vec<_> = keys
        .iter()
        .copied()
        .filter(|key| desk.is_written(key))
        .collect();
    let Some(first) = written.first().copied() else {
        return;
    };
    let names: Vec<_> = written
        .iter()
        .map(|key| {
            let path = key.path;
            path.strip_prefix("continuous_monitoring.").unwrap_or(path)
        })
        .collect();
    let law = desk.values.text(&key::LAW).unwrap_or_default();
    let message = format!("`law: {law}` does not look at {}", names.join(", "));
    let finding = Diagnostic::new(Code::Unused, message);
    desk.report(first, finding.help("they may stay, for the other law"));
}

/// Nobody looks at them.
pub(super) fn thresholds() -> Option<Thresholds> {
    let [target, warn, hard_red] = NOMINAL_THRESHOLDS.map(Threshold::from_integer);
    Thresholds::new(target, warn, hard_red).ok()
}

/// The law learns idle RTTs by itself, and a stored one is believed whatever it is.
pub(super) fn baseline() -> Option<BaselineConfig> {
    Some(BaselineConfig {
        initial: UNMEASURED_RTT,
        alpha: load_alpha()?,
        update_threshold: Millis::ZERO,
        min: Millis::ZERO,
        max: ControllerState::MAX_LOAD,
    })
}

/// Nobody looks at it.
pub(super) fn load_alpha() -> Option<Alpha> {
    Alpha::new(NOMINAL_ALPHA).ok()
}
