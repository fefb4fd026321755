//! Thresholds on the delay above baseline.

use wanctl_controller::{Threshold, Thresholds};
use wanctl_types::Millis;

use super::Desk;
use crate::diagnostic::{Code, Diagnostic};
use crate::schema::key;
use crate::value::Number;

pub(super) fn thresholds(desk: &mut Desk<'_>) -> Option<Thresholds> {
    ordered(desk);
    let number = |key| desk.values.number(key).and_then(threshold);
    Thresholds::new(
        number(&key::TARGET_BLOAT)?,
        number(&key::WARN_BLOAT)?,
        number(&key::HARD_RED_BLOAT)?,
    )
    .ok()
}

/// Keeps whether the number was written as a whole one.
pub(super) fn threshold(number: Number) -> Option<Threshold> {
    match number.as_integer() {
        Some(integer) => i32::try_from(integer).ok().map(Threshold::from_integer),
        None => Millis::new(number.get()).map(Threshold::from_float),
    }
}

fn ordered(desk: &mut Desk<'_>) {
    let steps: Vec<_> = [&key::TARGET_BLOAT, &key::WARN_BLOAT, &key::HARD_RED_BLOAT]
        .into_iter()
        .filter_map(|key| Some((key, desk.values.number(key)?)))
        .collect();
    for pair in steps.windows(2) {
        if let [(low, small), (high, large)] = pair
            && small.get() >= large.get()
        {
            let (lower, upper) = (desk.named(low, *small), desk.named(high, *large));
            let finding = Diagnostic::new(Code::Order, format!("{lower} is not below {upper}"));
            let help = "wanted: target_bloat_ms < warn_bloat_ms < hard_red_bloat_ms";
            desk.report(low, finding.help(help));
        }
    }
}
