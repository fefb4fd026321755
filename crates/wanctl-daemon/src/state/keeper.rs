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

/// Shortest time from the beginning of one write to that of the next; so a change of rate or zone
/// waits no longer than this and a write.
const DEBOUNCE: Duration = Duration::from_millis(500);
/// Time from a write that failed to the next.
const RETRY: Duration = Duration::from_secs(5);
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
        let mut progress = Progress::default();
        loop {
            let stop = self.wait(&progress, &shutdown).await;
            let image = *self.images.borrow_and_update();
            // Also when nothing is to be stored: without it the wait would be over at once, for ever.
            progress.attempted = image.map(|_| self.clock.now());
            if let Some(image) = image.filter(|image| differs(image, progress.saved.as_ref())) {
                let saved = self.save(&image, progress.failing).await;
                progress.failing = !saved;
                progress.saved = saved.then_some(image).or(progress.saved);
            }
            if stop {
                break;
            }
        }
    }

    /// Waits until a write is due; true when it is the last.
    async fn wait(&mut self, progress: &Progress, shutdown: &CancellationToken) -> bool {
        let Some(attempted) = progress.attempted else {
            return self.wait_for(shutdown, Option::is_some).await;
        };
        if sleep(&self.clock, attempted + DEBOUNCE, shutdown).await {
            return true;
        }
        let Some(saved) = progress.saved.filter(|_| !progress.failing) else {
            // What could not be stored is tried again, changed or not.
            return sleep(&self.clock, attempted + RETRY, shutdown).await;
        };
        let clock = self.clock.clone();
        tokio::select! {
            biased;
            stop = self.wait_for(shutdown, |image| {
                image.as_ref().is_some_and(|image| is_urgent(image, &saved))
            }) => stop,
            stop = sleep(&clock, attempted + REFRESH, shutdown) => stop,
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

    /// Returns whether the image is stored.
    async fn save(&self, image: &StateImage, was_failing: bool) -> bool {
        match self.store.save(image).await {
            Ok(()) => {
                if was_failing {
                    info!(wan = self.wan, "the state can be stored again");
                }
                true
            }
            Err(error) => {
                if !was_failing {
                    warn!(wan = self.wan, %error, "the state cannot be stored; a restart would forget it");
                }
                false
            }
        }
    }
}

/// How far storing has come.
#[derive(Default)]
struct Progress {
    saved: Option<StateImage>,
    attempted: Option<Timestamp>,
    failing: bool,
}

/// Whether anything but the time changed.
fn differs(image: &StateImage, saved: Option<&StateImage>) -> bool {
    saved.is_none_or(|last| {
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    use async_trait::async_trait;
    use wanctl_controller::{ControllerState, QueueState};
    use wanctl_types::{Millis, PerDirection, RateBound, WallTime};

    use super::*;

    /// Counts what it is given.
    #[derive(Default)]
    struct Disk {
        broken: AtomicBool,
        attempts: Mutex<Vec<StateImage>>,
    }

    impl Disk {
        fn rates(&self) -> Vec<f64> {
            let attempts = self.attempts.lock().unwrap();
            let rate = |image: &StateImage| image.controller.queues.download.rate;
            attempts
                .iter()
                .map(|image| rate(image).truncate().as_mbps())
                .collect()
        }
    }

    #[async_trait]
    impl StateStore for Disk {
        async fn save(&self, image: &StateImage) -> std::io::Result<()> {
            self.attempts.lock().unwrap().push(*image);
            if self.broken.load(Ordering::Relaxed) {
                return Err(std::io::ErrorKind::StorageFull.into());
            }
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_state_that_stands_still_is_stored_once_and_lets_time_pass() {
        let disk = Arc::new(Disk::default());
        keep(&disk, Duration::from_hours(1)).await;
        assert_eq!(disk.attempts.lock().unwrap().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_state_that_could_not_be_stored_is_tried_again_and_at_the_end() {
        let disk = Arc::new(Disk::default());
        disk.broken.store(true, Ordering::Relaxed);
        let time = RETRY * 4 + Duration::from_secs(1);
        keep(&disk, time).await;
        // At the start, after each of four pauses, and at the end.
        assert_eq!(disk.attempts.lock().unwrap().len(), 6);
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_of_rate_is_stored_within_a_second_and_the_newest_wins() {
        let disk = Arc::new(Disk::default());
        let (images, stored) = watch::channel(Some(image()));
        let keeper = keeper(&disk, stored);
        let shutdown = CancellationToken::new();
        let change = async {
            for (pause, rate) in [(600, 40.0), (100, 30.0), (100, 25.0)] {
                tokio::time::sleep(Duration::from_millis(pause)).await;
                let mut changed = image();
                changed.controller.queues.download.rate = RateBound::from_mbps(rate).unwrap();
                images.send_replace(Some(changed));
            }
            tokio::time::sleep(Duration::from_millis(400)).await;
            let rates = disk.rates();
            shutdown.cancel();
            rates
        };
        let ((), rates) = tokio::join!(keeper.run(shutdown.clone()), change);
        assert_eq!(rates, [20.0, 40.0, 25.0]);
    }

    async fn keep(disk: &Arc<Disk>, time: Duration) {
        let (_images, stored) = watch::channel(Some(image()));
        let keeper = keeper(disk, stored);
        let shutdown = CancellationToken::new();
        let stop = async {
            tokio::time::sleep(time).await;
            shutdown.cancel();
        };
        tokio::join!(keeper.run(shutdown.clone()), stop);
    }

    fn keeper(disk: &Arc<Disk>, images: watch::Receiver<Option<StateImage>>) -> StateKeeper {
        StateKeeper {
            wan: "wan".to_owned(),
            clock: Clock::system(),
            store: disk.clone(),
            images,
        }
    }

    fn image() -> StateImage {
        let queue = QueueState {
            rate: RateBound::from_mbps(20.0).unwrap(),
            green_streak: 0,
            soft_red_streak: 0,
            red_streak: 0,
            last_zone: Zone::Green,
        };
        let rtt = Millis::new(20.0).unwrap();
        StateImage {
            controller: ControllerState {
                queues: PerDirection::new(queue, queue),
                baseline: rtt,
                load: rtt,
                previous_load: rtt,
                outage_cycles: 0,
                adaptive: None,
            },
            applied: PerDirection::default(),
            time: WallTime::default(),
        }
    }
}
