//! Reads the router's counters, apart from everything else that is asked of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::debug;
use wanctl_router::{Backend, Counters, Error, Failure, Operation, Permit, Reachability};
use wanctl_telemetry::CountersState;
use wanctl_types::{Bps, Direction, PerDirection, Timestamp};

use super::LoadStatus;
use super::traffic::{Reading, Taken};
use crate::clock::Clock;
use crate::ticker::Ticker;

/// Longest time for one reading: an older one is of no use.
const READING_LIMIT: Duration = Duration::from_secs(1);
/// Without a reading for so long the counters are lost.
const LOST_AFTER: Duration = Duration::from_secs(1);

/// Reads both queues' counters on absolute deadlines.
///
/// It never has more than one request under way, and skips deadlines while one is: a slow router
/// is not asked faster than it answers. After a failure it pauses as long as whoever writes rates
/// would ([`Reachability`]), so refused credentials are tried once in 30 s.
pub(crate) struct LoadTask {
    clock: Clock,
    backend: Arc<dyn Backend>,
    ticker: Ticker,
    plausible: PerDirection<Bps>,
    status: watch::Sender<LoadStatus>,
    reachability: Reachability,
    last_success: Timestamp,
}

impl LoadTask {
    /// Reads every `interval`. `plausible` are rates that the queues cannot have passed.
    pub(crate) fn new(
        clock: Clock,
        backend: Arc<dyn Backend>,
        interval: Duration,
        plausible: PerDirection<Bps>,
        status: watch::Sender<LoadStatus>,
    ) -> Self {
        status.send_modify(|status| status.state = CountersState::Waiting);
        let now = clock.now();
        Self {
            clock,
            backend,
            ticker: Ticker::new(now, interval),
            plausible,
            status,
            reachability: Reachability::default(),
            last_success: now,
        }
    }

    /// Runs until `shutdown`. What is under way then is given up.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => {}
            () = self.poll() => {}
        }
    }

    async fn poll(mut self) {
        loop {
            let pause = match self.reachability.permit(self.clock.now()) {
                Permit::Nothing { until, .. } => until,
                Permit::Anything | Permit::Reading => Timestamp::ZERO,
            };
            self.clock
                .sleep_until(self.ticker.deadline().max(pause))
                .await;
            let sent = self.clock.now();
            let read = self.read().await;
            // Deadlines that passed meanwhile are skipped, too.
            self.ticker.take(self.clock.now());
            match read {
                Ok(counters) => self.take(sent, &counters),
                Err(error @ Error::Unsupported { .. }) => {
                    self.publish_failure(CountersState::Unsupported, &error);
                    return std::future::pending().await;
                }
                Err(error) => self.fail(&error),
            }
        }
    }

    async fn read(&self) -> Result<PerDirection<Counters>, Error> {
        let reading = tokio::time::timeout(READING_LIMIT, self.backend.counters());
        reading.await.unwrap_or_else(|_| {
            Err(Error::Timeout {
                operation: Operation::ReadCounters,
                host: "the router".to_owned(),
                limit: READING_LIMIT,
            })
        })
    }

    /// The router counted somewhere between question and answer; half-way is the best guess.
    fn take(&mut self, sent: Timestamp, counters: &PerDirection<Counters>) {
        let now = self.clock.now();
        let at = sent + now.saturating_since(sent) / 2;
        self.last_success = now;
        self.reachability = Reachability::Reachable;
        let plausible = self.plausible;
        self.status.send_modify(|status| {
            status.state = CountersState::Read;
            status.last_error = None;
            for direction in Direction::BOTH {
                let reading = Reading {
                    at,
                    counters: counters[direction],
                };
                let taken = status.traffic[direction].take(reading, plausible[direction]);
                if taken == Taken::Reset {
                    status.resets += 1;
                }
            }
        });
    }

    fn fail(&mut self, error: &Error) {
        let now = self.clock.now();
        debug!(%error, "the router's counters were not read");
        self.reachability.failed(Failure::of(error), now);
        let is_lost = now.saturating_since(self.last_success) >= LOST_AFTER;
        let refused = Failure::of(error) == Failure::Refusal;
        if is_lost || refused {
            self.publish_failure(CountersState::Lost, error);
        }
    }

    fn publish_failure(&self, state: CountersState, error: &Error) {
        self.status.send_modify(|status| {
            status.state = state;
            status.last_error = Some(error.to_string());
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use wanctl_router::{Applied, Capabilities, ConnectFailure, Limits, Observed, QueueCounters};
    use wanctl_types::{Bytes, WallTime};

    use super::*;

    /// Answers after a while, or not; counts a thousand bytes a millisecond.
    struct Router {
        clock: Clock,
        takes: Duration,
        error: Mutex<Option<fn() -> Error>>,
        asked: Mutex<Vec<Timestamp>>,
    }

    impl Router {
        fn asked(&self) -> Vec<u64> {
            let asked = self.asked.lock().unwrap();
            asked.iter().map(|at| at.as_micros() / 1_000).collect()
        }
    }

    #[async_trait]
    impl Backend for Router {
        fn capabilities(&self) -> Capabilities {
            Capabilities::new(QueueCounters::default(), false, Duration::ZERO)
        }

        async fn apply(&self, _limits: Limits) -> Applied {
            panic!("whoever reads counters writes nothing")
        }

        async fn observe(&self) -> Result<Observed, Error> {
            panic!("whoever reads counters reads no rates")
        }

        async fn counters(&self) -> Result<PerDirection<Counters>, Error> {
            self.asked.lock().unwrap().push(self.clock.now());
            self.clock.sleep_until(self.clock.now() + self.takes).await;
            if let Some(error) = *self.error.lock().unwrap() {
                return Err(error());
            }
            let counters = Counters {
                bytes: Some(Bytes::new(self.clock.now().as_micros())),
                ..Counters::default()
            };
            Ok(PerDirection::new(counters, counters))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn counters_are_read_five_times_a_second_and_dated_half_way() {
        let (router, mut task) = stage(20);
        let status = task.status.subscribe();
        task.plausible = PerDirection::new(Bps::from_mbps(9), Bps::from_mbps(7));
        run(task, 1_010).await;
        assert_eq!(router.asked(), [0, 200, 400, 600, 800, 1_000]);
        let status = status.borrow();
        assert_eq!(status.state, CountersState::Read);
        let seen = status.traffic.download.observe(at(900)).load.unwrap();
        assert_eq!(seen.bytes, Bytes::new(200_000));
        assert_eq!(seen.age, Duration::from_millis(90));
        // 8 Mbit/s is more than this queue can have passed.
        assert_eq!(status.traffic.upload.observe(at(900)).load, None);
        assert_eq!(status.resets, 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_router_is_asked_no_faster_than_it_answers() {
        let (router, task) = stage(310);
        run(task, 1_300).await;
        assert_eq!(router.asked(), [0, 400, 800, 1_200]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_router_that_does_not_answer_is_asked_ever_more_seldom_and_is_lost_after_a_second() {
        let (router, task) = stage(0);
        *router.error.lock().unwrap() = Some(unreachable);
        let status = task.status.subscribe();
        let watch = async {
            tokio::time::sleep(Duration::from_millis(900)).await;
            let early = status.borrow().state;
            tokio::time::sleep(Duration::from_secs(3)).await;
            (early, status.borrow().clone())
        };
        let ((), (early, late)) = tokio::join!(run(task, 10_000), watch);
        assert_eq!(
            (early, late.state),
            (CountersState::Waiting, CountersState::Lost)
        );
        assert!(late.last_error.is_some());
        assert!(
            (4..=8).contains(&router.asked().len()),
            "{:?}",
            router.asked()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn refused_credentials_are_tried_once_in_thirty_seconds() {
        let (router, task) = stage(0);
        *router.error.lock().unwrap() = Some(refused);
        run(task, 61_000).await;
        assert_eq!(router.asked().len(), 3, "{:?}", router.asked());
    }

    #[tokio::test(start_paused = true)]
    async fn a_router_without_counters_is_asked_once() {
        let (router, task) = stage(0);
        *router.error.lock().unwrap() = Some(unsupported);
        let status = task.status.subscribe();
        run(task, 60_000).await;
        assert_eq!(router.asked(), [0]);
        assert_eq!(status.borrow().state, CountersState::Unsupported);
    }

    fn stage(takes: u64) -> (Arc<Router>, LoadTask) {
        let clock = Clock::simulated(1.0, WallTime::default());
        let router = Arc::new(Router {
            clock: clock.clone(),
            takes: Duration::from_millis(takes),
            error: Mutex::default(),
            asked: Mutex::default(),
        });
        let task = LoadTask::new(
            clock,
            router.clone(),
            Duration::from_millis(200),
            PerDirection::new(Bps::from_mbps(100), Bps::from_mbps(100)),
            watch::Sender::new(LoadStatus::default()),
        );
        (router, task)
    }

    async fn run(task: LoadTask, millis: u64) {
        let shutdown = CancellationToken::new();
        let stop = async {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            shutdown.cancel();
        };
        tokio::join!(task.run(shutdown.clone()), stop);
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_micros(millis * 1_000)
    }

    fn unreachable() -> Error {
        Error::Connect {
            operation: Operation::ReadCounters,
            host: "router".to_owned(),
            kind: ConnectFailure::Refused,
        }
    }

    fn refused() -> Error {
        Error::Unauthorized {
            operation: Operation::ReadCounters,
            host: "router".to_owned(),
            user: "wanctl".to_owned(),
        }
    }

    fn unsupported() -> Error {
        Error::Unsupported {
            what: "counters".to_owned(),
        }
    }
}
