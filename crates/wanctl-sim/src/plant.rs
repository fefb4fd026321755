//! A link behind a simulated router: limits reach the shaper, traffic reaches the counters.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wanctl_types::{Bps, Direction, PerDirection, QueueName, Timestamp};

use crate::{Link, ProbeFate, QueueMeter, RouterOs};

/// A [`Link`] whose shaper is two queues of a [`RouterOs`]. Clones are handles to the same one.
///
/// A limit written to the router, over HTTP or in process, governs the link after the actuation
/// delay. The queues count what a router's would ([`Link::queue_counts`]); `dropped` stays zero,
/// as it does on real devices with CAKE.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use std::time::Duration;
/// use wanctl_sim::{Link, Plant, RouterOs, Scenario};
/// use wanctl_types::{Bps, Direction, PerDirection, QueueName, Timestamp};
///
/// let micros = Arc::new(AtomicU64::new(0));
/// let clock = Arc::clone(&micros);
/// let now = move || Timestamp::from_micros(clock.load(Ordering::Relaxed));
///
/// let router = RouterOs::new();
/// let queues = PerDirection::new(QueueName::new("down").unwrap(), QueueName::new("up").unwrap());
/// let link = Link::new(Scenario::download().link, 42);
/// let plant = Plant::new(link, &router, queues, Duration::from_millis(30), now);
///
/// router.set_limit("down", Bps::from_mbps(45)).unwrap();
/// micros.store(50_000, Ordering::Relaxed);
/// let limit = plant.with_link(|link| link.limit(Direction::Download));
/// assert_eq!(limit, Bps::from_mbps(45));
/// ```
#[derive(Clone)]
pub struct Plant {
    shared: Arc<Shared>,
}

struct Shared {
    link: Mutex<Link>,
    queues: PerDirection<QueueName>,
    actuation_delay: Duration,
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Plant {
    /// Joins the two. A queue that the router lacks is added with the link's limit; the limit
    /// of one that it has is the link's from the start. `now` reads the clock of the link.
    #[must_use]
    pub fn new(
        link: Link,
        router: &RouterOs,
        queues: PerDirection<QueueName>,
        actuation_delay: Duration,
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            link: Mutex::new(link),
            queues,
            actuation_delay,
            now: Box::new(now),
        });
        for direction in Direction::BOTH {
            shared.adopt(direction, router);
        }
        let hook = Arc::clone(&shared);
        router.on_limit_change(move |queue, limit| hook.write(queue, limit));
        let meter = Arc::clone(&shared);
        router.meter_queues(move |queue| meter.read(queue));
        Self { shared }
    }

    /// Uses the link, advanced to the present.
    pub fn with_link<R>(&self, f: impl FnOnce(&mut Link) -> R) -> R {
        self.shared.with_link(f)
    }

    /// What becomes of a probe that leaves now.
    #[must_use]
    pub fn probe(&self) -> ProbeFate {
        let now = (self.shared.now)();
        self.with_link(|link| link.probe(now))
    }

    /// The queues on the router.
    #[must_use]
    pub fn queues(&self) -> &PerDirection<QueueName> {
        &self.shared.queues
    }
}

impl fmt::Debug for Plant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plant")
            .field("queues", &self.shared.queues)
            .field("actuation_delay", &self.shared.actuation_delay)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn with_link<R>(&self, f: impl FnOnce(&mut Link) -> R) -> R {
        let now = (self.now)();
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        link.advance_to(now);
        f(&mut link)
    }

    fn adopt(&self, direction: Direction, router: &RouterOs) {
        let name = self.queues[direction].as_str();
        if let Some(limit) = router.limit(name) {
            self.with_link(|link| link.set_limit(direction, limit, link.now()));
        } else {
            router.add_queue(name, self.with_link(|link| link.limit(direction)));
        }
    }

    fn write(&self, queue: &str, limit: Bps) {
        if let Some(direction) = self.direction(queue) {
            let at = (self.now)() + self.actuation_delay;
            self.with_link(|link| link.set_limit(direction, limit, at));
        }
    }

    fn read(&self, queue: &str) -> Option<QueueMeter> {
        let direction = self.direction(queue)?;
        let counts = self.with_link(|link| link.queue_counts(direction));
        Some(QueueMeter {
            bytes: counts.bytes,
            queued: counts.backlog,
        })
    }

    fn direction(&self, queue: &str) -> Option<Direction> {
        let (direction, _) = self
            .queues
            .iter()
            .find(|(_, name)| name.as_str() == queue)?;
        Some(direction)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::Scenario;

    /// A plant, its router, and a way to set its clock to so many milliseconds.
    fn plant(router: &RouterOs) -> (Plant, impl Fn(u64)) {
        let micros = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&micros);
        let queues = PerDirection::new("down", "up").map(|name| QueueName::new(name).unwrap());
        let plant = Plant::new(
            Link::new(Scenario::download().link, 1),
            router,
            queues,
            Duration::from_millis(30),
            move || Timestamp::from_micros(clock.load(Ordering::Relaxed)),
        );
        (plant, move |ms| micros.store(ms * 1_000, Ordering::Relaxed))
    }

    #[test]
    fn a_limit_governs_the_link_after_the_actuation_delay() {
        let router = RouterOs::new();
        let (plant, set_clock) = plant(&router);
        let limit = || plant.with_link(|link| link.limit(Direction::Download));
        set_clock(100);
        router.set_limit("down", Bps::from_mbps(40)).unwrap();
        set_clock(130);
        assert_eq!(limit(), Bps::ZERO);
        set_clock(131);
        assert_eq!(limit(), Bps::from_mbps(40));
    }

    #[test]
    fn a_reboot_takes_the_saved_limit_back_to_the_link() {
        let router = RouterOs::new();
        router.add_queue("down", Bps::from_mbps(30));
        let (plant, set_clock) = plant(&router);
        let limit = || plant.with_link(|link| link.limit(Direction::Download));
        set_clock(10);
        assert_eq!(limit(), Bps::from_mbps(30), "adopted");
        router.set_limit("down", Bps::from_mbps(20)).unwrap();
        set_clock(100);
        assert_eq!(limit(), Bps::from_mbps(20));
        router.reboot();
        set_clock(200);
        assert_eq!(limit(), Bps::from_mbps(30));
    }

    #[test]
    fn the_queues_count_what_the_link_carries_and_never_a_drop() {
        let router = RouterOs::new();
        router.add_queue("down", Bps::from_mbps(40));
        let (_plant, set_clock) = plant(&router);
        set_clock(12_000);
        let item = router.item("queue/tree", "down").unwrap();
        let number = |name: &str| item[name].parse::<u64>().unwrap();
        // Ten seconds of 40 Mbit/s, less the start.
        assert!(
            (48_000_000..=50_000_000).contains(&number("bytes")),
            "{item:?}"
        );
        assert!(number("queued-bytes") > 0, "{item:?}");
        assert_eq!(number("dropped"), 0);
    }
}
