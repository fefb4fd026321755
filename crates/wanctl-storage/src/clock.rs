//! The wall clock, which only the recorder reads.

use std::time::{SystemTime, UNIX_EPOCH};

use wanctl_types::WallTime;

/// The current time; the epoch itself when the clock is set before it.
pub(crate) fn now() -> WallTime {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    WallTime::from_unix_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
