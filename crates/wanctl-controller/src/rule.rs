//! The two zone rules: how a delay above baseline becomes a zone, and which threshold a change of
//! zone names.
//!
//! Every comparison is a strict `>`: a delay exactly on a threshold belongs to the better zone.

use wanctl_types::{Millis, Zone};

use crate::{Limit, Threshold, TransitionReason};

/// GREEN, YELLOW and RED.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ThreeState {
    pub(crate) delta: Millis,
    pub(crate) target: Threshold,
    pub(crate) warn: Threshold,
}

impl ThreeState {
    pub(crate) fn zone(&self) -> Zone {
        if self.delta > self.warn.get() {
            Zone::Red
        } else if self.delta > self.target.get() {
            Zone::Yellow
        } else {
            Zone::Green
        }
    }

    /// Why this delta leads into `to`.
    pub(crate) fn reason(&self, to: Zone) -> TransitionReason {
        let Self {
            delta,
            target,
            warn,
        } = *self;
        match to {
            Zone::Green => fell_below(delta, Limit::Target, target),
            Zone::Yellow => exceeded(delta, Limit::Target, target),
            // This rule knows no SOFT_RED; what is worse than YELLOW is above `warn`.
            Zone::SoftRed | Zone::Red => exceeded(delta, Limit::Warn, warn),
        }
    }
}

/// GREEN, YELLOW, `SOFT_RED` and RED.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FourState {
    pub(crate) delta: Millis,
    pub(crate) green: Threshold,
    pub(crate) soft_red: Threshold,
    pub(crate) hard_red: Threshold,
}

impl FourState {
    pub(crate) fn zone(&self) -> Zone {
        if self.delta > self.hard_red.get() {
            Zone::Red
        } else if self.delta > self.soft_red.get() {
            Zone::SoftRed
        } else if self.delta > self.green.get() {
            Zone::Yellow
        } else {
            Zone::Green
        }
    }

    /// Why this delta leads into `to`.
    pub(crate) fn reason(&self, to: Zone) -> TransitionReason {
        let Self {
            delta,
            green,
            soft_red,
            hard_red,
        } = *self;
        match to {
            Zone::Green => fell_below(delta, Limit::Green, green),
            Zone::Yellow => exceeded(delta, Limit::Green, green),
            Zone::SoftRed => exceeded(delta, Limit::SoftRed, soft_red),
            Zone::Red => exceeded(delta, Limit::HardRed, hard_red),
        }
    }
}

fn exceeded(delta: Millis, limit: Limit, threshold: Threshold) -> TransitionReason {
    TransitionReason::Exceeded {
        delta,
        limit,
        threshold,
    }
}

fn fell_below(delta: Millis, limit: Limit, threshold: Threshold) -> TransitionReason {
    TransitionReason::FellBelow {
        delta,
        limit,
        threshold,
    }
}
