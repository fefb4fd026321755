//! The law of an operator who sets the rates by hand.

use std::time::Duration;

use wanctl_types::{Bps, PerDirection, Timestamp};

use super::settings;
use crate::bench::{LawUnderTest, Plan, Probing, Seen};

/// A constant rate in each direction.
pub(super) struct Fixed {
    rates: PerDirection<Bps>,
}

impl Fixed {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            rates: settings::fixed_rates(plan),
        }
    }
}

impl LawUnderTest for Fixed {
    fn name(&self) -> &'static str {
        "static"
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn probing(&self) -> Probing {
        Probing {
            reflectors: 1,
            interval: Duration::from_secs(1),
            spread: false,
        }
    }

    fn start(&self) -> PerDirection<Bps> {
        self.rates
    }

    fn step(&mut self, _now: Timestamp, _seen: &Seen<'_>) -> PerDirection<Bps> {
        self.rates
    }
}
