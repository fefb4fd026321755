//! From the kernel's receive timestamp to the time a reply waited.

use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};

/// Two clocks may pass the same span a little differently.
const TOLERANCE: Duration = Duration::from_millis(1);

/// How long ago the kernel stamped the reply; `None` when the stamp cannot be used.
///
/// `at_most` is how long ago the socket was last seen empty. A reply cannot have waited longer:
/// one that seems to have was stamped before a step of the system clock.
pub(super) fn waited(stamp: Option<TimeSpec>, at_most: Duration) -> Option<Duration> {
    // The kernel stamps received packets with this clock.
    let now = clock_gettime(ClockId::CLOCK_REALTIME).ok()?;
    wait_between(stamp?, now, at_most)
}

fn wait_between(stamp: TimeSpec, now: TimeSpec, at_most: Duration) -> Option<Duration> {
    let waited = since_epoch(now)?.checked_sub(since_epoch(stamp)?)?;
    (waited <= at_most.saturating_add(TOLERANCE)).then_some(waited)
}

fn since_epoch(time: TimeSpec) -> Option<Duration> {
    let seconds = u64::try_from(time.tv_sec()).ok()?;
    let nanos = u32::try_from(time.tv_nsec()).ok()?;
    Some(Duration::new(seconds, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_the_difference() {
        assert_eq!(
            wait((100, 999_999_000), (101, 1_000)),
            Some(Duration::from_micros(2))
        );
        assert_eq!(wait((100, 7), (100, 7)), Some(Duration::ZERO));
    }

    #[test]
    fn a_clock_step_makes_no_wait() {
        assert_eq!(wait((100, 0), (99, 999_999_999)), None, "stepped back");
        assert_eq!(wait((100, 0), (105, 0)), None, "stepped forward");
        assert_eq!(wait((-1, 0), (100, 0)), None, "before the epoch");
    }

    #[test]
    fn a_missing_stamp_makes_no_wait() {
        assert_eq!(waited(None, Duration::MAX), None);
    }

    fn wait(stamp: (i64, i64), now: (i64, i64)) -> Option<Duration> {
        let [stamp, now] = [stamp, now].map(|(seconds, nanos)| TimeSpec::new(seconds, nanos));
        wait_between(stamp, now, Duration::from_secs(2))
    }
}
