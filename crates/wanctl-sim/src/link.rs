//! A fluid model of one WAN, both directions, on virtual time.
//!
//! ```text
//!   sources ──► our shaper (limit) ──► provider's buffer (tail drop) ──► line (capacity) ──►
//!                  │ bulk only             │ everybody
//!                  └ flows isolated:       └ what a probe sees: backlog / capacity
//!                    a probe passes by
//! ```
//!
//! Both directions have this order. For downloads the real order of shaper and provider's buffer
//! is the other way round; but what the shaper lets through is then what TCP sends into the
//! buffer a round trip later, so a fluid that reacts within a round trip behaves the same.
//!
//! Time advances on a fixed grid of 1 ms in integer arithmetic: how often [`Link::advance_to`] is
//! called changes nothing, and traffic is conserved to the thousandth of a bit.

mod capacity;
mod config;
mod counters;
mod demand;
mod lane;
mod schedule;
mod volume;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use wanctl_types::{Bps, Direction, Millis, PerDirection, Timestamp};

use lane::{Lane, start_of};

pub(crate) use capacity::read_trace;
pub use capacity::{Capacity, Wobble};
pub use config::{LaneConfig, LinkConfig};
pub use counters::{LinkCounters, QueueCounts};
pub use demand::Demand;
pub use schedule::Schedule;

/// The grid of the model, in microseconds.
const STEP_MICROS: u64 = 1_000;

/// Random streams of one seed; each use has its own so that none disturbs another.
mod stream {
    pub(super) const PROBES: u64 = 0;
    pub(super) const DOWNLOAD: u64 = 1;
    pub(super) const UPLOAD: u64 = 2;
}

/// One simulated WAN.
///
/// ```
/// use std::time::Duration;
/// use wanctl_sim::{Demand, Link, LinkConfig, Schedule};
/// use wanctl_types::{Bps, Direction, PerDirection, Timestamp};
///
/// let rates = PerDirection::new(Bps::from_mbps(50), Bps::from_mbps(10));
/// let mut config = LinkConfig::new(rates, Duration::from_millis(20));
/// config.directions.download.demand = Schedule::constant(Demand::Greedy { flows: 4 });
///
/// let mut link = Link::new(config, 42);
/// link.advance_to(Timestamp::ZERO + Duration::from_secs(5));
/// assert!(link.queue_delay(Direction::Download).get() > 300.0); // bloated
///
/// link.set_limit(Direction::Download, Bps::from_mbps(45), link.now());
/// link.advance_to(Timestamp::ZERO + Duration::from_secs(15));
/// assert!(link.queue_delay(Direction::Download).get() < 1.0); // shaped
/// ```
#[derive(Clone, Debug)]
pub struct Link {
    lanes: PerDirection<Lane>,
    loss: f64,
    probes: ChaCha8Rng,
    /// Whole steps done.
    steps: u64,
}

/// What became of a probe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ProbeFate {
    /// It came back.
    Answered {
        /// After this long.
        rtt: Millis,
    },
    /// It did not.
    Lost,
}

impl Link {
    /// A link at the origin of its clock. The same seed gives the same link.
    #[must_use]
    pub fn new(config: LinkConfig, seed: u64) -> Self {
        let mut probes = ChaCha8Rng::seed_from_u64(seed);
        probes.set_stream(stream::PROBES);
        let PerDirection { download, upload } = config.directions;
        Self {
            lanes: PerDirection::new(
                Lane::new(download, seed, stream::DOWNLOAD),
                Lane::new(upload, seed, stream::UPLOAD),
            ),
            loss: config.loss,
            probes,
            steps: 0,
        }
    }

    /// Lets time pass up to `now`, in whole steps of 1 ms. Going back does nothing.
    pub fn advance_to(&mut self, now: Timestamp) {
        let target = now.as_micros() / STEP_MICROS;
        while self.steps < target {
            self.step();
        }
    }

    /// How far time has passed, a multiple of 1 ms.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        start_of(self.steps)
    }

    /// Gives our shaper a rate from the first step that starts at `at` or later, at the earliest
    /// the next one. [`Bps::ZERO`] is unlimited.
    pub fn set_limit(&mut self, direction: Direction, limit: Bps, at: Timestamp) {
        self.lanes[direction].set_limit(limit, at);
    }

    /// Our shaper's rate in force; [`Bps::ZERO`] is unlimited.
    #[must_use]
    pub fn limit(&self, direction: Direction) -> Bps {
        self.lanes[direction].limit()
    }

    /// What the line carried at most in the last step.
    #[must_use]
    pub fn capacity(&self, direction: Direction) -> Bps {
        self.lanes[direction].line()
    }

    /// How long a packet waits in the provider's buffer now; at most a minute, which is also
    /// what an outage counts as.
    #[must_use]
    pub fn queue_delay(&self, direction: Direction) -> Millis {
        self.lanes[direction].queue_delay()
    }

    /// Base delay and provider's queue, without jitter.
    #[must_use]
    pub fn one_way_delay(&self, direction: Direction) -> Millis {
        self.lanes[direction].one_way_delay()
    }

    /// The round trip a probe would take now: both one-way delays and a fresh draw of jitter.
    ///
    /// Both queues are taken as they are at this moment, not as the probe would meet them.
    pub fn rtt(&mut self) -> Millis {
        let jitter = self.draw_jitter();
        self.lanes.download.one_way_delay() + self.lanes.upload.one_way_delay() + jitter
    }

    /// Sends a probe at `now`, letting time pass up to there. It is lost with the configured
    /// probability, with that of the provider's tail drop, and for sure in an outage.
    pub fn probe(&mut self, now: Timestamp) -> ProbeFate {
        self.advance_to(now);
        let luck = self.probes.random::<f64>();
        let rtt = self.rtt();
        let arriving = Direction::BOTH
            .into_iter()
            .map(|direction| 1.0 - self.lanes[direction].dropping())
            .product::<f64>()
            * (1.0 - self.loss);
        if luck < arriving {
            ProbeFate::Answered { rtt }
        } else {
            ProbeFate::Lost
        }
    }

    /// Sums since the start and what waits now.
    #[must_use]
    pub fn counters(&self, direction: Direction) -> LinkCounters {
        self.lanes[direction].counters()
    }

    /// What the queue on the router counts. Downloads reach it from the line: it never counts
    /// more than that carries, and nothing waits in it while the line is the narrower one.
    #[must_use]
    pub fn queue_counts(&self, direction: Direction) -> QueueCounts {
        let lane = &self.lanes[direction];
        match direction {
            Direction::Download => lane.counts_behind(),
            Direction::Upload => lane.counts_before(),
        }
    }

    fn step(&mut self) {
        let now = start_of(self.steps);
        let down_ms = self.lanes.download.one_way_delay().get();
        let up_ms = self.lanes.upload.one_way_delay().get();
        self.lanes.download.step(self.steps, now, up_ms);
        self.lanes.upload.step(self.steps, now, down_ms);
        self.steps += 1;
    }

    /// The sum of both directions' jitter.
    fn draw_jitter(&mut self) -> Millis {
        let [down, up] = Direction::BOTH.map(|direction| self.lanes[direction].jitter().get());
        let sum = down * self.probes.random::<f64>() + up * self.probes.random::<f64>();
        Millis::saturating(sum)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use wanctl_types::Bytes;

    use super::*;

    fn config() -> LinkConfig {
        let rates = PerDirection::new(Bps::from_mbps(50), Bps::from_mbps(10));
        LinkConfig::new(rates, Duration::from_millis(20))
    }

    fn downloading() -> LinkConfig {
        let mut config = config();
        config.directions.download.demand = Schedule::constant(Demand::Greedy { flows: 4 });
        config
    }

    fn seconds(s: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(s)
    }

    #[test]
    fn an_idle_link_has_its_base_delay_and_a_little_jitter() {
        let mut link = Link::new(config(), 1);
        for ms in 0..1_000 {
            let ProbeFate::Answered { rtt } = link.probe(Timestamp::from_micros(ms * 1_000)) else {
                panic!("lost on a link without loss");
            };
            assert!((20.0..22.0).contains(&rtt.get()), "{rtt}");
        }
    }

    #[test]
    fn an_unshaped_download_fills_the_providers_buffer_within_seconds_and_uses_the_line() {
        let mut link = Link::new(downloading(), 1);
        link.advance_to(seconds(10));
        let at_ten = link.counters(Direction::Download);
        let mut lowest = f64::MAX;
        while link.now() < seconds(30) {
            link.advance_to(link.now() + Duration::from_millis(50));
            lowest = lowest.min(link.queue_delay(Direction::Download).get());
        }
        assert!(lowest > 350.0, "{lowest}");
        let used = link.counters(Direction::Download).since(&at_ten);
        assert!(used.utilisation() > Some(0.99), "{used:?}");
        assert!(used.dropped > Bytes::ZERO);
    }

    #[test]
    fn a_limit_below_the_line_keeps_the_providers_buffer_empty_and_is_used_up() {
        let mut config = downloading();
        config.directions.download.limit = Bps::from_mbps(45);
        let mut link = Link::new(config, 1);
        link.advance_to(seconds(5));
        let before = link.counters(Direction::Download);
        let mut worst = 0.0_f64;
        while link.now() < seconds(30) {
            link.advance_to(link.now() + Duration::from_millis(50));
            worst = worst.max(link.queue_delay(Direction::Download).get());
        }
        assert!(worst < 1.0, "{worst}");
        let rate = link
            .counters(Direction::Download)
            .since(&before)
            .delivered
            .per(Duration::from_secs(25));
        assert!(rate > Some(Bps::from_mbps(44)), "{rate:?}");
        assert!(rate <= Some(Bps::from_mbps(45)), "{rate:?}");
    }

    #[test]
    fn a_bloated_buffer_drains_at_the_difference_once_the_shaper_is_tighter() {
        let mut link = Link::new(downloading(), 1);
        link.advance_to(seconds(10));
        let full = link.queue_delay(Direction::Download).get();
        link.set_limit(Direction::Download, Bps::from_mbps(40), link.now());
        link.advance_to(seconds(11));
        let after = link.queue_delay(Direction::Download).get();
        // 10 of 50 Mbit/s left over for a second: a fifth of a second of queue.
        assert!((full - after - 200.0).abs() < 5.0, "{full} -> {after}");
    }

    #[test]
    fn the_router_counts_what_reaches_it_and_holds_only_what_it_holds_back() {
        let mut both = downloading();
        both.directions.upload.demand = Schedule::constant(Demand::Greedy { flows: 4 });
        for (limit, is_held) in [(45, true), (60, false)] {
            let mut config = both.clone();
            config.directions.download.limit = Bps::from_mbps(limit);
            config.directions.upload.limit = Bps::from_mbps(limit / 5);
            let mut link = Link::new(config, 1);
            link.advance_to(seconds(10));
            let before = PerDirection::from_fn(|d| link.queue_counts(d));
            link.advance_to(seconds(20));
            let after = PerDirection::from_fn(|d| link.queue_counts(d));
            let rate = |d: Direction| {
                let bytes = after[d].bytes.get() - before[d].bytes.get();
                Bytes::new(bytes)
                    .per(Duration::from_secs(10))
                    .unwrap()
                    .as_mbps()
            };
            // Behind the line no more arrives than it carries.
            let expected = if is_held { 45.0 } else { 50.0 };
            assert!(
                (rate(Direction::Download) - expected).abs() < 1.5,
                "{limit}"
            );
            assert_eq!(after.download.backlog > Bytes::ZERO, is_held, "{limit}");
        }
    }

    #[test]
    fn a_queue_that_drains_into_a_tighter_shaper_is_counted_at_its_rate() {
        let mut link = Link::new(downloading(), 1);
        link.advance_to(seconds(10));
        link.set_limit(Direction::Download, Bps::from_mbps(40), link.now());
        link.advance_to(seconds(10) + Duration::from_millis(100));
        let before = link.queue_counts(Direction::Download);
        link.advance_to(seconds(11));
        let after = link.queue_counts(Direction::Download);
        let bytes = Bytes::new(after.bytes.get() - before.bytes.get());
        let rate = bytes.per(Duration::from_millis(900)).unwrap();
        assert!((rate.as_mbps() - 40.0).abs() < 0.1, "{rate}");
        assert!(after.backlog > before.backlog);
    }

    #[test]
    fn a_capacity_drop_below_the_limit_bloats_over_seconds_not_at_once() {
        let mut config = downloading();
        let rates = Schedule::constant(Bps::from_mbps(50))
            .then(Duration::from_secs(10), Bps::from_mbps(25));
        config.directions.download.capacity = Capacity::scheduled(rates);
        config.directions.download.limit = Bps::from_mbps(47);
        let mut link = Link::new(config, 1);
        link.advance_to(seconds(10));
        let delay_after = |link: &mut Link, ms| {
            link.advance_to(seconds(10) + Duration::from_millis(ms));
            link.queue_delay(Direction::Download).get()
        };
        assert!(delay_after(&mut link, 0) < 1.0);
        let soon = delay_after(&mut link, 300);
        let later = delay_after(&mut link, 10_000);
        assert!((10.0..150.0).contains(&soon), "{soon}");
        assert!(later > 300.0, "{later}");
    }

    #[test]
    fn a_limit_comes_into_force_at_its_time() {
        let mut link = Link::new(config(), 1);
        link.set_limit(Direction::Upload, Bps::from_mbps(9), seconds(2));
        link.set_limit(Direction::Upload, Bps::from_mbps(8), seconds(1));
        link.advance_to(seconds(1));
        assert_eq!(link.limit(Direction::Upload), Bps::ZERO);
        link.advance_to(seconds(2));
        assert_eq!(link.limit(Direction::Upload), Bps::from_mbps(8));
        link.advance_to(seconds(3));
        assert_eq!(link.limit(Direction::Upload), Bps::from_mbps(9));
    }

    #[test]
    fn probes_are_lost_as_often_as_configured_and_always_in_an_outage() {
        let mut lossy = config();
        lossy.loss = 0.1;
        let mut link = Link::new(lossy, 3);
        let lost = (0..10_000)
            .filter(|ms| link.probe(Timestamp::from_micros(ms * 1_000)) == ProbeFate::Lost)
            .count();
        assert!((900..1_100).contains(&lost), "{lost}");

        let mut dead = config();
        dead.directions.upload.capacity = Capacity::constant(Bps::ZERO);
        let mut link = Link::new(dead, 3);
        assert_eq!(link.probe(seconds(1)), ProbeFate::Lost);
    }

    #[test]
    fn a_simulated_hour_is_one_of_many_steps_and_conserves_bytes() {
        let mut link = Link::new(downloading(), 1);
        link.advance_to(seconds(3_600));
        let counters = link.counters(Direction::Download);
        let held = counters.shaper_backlog.get() + counters.provider_backlog.get();
        let accounted = counters.delivered.get() + counters.dropped.get() + held;
        assert!(counters.offered.get().abs_diff(accounted) <= 3);
        assert!(counters.delivered.get() > 22_000_000_000, "{counters:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn many_small_advances_are_one_large_one(
            mut stops in prop::collection::vec(0..8_000_000_u64, 0..40),
            limits in prop::collection::vec((0..8_000_000_u64, 0..60_000_000_u64), 0..5),
            seed in any::<u64>(),
        ) {
            let mut config = downloading();
            let wobble = Wobble { depth: 0.4, period: Duration::from_millis(70) };
            config.directions.download.capacity =
                Capacity::constant(Bps::from_mbps(50)).with_wobble(wobble);
            let mut whole = Link::new(config, seed);
            for (at, limit) in limits {
                whole.set_limit(Direction::Download, Bps::new(limit), Timestamp::from_micros(at));
            }
            let mut pieces = whole.clone();
            stops.sort_unstable();
            for stop in stops {
                pieces.advance_to(Timestamp::from_micros(stop));
            }
            let end = Timestamp::ZERO + Duration::from_secs(10);
            pieces.advance_to(end);
            whole.advance_to(end);
            for direction in Direction::BOTH {
                prop_assert_eq!(pieces.counters(direction), whole.counters(direction));
                prop_assert_eq!(pieces.queue_delay(direction), whole.queue_delay(direction));
            }
            prop_assert_eq!(pieces.probe(end), whole.probe(end));
        }
    }
}
