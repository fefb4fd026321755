//! One direction's rate: zone, streaks, candidate, bounds and the reason for each change.

use wanctl_types::{Millis, RateBound, Zone};

use crate::rule::{FourState, ThreeState};
use crate::{DirectionDecision, Held, QueueConfig, QueueState, Spike, Threshold};
use crate::{Transition, TransitionReason};

/// What one call of a [`QueueController`] decided.
pub type Adjustment = DirectionDecision;

/// Turns the delay above baseline into the rate of one direction.
///
/// ```text
///            delta >  hard_red         rate * factor_down
///   RED      ─────────────────         ──────────────────────────────────────────
///            delta >  soft_red         held (4-state rule only; YELLOW until it
///   SOFT_RED ─────────────────         has lasted soft_red_required calls)
///            delta >  green            rate * factor_down_yellow
///   YELLOW   ─────────────────
///            delta <= green            held for green_required - 1 calls, then
///   GREEN                              + step_up on every call
/// ```
///
/// Congestion acts at once and multiplies; recovery waits for a streak and adds, so that many
/// links sharing a bottleneck converge. Time is counted in calls. All arithmetic is done in
/// `f64`, in the order factor, floor, ceiling, truncation; it is exact below 2^53 bit/s.
///
/// The floor of the zone just entered applies at once, so a better zone can lift the rate by
/// itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QueueController {
    config: QueueConfig,
    state: QueueState,
}

impl QueueController {
    /// Starts at the ceiling, GREEN.
    #[must_use]
    pub fn new(config: QueueConfig) -> Self {
        Self {
            config,
            state: QueueState::initial(&config),
        }
    }

    /// One call of the 3-state rule, which uses only the red floor.
    ///
    /// RED while `load - baseline > warn`, YELLOW while it is above `target`, else GREEN.
    pub fn adjust(
        &mut self,
        baseline: Millis,
        load: Millis,
        target: Threshold,
        warn: Threshold,
    ) -> Adjustment {
        let rule = ThreeState {
            delta: load - baseline,
            target,
            warn,
        };
        let zone = rule.zone();
        self.count_3state(zone);
        self.settle(zone, self.config.floors.red, |to| rule.reason(to))
    }

    /// One call of the 4-state rule, which uses the floor of the zone it reports.
    ///
    /// RED while `load - baseline > hard_red`, `SOFT_RED` above `soft_red`, YELLOW above `green`,
    /// else GREEN.
    pub fn adjust_4state(
        &mut self,
        baseline: Millis,
        load: Millis,
        green: Threshold,
        soft_red: Threshold,
        hard_red: Threshold,
    ) -> Adjustment {
        let rule = FourState {
            delta: load - baseline,
            green,
            soft_red,
            hard_red,
        };
        let raw = rule.zone();
        self.count_4state(raw);
        let zone = self.confirmed(raw);
        self.settle(zone, self.floor(zone), |to| rule.reason(to))
    }

    /// One RED call on account of a spike, whatever the level of the delay.
    pub fn force_red(&mut self, spike: Spike) -> Adjustment {
        self.count_4state(Zone::Red);
        self.settle(Zone::Red, self.config.floors.red, |_| spike.into())
    }

    /// What a call that measured nothing amounts to: zone and rate stay.
    pub fn hold(&self) -> Adjustment {
        Adjustment {
            zone: self.state.last_zone,
            rate: self.state.rate.truncate(),
            transition: None,
            held: Some(Held::NoMeasurement),
            moved: None,
        }
    }

    /// Exports every piece of state.
    #[must_use]
    pub const fn state(&self) -> QueueState {
        self.state
    }

    /// Puts an exported state back, exactly; see
    /// [`ControllerState::validated`](crate::ControllerState::validated) for one that comes from
    /// a file.
    pub const fn restore(&mut self, state: QueueState) {
        self.state = state;
    }

    /// The 3-state rule leaves the `SOFT_RED` streak alone.
    fn count_3state(&mut self, zone: Zone) {
        let QueueState {
            green_streak,
            red_streak,
            ..
        } = self.state;
        (self.state.green_streak, self.state.red_streak) = match zone {
            Zone::Green => (green_streak.saturating_add(1), 0),
            Zone::Yellow | Zone::SoftRed => (0, 0),
            Zone::Red => (0, red_streak.saturating_add(1)),
        };
    }

    fn count_4state(&mut self, raw: Zone) {
        self.state.soft_red_streak = match raw {
            Zone::SoftRed => self.state.soft_red_streak.saturating_add(1),
            Zone::Green | Zone::Yellow | Zone::Red => 0,
        };
        self.count_3state(raw);
    }

    fn confirmed(&self, raw: Zone) -> Zone {
        match raw {
            Zone::SoftRed if self.state.soft_red_streak < self.config.soft_red_required => {
                Zone::Yellow
            }
            Zone::Green | Zone::Yellow | Zone::SoftRed | Zone::Red => raw,
        }
    }

    fn floor(&self, zone: Zone) -> RateBound {
        let floors = &self.config.floors;
        match zone {
            Zone::Green => floors.green,
            Zone::Yellow => floors.yellow,
            Zone::SoftRed => floors.soft_red,
            Zone::Red => floors.red,
        }
    }

    /// Moves the rate, enters the zone and says why.
    fn settle(
        &mut self,
        zone: Zone,
        floor: RateBound,
        reason: impl FnOnce(Zone) -> TransitionReason,
    ) -> Adjustment {
        let before = self.state.rate.truncate();
        let candidate = self.candidate(zone);
        self.state.rate = self.bounded(candidate, floor);
        let rate = self.state.rate.truncate();
        Adjustment {
            zone,
            rate,
            transition: self.enter(zone, reason),
            held: (rate == before).then(|| self.held(zone, candidate < floor.get())),
            moved: None,
        }
    }

    fn candidate(&self, zone: Zone) -> f64 {
        let rate = self.state.rate.get();
        match zone {
            Zone::Red => (rate * self.config.factor_down.get()).trunc(),
            Zone::Yellow => (rate * self.config.factor_down_yellow.get()).trunc(),
            Zone::Green if self.is_green_sustained() => rate + self.config.step_up.get(),
            Zone::Green | Zone::SoftRed => rate,
        }
    }

    const fn is_green_sustained(&self) -> bool {
        self.state.green_streak >= self.config.green_required
    }

    /// Floor first, ceiling second, fraction off last.
    fn bounded(&self, candidate: f64, floor: RateBound) -> RateBound {
        let ceiling = self.config.ceiling;
        let rate = candidate.max(floor.get()).min(ceiling.get()).trunc();
        RateBound::new(rate).unwrap_or(ceiling)
    }

    fn enter(
        &mut self,
        to: Zone,
        reason: impl FnOnce(Zone) -> TransitionReason,
    ) -> Option<Transition> {
        let from = self.state.last_zone;
        self.state.last_zone = to;
        (from != to).then(|| Transition {
            from,
            to,
            reason: reason(to),
        })
    }

    /// Why the rate is what it was before this call.
    fn held(&self, zone: Zone, stopped_by_floor: bool) -> Held {
        match zone {
            Zone::SoftRed => Held::SoftRed,
            Zone::Yellow | Zone::Red if stopped_by_floor => Held::AtFloor,
            Zone::Yellow | Zone::Red => Held::NoChange,
            Zone::Green if self.is_at_ceiling() => Held::AtCeiling,
            Zone::Green if self.is_green_sustained() => Held::NoChange,
            Zone::Green => Held::AwaitingGreen {
                streak: self.state.green_streak,
                required: self.config.green_required,
            },
        }
    }

    fn is_at_ceiling(&self) -> bool {
        self.state.rate.truncate() >= self.config.ceiling.truncate()
    }
}

#[cfg(test)]
mod tests;
