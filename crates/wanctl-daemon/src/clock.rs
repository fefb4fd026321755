//! The only reader of clocks.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;
use wanctl_types::{Timestamp, WallTime};

/// A monotonic clock for control and a wall clock for records.
///
/// All its time passes through tokio's timer: under a paused tokio runtime it is virtual, and a
/// speed other than one scales it, so the same loop runs in real, scaled and virtual time.
#[derive(Clone, Debug)]
pub struct Clock {
    origin: Instant,
    speed: f64,
    wall: Wall,
}

/// 2025-01-01 00:00 UTC, before the first release: no record was made earlier.
const EARLIEST: WallTime = WallTime::from_unix_millis(1_735_689_600_000);

#[derive(Clone, Debug)]
enum Wall {
    System,
    /// Clones share the steps, in milliseconds, by which it was set since.
    Simulated {
        at_origin: WallTime,
        stepped: Arc<AtomicI64>,
    },
}

impl Clock {
    /// Real time: the monotonic clock starts at zero now, records carry the system's time.
    #[must_use]
    pub fn system() -> Self {
        Self {
            origin: Instant::now(),
            speed: 1.0,
            wall: Wall::System,
        }
    }

    /// Simulated time, `speed` times as fast as tokio's, with `at_origin` on the calendar now.
    /// A speed that is not a positive finite number counts as one.
    #[must_use]
    pub fn simulated(speed: f64, at_origin: WallTime) -> Self {
        let usable = speed.is_finite() && speed > 0.0;
        Self {
            origin: Instant::now(),
            speed: if usable { speed } else { 1.0 },
            wall: Wall::Simulated {
                at_origin,
                stepped: Arc::default(),
            },
        }
    }

    /// Time since the origin.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::ZERO + self.origin.elapsed().mul_f64(self.speed)
    }

    /// When something happened that long ago in real time.
    #[must_use]
    pub fn ago(&self, real: Duration) -> Timestamp {
        self.now() - real.mul_f64(self.speed)
    }

    /// Civil time, for records only.
    #[must_use]
    pub fn wall(&self) -> WallTime {
        match &self.wall {
            Wall::System => system_wall_time(),
            Wall::Simulated { at_origin, stepped } => {
                let unstepped = later(*at_origin, self.now().since_origin()).unix_millis();
                let stepped = stepped.load(Ordering::Relaxed);
                WallTime::from_unix_millis(unstepped.saturating_add(stepped))
            }
        }
    }

    /// Whether civil time is believable: a machine without a clock of its own begins in 1970
    /// until the network tells it the time, and its records are misdated until then.
    #[must_use]
    pub fn wall_is_set(&self) -> bool {
        self.wall() >= EARLIEST
    }

    /// Sets simulated civil time forward, or back, by so many milliseconds, in this clock and its
    /// clones. The system's time is not ours to set.
    pub fn step_wall(&self, millis: i64) {
        match &self.wall {
            Wall::System => {}
            Wall::Simulated { stepped, .. } => {
                stepped.fetch_add(millis, Ordering::Relaxed);
            }
        }
    }

    /// Sleeps until the clock reads `deadline`; returns at once when it has passed.
    pub async fn sleep_until(&self, deadline: Timestamp) {
        let real = deadline.since_origin().div_f64(self.speed);
        match self.origin.checked_add(real) {
            Some(instant) => tokio::time::sleep_until(instant).await,
            None => std::future::pending().await,
        }
    }
}

fn system_wall_time() -> WallTime {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => later(WallTime::default(), since),
        Err(before) => WallTime::from_unix_millis(-clamped_millis(before.duration())),
    }
}

fn later(from: WallTime, by: Duration) -> WallTime {
    WallTime::from_unix_millis(from.unix_millis().saturating_add(clamped_millis(by)))
}

fn clamped_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn scaled_time_runs_ahead_of_the_timer() {
        let clock = Clock::simulated(10.0, WallTime::from_unix_millis(5_000));
        clock.sleep_until(Timestamp::from_micros(10_000_000)).await;
        assert_eq!(clock.origin.elapsed(), Duration::from_secs(1));
        assert_eq!(clock.now(), Timestamp::from_micros(10_000_000));
        assert_eq!(clock.wall(), WallTime::from_unix_millis(15_000));
        assert_eq!(
            clock.ago(Duration::from_millis(1)),
            Timestamp::from_micros(9_990_000)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn civil_time_is_set_without_moving_the_clock() {
        let clock = Clock::simulated(1.0, WallTime::from_unix_millis(0));
        let clone = clock.clone();
        assert!(!clock.wall_is_set());
        clock.step_wall(EARLIEST.unix_millis());
        assert!(clone.wall_is_set());
        clone.step_wall(-1);
        assert!(!clock.wall_is_set());
        assert_eq!(clock.now(), Timestamp::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_in_the_past_does_not_wait() {
        let clock = Clock::simulated(f64::NAN, WallTime::default());
        tokio::time::advance(Duration::from_secs(2)).await;
        clock.sleep_until(Timestamp::from_micros(1)).await;
        assert_eq!(clock.now(), Timestamp::from_micros(2_000_000));
    }
}
