//! Baseline and smoothing.

use wanctl_controller::{Alpha, BaselineConfig};
use wanctl_types::Millis;

use super::Desk;
use crate::diagnostic::{Code, Diagnostic};
use crate::schema::{Key, key};
use crate::value::Number;

/// Length of a control step, in seconds. A time constant divided into it is an alpha.
const CYCLE_SECONDS: f64 = 0.05;
/// A load RTT that follows more slowly than this, in seconds, reacts too late.
const SLOW_LOAD_SECONDS: f64 = 5.0;

pub(super) fn baseline(desk: &mut Desk<'_>) -> Option<BaselineConfig> {
    let alpha = alpha(&key::BASELINE_TIME_CONSTANT, &key::ALPHA_BASELINE, desk);
    let bounds_valid = check_bounds(desk);
    let millis = |key| {
        desk.values
            .number(key)
            .map(Number::get)
            .and_then(Millis::new)
    };
    let config = BaselineConfig {
        initial: millis(&key::BASELINE_INITIAL)?,
        alpha: alpha?,
        update_threshold: millis(&key::BASELINE_UPDATE_THRESHOLD)?,
        min: millis(&key::BASELINE_MIN)?,
        max: millis(&key::BASELINE_MAX)?,
    };
    bounds_valid.then_some(config)
}

pub(super) fn load_alpha(desk: &mut Desk<'_>) -> Option<Alpha> {
    let alpha = alpha(&key::LOAD_TIME_CONSTANT, &key::ALPHA_LOAD, desk);
    let seconds = CYCLE_SECONDS / alpha?.get();
    if seconds > SLOW_LOAD_SECONDS && !desk.is_written(&key::LOAD_TIME_CONSTANT) {
        let message =
            format!("the load RTT follows with {seconds:.1} s, too slowly to react in time");
        let finding = Diagnostic::new(Code::Baseline, message);
        desk.report(&key::ALPHA_LOAD, finding.help("above 0.01 is usual"));
    }
    alpha
}

/// The time constant wins.
fn alpha(time_constant: &'static Key, alpha: &'static Key, desk: &mut Desk<'_>) -> Option<Alpha> {
    let values = desk.values;
    match (desk.is_written(time_constant), desk.is_written(alpha)) {
        (false, false) => {
            let near = values
                .written(&key::TARGET_BLOAT)
                .or_else(|| values.written(&key::WARN_BLOAT));
            let help = format!("write {} or {}", time_constant.leaf(), alpha.leaf());
            desk.demand(time_constant, near, &help);
            None
        }
        (false, true) => Alpha::new(values.number(alpha)?.get()).ok(),
        (true, both) => {
            if both {
                let message = format!("this is not used, since {} is there", time_constant.leaf());
                desk.report(alpha, Diagnostic::new(Code::Unused, message));
            }
            Alpha::new(CYCLE_SECONDS / values.number(time_constant)?.get()).ok()
        }
    }
}

/// Whether the bounds are in order; an initial baseline outside of them is only warned of.
fn check_bounds(desk: &mut Desk<'_>) -> bool {
    let values = desk.values;
    let (Some(min), Some(max)) = (
        values.number(&key::BASELINE_MIN),
        values.number(&key::BASELINE_MAX),
    ) else {
        return false;
    };
    let low = desk.named(&key::BASELINE_MIN, min);
    let high = desk.named(&key::BASELINE_MAX, max);
    if min.get() >= max.get() {
        let at = if desk.is_written(&key::BASELINE_MIN) {
            &key::BASELINE_MIN
        } else {
            &key::BASELINE_MAX
        };
        let message = format!("{low} is not below {high}");
        desk.report(at, Diagnostic::new(Code::Order, message));
        return false;
    }
    if let Some(initial) = values.number(&key::BASELINE_INITIAL)
        && !(min.get()..=max.get()).contains(&initial.get())
    {
        let message = format!(
            "{initial} ms lies outside baseline_rtt_bounds, {low} to {high}: \
             a line that is really like that never updates its baseline"
        );
        let help = "set thresholds.baseline_rtt_bounds.min and .max around the idle RTT";
        let finding = Diagnostic::new(Code::Baseline, message);
        desk.report(&key::BASELINE_INITIAL, finding.help(help));
    }
    true
}
