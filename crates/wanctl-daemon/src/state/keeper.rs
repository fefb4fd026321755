//! Decides when the state is stored, apart from the control loop.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use wanctl_types::{Timestamp, Zone};

use crate::clock::Clock;
use crate::ports::StateStore;
use crate::state::StateImage;

/// Shortest time between two writes of a changing state; also the longest time a change of rate
/// or zone waits.
const DEBOUNCE: Duration = Duration::from_secs(1);
/// Longest time that averages and streaks may change unstored.
const REFRESH: Duration = Duration::from_mins(1);

/// Stores the newest state image: within a second of a change of rate or zone, else once a
/// minute, and once more at the end.
pub(crate) struct StateKeeper {
    pub(crate) wan: String,
    pub(crate) clock: Clock,
    pub(crate) store: Arc<dyn StateStore>,
    pub(crate) images: watch::Receiver<Option<StateImage>>,
}

impl StateKeeper {
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let mut saved: Option<(StateImage, Timestamp)> = None;
        let mut failing = false;
        loop {
            let stop = self.wait(saved.as_ref(), &shutdown).await;
            let image = *self.images.borrow_and_update();
            if let Some(image) = image.filter(|image| differs(image, saved.as_ref())) {
                failing = self.save(&image, failing).await;
                saved = Some((image, self.clock.now()));
            }
            if stop {
                break;
            }
        }
    }

    /// Waits until a write is due; true when it is the last.
    async fn wait(
        &mut self,
        saved: Option<&(StateImage, Timestamp)>,
        shutdown: &CancellationToken,
    ) -> bool {
        let Some((last, at)) = saved else {
            return self.wait_for(shutdown, Option::is_some).await;
        };
        if sleep(&self.clock, *at + DEBOUNCE, shutdown).await {
            return true;
        }
        let clock = self.clock.clone();
        tokio::select! {
            biased;
            stop = self.wait_for(shutdown, |image| {
                image.as_ref().is_some_and(|image| is_urgent(image, last))
            }) => stop,
            stop = sleep(&clock, *at + REFRESH, shutdown) => stop,
        }
    }

    async fn wait_for(
        &mut self,
        shutdown: &CancellationToken,
        due: impl FnMut(&Option<StateImage>) -> bool,
    ) -> bool {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => true,
            image = self.images.wait_for(due) => image.is_err(),
        }
    }

    /// Returns whether storing failed.
    async fn save(&self, image: &StateImage, was_failing: bool) -> bool {
        match self.store.save(image).await {
            Ok(()) => {
                if was_failing {
                    info!(wan = self.wan, "the state can be stored again");
                }
                false
            }
            Err(error) => {
                if !was_failing {
                    warn!(wan = self.wan, %error, "the state cannot be stored; a restart would forget it");
                }
                true
            }
        }
    }
}

/// Whether anything but the time changed.
fn differs(image: &StateImage, saved: Option<&(StateImage, Timestamp)>) -> bool {
    saved.is_none_or(|(last, _)| {
        let same_time = StateImage {
            time: last.time,
            ..*image
        };
        same_time != *last
    })
}

fn is_urgent(image: &StateImage, last: &StateImage) -> bool {
    summary(image) != summary(last) || image.applied != last.applied
}

fn summary(image: &StateImage) -> [(u64, Zone); 2] {
    let queues = &image.controller.queues;
    [queues.download, queues.upload].map(|queue| (queue.rate.truncate().get(), queue.last_zone))
}

async fn sleep(clock: &Clock, until: Timestamp, shutdown: &CancellationToken) -> bool {
    tokio::select! {
        biased;
        () = shutdown.cancelled() => true,
        () = clock.sleep_until(until) => false,
    }
}
