//! Whether traffic leaves the WAN in use, and whether it may come back.

use core::time::Duration;

use wanctl_types::Timestamp;

use super::{Sight, Wish};
use crate::dwell::Dwell;
use crate::{Assessment, Held, Level, Reason, StandardConfig, WanIndex};

/// How the WAN in use is, as far as leaving it is concerned.
#[derive(Clone, Copy)]
enum Present {
    Unknown,
    Fine,
    Bad(Reason),
    Down(Reason),
}

pub(super) fn at_home(sight: &Sight<'_>, bad: &mut Dwell, penalised: bool) -> Wish {
    let present = present(sight, WanIndex::PRIMARY, bad.held(), penalised);
    leave(sight, WanIndex::PRIMARY, present, bad, penalised)
        .unwrap_or_else(|| Wish::held(Held::Calm))
}

pub(super) fn away(
    sight: &Sight<'_>,
    at: WanIndex,
    hold_until: Timestamp,
    [bad, good, even]: [&mut Dwell; 3],
    penalised: bool,
) -> Wish {
    let present = present(sight, at, bad.held(), penalised);
    let onward = leave(sight, at, present, bad, penalised);
    if let Some(
        wish @ Wish {
            movement: Some(_), ..
        },
    ) = onward
    {
        return wish;
    }
    recover(sight, at, hold_until, good, even)
}

/// Whether the WAN in use is to be left; `None` when nothing speaks for it.
fn leave(
    sight: &Sight<'_>,
    at: WanIndex,
    present: Present,
    bad: &mut Dwell,
    penalised: bool,
) -> Option<Wish> {
    match present {
        Present::Unknown => Some(Wish::held(Held::Blind)),
        Present::Fine => {
            bad.drain(sight.dt);
            None
        }
        Present::Down(reason) => {
            bad.grow(sight.dt);
            Some(go(sight, reason))
        }
        Present::Bad(reason) => {
            bad.grow(sight.dt);
            Some(confirm(sight, at, reason, bad.held(), penalised))
        }
    }
}

/// A WAN is bad; whether it has been so for long enough, and whether its shaper is at its end.
fn confirm(
    sight: &Sight<'_>,
    at: WanIndex,
    reason: Reason,
    lasted: Duration,
    penalised: bool,
) -> Wish {
    let needed = enter_after(sight.config, penalised);
    if lasted < needed {
        let held = Held::Confirming { lasted, needed };
        return Wish::until(held, sight.now + needed.saturating_sub(lasted));
    }
    let patience = sight.config.dwell.patience;
    if lasted < patience && shaper_can_help(sight, at) {
        return Wish::held(Held::ShaperCanHelp { lasted, patience });
    }
    go(sight, reason)
}

fn go(sight: &Sight<'_>, reason: Reason) -> Wish {
    match sight.choice.best {
        Some(to) => Wish::movement(to, reason),
        None => Wish::held(Held::NoBetterWan),
    }
}

/// Whether traffic may come back.
fn recover(
    sight: &Sight<'_>,
    at: WanIndex,
    hold_until: Timestamp,
    good: &mut Dwell,
    even: &mut Dwell,
) -> Wish {
    let Some(primary) = sight.assessments.first() else {
        return Wish::held(Held::Blind);
    };
    match primary.level() {
        Level::Unknown => return Wish::held(Held::Blind),
        Level::Down | Level::Red => {
            good.reset();
            even.reset();
            return Wish::held(Held::NotRecovered);
        }
        Level::Green | Level::Yellow => {}
    }
    dwell_while(good, is_good(sight, primary), sight.dt);
    let costs = not_worse(sight, primary, at);
    dwell_while(even, costs.is_some(), sight.dt);
    let needed = leave_after(sight.config);
    let lasted = good.held();
    let reason = match costs {
        _ if lasted >= needed => Reason::Recovered { lasted },
        Some(reason) if even.held() >= needed => reason,
        Some(_) | None => {
            let lasted = lasted.max(even.held());
            if lasted.is_zero() && !is_good(sight, primary) {
                return Wish::held(Held::NotRecovered);
            }
            let held = Held::Recovering { lasted, needed };
            return Wish::until(held, sight.now + needed.saturating_sub(lasted));
        }
    };
    if sight.now < hold_until {
        return Wish::until(Held::HoldDown { until: hold_until }, hold_until);
    }
    Wish::movement(WanIndex::PRIMARY, reason)
}

fn dwell_while(dwell: &mut Dwell, holds: bool, dt: Duration) {
    if holds {
        dwell.grow(dt);
    } else {
        dwell.drain(dt);
    }
}

fn present(sight: &Sight<'_>, at: WanIndex, lasted: Duration, penalised: bool) -> Present {
    let Some(assessment) = sight.assessments.get(at.get()) else {
        return Present::Unknown;
    };
    match (*assessment, &sight.config.confidence) {
        (Assessment::Unknown { .. }, _) => Present::Unknown,
        (Assessment::Down { silent, .. }, _) => Present::Down(Reason::Down { silent }),
        (_, Some(confidence)) if at.is_primary() => {
            let extra = if penalised {
                sight.config.brake.penalty_score
            } else {
                0.0
            };
            // A penalty must not make leaving impossible: an outage scores 100.
            let threshold = (confidence.steer_threshold + extra).min(100.0);
            let score = sight.score.total;
            if score >= threshold {
                Present::Bad(Reason::Confident { score, threshold })
            } else {
                Present::Fine
            }
        }
        (Assessment::Red { cause, .. }, _) => Present::Bad(Reason::Congested { cause, lasted }),
        (Assessment::Green { .. } | Assessment::Yellow { .. }, _) => Present::Fine,
    }
}

/// Whether the WAN in normal use has recovered. Its limits lie below those for leaving it, and a
/// queue that is merely not empty does not count against it.
fn is_good(sight: &Sight<'_>, primary: &Assessment) -> bool {
    let limits = &sight.config.limits;
    let sure = sight
        .config
        .confidence
        .is_none_or(|confidence| sight.score.total <= confidence.recovery_threshold);
    sure && primary.quality().is_some_and(|quality| {
        quality.delay < limits.leave_delay
            && quality.loss <= limits.yellow_loss
            && quality.jitter <= limits.red_jitter
    })
}

/// Whether the WAN in normal use costs no more than the one in use: then nothing is gained by
/// staying, however far it is from its best.
fn not_worse(sight: &Sight<'_>, primary: &Assessment, at: WanIndex) -> Option<Reason> {
    let cost = primary.quality()?.cost();
    let other = sight.assessments.get(at.get())?.quality()?.cost();
    (cost <= other).then_some(Reason::NotWorse { cost, other })
}

fn shaper_can_help(sight: &Sight<'_>, at: WanIndex) -> bool {
    let fresh = sight.config.limits.fresh;
    sight
        .seen
        .get(at.get())
        .and_then(|seen| seen.shaper)
        .is_some_and(|shaper| shaper.age <= fresh && shaper.can_help())
}

/// How long a WAN must be bad; flapping doubles it.
fn enter_after(config: &StandardConfig, penalised: bool) -> Duration {
    let enter = match &config.confidence {
        Some(confidence) => confidence.sustain,
        None => config.dwell.enter,
    };
    if penalised {
        enter.saturating_mul(2)
    } else {
        enter
    }
}

fn leave_after(config: &StandardConfig) -> Duration {
    match &config.confidence {
        Some(confidence) => confidence.recovery_sustain,
        None => config.dwell.leave,
    }
}
