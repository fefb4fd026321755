//! A delay that stands still may be a longer path.

use wanctl_signal::Window;
use wanctl_types::PerDirection;

use super::super::lane::{Sight, TEST_SHARE, lag};
use super::super::meter::Meter;
use super::{Finding, OVER};

/// A delay that differs by no more than this, ms, or this part of the threshold, over [`RECENT`]
/// ticks stands still.
const STILL: f64 = 3.0;
const STILL_SHARE: f64 = 0.4;
const RECENT: usize = 6;
const RECENT_COUNT: f64 = 6.0;
/// After a test that showed a queue there is none for so long, seconds.
const NO_TEST_FOR: f64 = 5.0;
/// More than this part of the rate makes a direction take part in a test.
const TAKES_PART: f64 = 0.3;
/// A path never grows by more than this at once while there is load, ms.
const MOST_LONGER: f64 = 60.0;
/// A queue has shrunk if the delay falls by this part of it and at least so much, ms, for so many
/// ticks.
const SHRUNK: f64 = 0.3;
const LEAST_SHRUNK: f64 = 2.0;
const SHRUNK_TICKS: u32 = 3;

/// What stands still, and the supposition under test.
#[derive(Clone, Debug, Default)]
pub(super) struct PathTest {
    recent: Window<RECENT>,
    test: Option<Test>,
    no_test_before: f64,
}

/// A supposition under test.
#[derive(Clone, Copy, Debug)]
struct Test {
    until: f64,
    by: f64,
    below: u32,
}

impl PathTest {
    pub(super) fn observe(&mut self, added: f64) {
        self.recent.push(added);
    }

    /// A delay that stands still may be a longer path. The supposition is put to the test: all
    /// send less for a moment, and a queue would shrink.
    pub(super) fn suppose(
        &mut self,
        sight: &Sight,
        meters: &PerDirection<Meter>,
    ) -> Option<Finding> {
        let least = self.recent.iter().fold(f64::INFINITY, f64::min);
        let most = self.recent.iter().fold(f64::NEG_INFINITY, f64::max);
        let is_still = self.recent.len() == RECENT
            && most - least < STILL.max(STILL_SHARE * sight.threshold)
            && least > OVER * sight.threshold
            && !sight.delay.is_inferred;
        let takes_part = meters.as_ref().map(|meter| meter.used() > TAKES_PART);
        if !is_still
            || sight.now < self.no_test_before
            || !(takes_part.download || takes_part.upload)
        {
            return None;
        }
        let mean = self.recent.iter().sum::<f64>() / RECENT_COUNT;
        if mean > MOST_LONGER {
            return None;
        }
        self.recent.shift(-mean);
        let until = sight.now + lag(sight) + mean / 1e3 / (1.0 - TEST_SHARE);
        self.test = Some(Test {
            until,
            by: mean,
            below: 0,
        });
        Some(Finding::LongerPath { by: mean, until })
    }

    /// Whether the test shows a queue after all.
    pub(super) fn judge(&mut self, sight: &Sight) -> Option<Finding> {
        let test = self.test.as_mut()?;
        if sight.delay.added < -(SHRUNK * test.by).max(LEAST_SHRUNK) {
            test.below += 1;
        } else {
            test.below = 0;
        }
        let is_queue = test.below >= SHRUNK_TICKS;
        let is_over = sight.now >= test.until && test.below == 0;
        if is_queue {
            self.no_test_before = sight.now + NO_TEST_FOR;
        }
        if is_queue || is_over {
            self.test = None;
            return Some(Finding::Tested {
                is_longer: !is_queue,
            });
        }
        None
    }
}
