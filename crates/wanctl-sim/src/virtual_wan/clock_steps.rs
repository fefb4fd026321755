//! Civil time that is set while the loop runs.

use std::time::Duration;

use wanctl_daemon::Clock;
use wanctl_types::Timestamp;

use super::{VIRTUAL_EPOCH, VirtualReport, VirtualWan};
use crate::{Error, Link};

impl VirtualWan {
    /// As [`run`](Self::run), without a tape, while civil time is set: `steps` say when, ascending,
    /// and by how many milliseconds, negative being back.
    ///
    /// # Errors
    ///
    /// As of [`run`](Self::run).
    pub fn run_with_clock_steps(
        &self,
        link: Link,
        duration: Duration,
        steps: &[(Duration, i64)],
    ) -> Result<VirtualReport, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .map_err(|source| Error::Runtime { source })?;
        let views = self.views();
        runtime.block_on(async {
            let clock = Clock::simulated(1.0, VIRTUAL_EPOCH);
            let controlled = self.drive(link, &clock, duration, |_| None, &views);
            let (report, ()) = tokio::join!(controlled, set(&clock, duration, steps));
            report
        })
    }
}

async fn set(clock: &Clock, duration: Duration, steps: &[(Duration, i64)]) {
    for (at, millis) in steps.iter().filter(|(at, _)| *at < duration) {
        clock.sleep_until(Timestamp::ZERO + *at).await;
        clock.step_wall(*millis);
    }
}
