//! One reflector's round trips, and the idle one among them.

use wanctl_signal::Window;
use wanctl_types::Millis;

use crate::ReflectorObservation;

/// Samples from which an idle round trip is taken: 2 s of ticks.
const SAMPLES: usize = 40;
/// Newest samples that may show a shorter path at any time.
const FEW: usize = 20;
/// The part of the samples that lies below the idle round trip.
const LOW: f64 = 0.2;
/// With fewer of those samples below the idle round trip it is not lower.
const FEWEST_BELOW: usize = 4;
/// Samples in a row this much below the idle round trip, ms, prove a shorter path at once.
const BELOW: f64 = 3.0;
const BELOW_COUNT: u32 = 6;
/// An idle round trip that moves by more than this, ms, makes what is known of noise worthless.
const MOVED: f64 = 3.0;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reflector {
    pub(super) samples: Window<SAMPLES>,
    pub(super) baseline: Option<f64>,
    /// The newest round trip and when it came: ms, seconds.
    pub(super) latest: Option<(f64, f64)>,
    pub(super) below: u32,
    pub(super) overdue: Option<f64>,
}

impl Reflector {
    /// Takes what this tick shows; whether the idle round trip moved by more than noise does.
    pub(super) fn observe(
        &mut self,
        now: f64,
        seen: &ReflectorObservation,
        is_quiet: bool,
        is_supposed: bool,
    ) -> bool {
        self.overdue = seen.overdue.map(|age| age.as_secs_f64() * 1e3);
        let Some(rtt) = seen.rtt.map(Millis::get).filter(|rtt| *rtt > 0.0) else {
            return false;
        };
        self.latest = Some((rtt, now - seen.age.as_secs_f64()));
        self.samples.push(rtt);
        let before = self.baseline;
        if is_supposed && before.is_some() {
            return false;
        }
        self.baseline = Some(self.learned(rtt, is_quiet));
        is_quiet
            && before
                .zip(self.baseline)
                .is_some_and(|(old, new)| (new - old).abs() > MOVED)
    }

    /// Rises only while nobody can be the cause of it; falls whenever a shorter path is proven.
    fn learned(&mut self, rtt: f64, is_quiet: bool) -> f64 {
        let Some(baseline) = self.baseline else {
            return rtt;
        };
        if is_quiet && self.samples.len() >= SAMPLES / 2 {
            return self.samples.quantile(LOW).unwrap_or(baseline);
        }
        self.below = if rtt < baseline - BELOW {
            self.below + 1
        } else {
            0
        };
        if self.samples.len() < FEW {
            return baseline.min(rtt);
        }
        let newest = self.samples.iter().rev().take(FEW);
        if newest.filter(|sample| *sample < baseline).count() < FEWEST_BELOW {
            return baseline;
        }
        let few = self.few();
        if self.below >= BELOW_COUNT {
            return few.unwrap_or(baseline);
        }
        few.filter(|low| *low < baseline).unwrap_or(baseline)
    }

    /// A low quantile of the newest samples.
    fn few(&self) -> Option<f64> {
        if self.samples.len() < FEW {
            return None;
        }
        let mut newest = Window::<FEW>::default();
        for sample in self.samples.iter().skip(self.samples.len() - FEW) {
            newest.push(sample);
        }
        newest.quantile(LOW)
    }
}
