//! One direction of the link, without clock or device.
//!
//! ```text
//!  offer ──► lost? ──► drop-tail queue ──(rate)──► travelling (delay + jitter) ──► deliver
//! ```
//!
//! Times are times since the start. Serving is computed, not timed: a queue that nobody looked at
//! for a while is served to the same nanosecond as one that was looked at all the time.

use std::collections::VecDeque;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::schedule::{Rate, Schedule, Work};

/// One direction.
#[derive(Debug)]
pub(crate) struct Link {
    schedule: Schedule,
    travel: Travel,
    limit: u64,
    queue: VecDeque<Vec<u8>>,
    backlog: u64,
    /// What is left of the head of the queue.
    head: Work,
    /// The queue is served up to this time.
    served: Duration,
    travelling: VecDeque<Travelling>,
    rng: ChaCha8Rng,
    totals: Totals,
}

/// What happens to packets outside the queue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Travel {
    /// Time from the queue to the other end.
    pub(crate) delay: Duration,
    /// Largest extra time.
    pub(crate) jitter: Duration,
    /// Share of packets lost before the queue.
    pub(crate) loss: f64,
}

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Packets that were delivered.
    pub(crate) packets: u64,
    /// Their bytes, IP headers included.
    pub(crate) bytes: u64,
    /// Packets the full queue refused.
    pub(crate) dropped: u64,
    /// Packets lost by chance.
    pub(crate) lost: u64,
}

#[derive(Debug)]
struct Travelling {
    due: Duration,
    packet: Vec<u8>,
}

impl Link {
    /// An empty link whose queue holds at most `limit` bytes.
    pub(crate) fn new(schedule: Schedule, limit: u64, travel: Travel, seed: u64) -> Self {
        Self {
            schedule,
            travel,
            limit,
            queue: VecDeque::new(),
            backlog: 0,
            head: Work::NONE,
            served: Duration::ZERO,
            travelling: VecDeque::new(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            totals: Totals::default(),
        }
    }

    /// Takes a packet in at `now`.
    pub(crate) fn offer(&mut self, now: Duration, packet: &[u8]) {
        self.advance(now);
        if self.travel.loss > 0.0 && self.rng.random_bool(self.travel.loss) {
            self.totals.lost += 1;
            return;
        }
        let bytes = size(packet);
        if self.backlog.saturating_add(bytes) > self.limit {
            self.totals.dropped += 1;
            return;
        }
        if self.queue.is_empty() {
            self.head = Work::of(bytes);
            self.served = self.served.max(now);
        }
        self.backlog += bytes;
        self.queue.push_back(packet.to_vec());
    }

    /// The next packet that has arrived by `now`, and when it was due.
    pub(crate) fn deliver(&mut self, now: Duration) -> Option<(Duration, Vec<u8>)> {
        self.advance(now);
        let Travelling { due, packet } = self.travelling.pop_front_if(|next| next.due <= now)?;
        self.totals.packets += 1;
        self.totals.bytes += size(&packet);
        Some((due, packet))
    }

    /// When to look again if nothing is offered; `Duration::MAX` for never.
    pub(crate) fn wake(&self) -> Duration {
        match self.travelling.front() {
            Some(first) => first.due,
            None if self.queue.is_empty() => Duration::MAX,
            None => {
                let stretch = self.schedule.at(self.served);
                self.finish(stretch.rate).min(stretch.until)
            }
        }
    }

    /// Replaces the rate plan by one that begins at `now`.
    pub(crate) fn set_plan(&mut self, now: Duration, plan: Schedule) {
        self.advance(now);
        self.schedule = plan.starting_at(now);
    }

    /// Changes delay, jitter and loss of packets that leave the queue from `now` on.
    pub(crate) fn change_travel(&mut self, now: Duration, change: impl FnOnce(&mut Travel)) {
        self.advance(now);
        change(&mut self.travel);
    }

    /// The rate at `now`.
    pub(crate) fn rate(&self, now: Duration) -> Rate {
        self.schedule.at(now).rate
    }

    /// Bytes that wait.
    pub(crate) const fn backlog(&self) -> u64 {
        self.backlog
    }

    /// Counters since the start.
    pub(crate) const fn totals(&self) -> Totals {
        self.totals
    }

    /// Serves the queue up to `now`.
    fn advance(&mut self, now: Duration) {
        while !self.queue.is_empty() && self.served < now {
            let stretch = self.schedule.at(self.served);
            let finish = self.finish(stretch.rate);
            if finish <= now.min(stretch.until) {
                self.served = finish;
                self.depart();
            } else {
                let stop = now.min(stretch.until);
                let time = stop.saturating_sub(self.served);
                self.head = stretch.rate.left_after(self.head, time);
                self.served = stop;
            }
        }
    }

    /// When the head of the queue leaves it, should `rate` last.
    fn finish(&self, rate: Rate) -> Duration {
        rate.time_for(self.head)
            .and_then(|time| self.served.checked_add(time))
            .unwrap_or(Duration::MAX)
    }

    fn depart(&mut self) {
        let Some(packet) = self.queue.pop_front() else {
            return;
        };
        self.backlog = self.backlog.saturating_sub(size(&packet));
        let due = self.served + self.travel.delay + self.jitter();
        let due = self.travelling.back().map_or(due, |last| due.max(last.due));
        self.travelling.push_back(Travelling { due, packet });
        self.head = self
            .queue
            .front()
            .map_or(Work::NONE, |next| Work::of(size(next)));
    }

    fn jitter(&mut self) -> Duration {
        if self.travel.jitter.is_zero() {
            return Duration::ZERO;
        }
        self.travel.jitter.mul_f64(self.rng.random::<f64>())
    }
}

fn size(packet: &[u8]) -> u64 {
    u64::try_from(packet.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use wanctl_types::Bps;

    use super::*;

    const PACKET: [u8; 1250] = [0; 1250];
    const STILL: Travel = Travel {
        delay: Duration::ZERO,
        jitter: Duration::ZERO,
        loss: 0.0,
    };

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A link on which one `PACKET` takes 1 ms.
    fn link(travel: Travel) -> Link {
        let rate = Rate::Limited(Bps::from_mbps(10));
        Link::new(Schedule::fixed(rate), 10_000, travel, 1)
    }

    fn arrivals(link: &mut Link, now: Duration) -> Vec<Duration> {
        std::iter::from_fn(|| link.deliver(now).map(|(due, _)| due)).collect()
    }

    #[test]
    fn packets_leave_at_the_rate_and_arrive_after_the_delay() {
        let mut link = link(Travel {
            delay: ms(10),
            ..STILL
        });
        for _ in 0..3 {
            link.offer(ms(5), &PACKET);
        }
        assert_eq!(link.wake(), ms(6));
        assert!(arrivals(&mut link, ms(15)).is_empty());
        assert_eq!(link.wake(), ms(16));
        assert_eq!(arrivals(&mut link, ms(100)), [ms(16), ms(17), ms(18)]);
        assert_eq!(link.wake(), Duration::MAX);
    }

    #[test]
    fn an_idle_time_is_not_credit() {
        let mut link = link(STILL);
        link.offer(ms(0), &PACKET);
        link.offer(ms(50), &PACKET);
        link.offer(ms(50), &PACKET);
        assert_eq!(arrivals(&mut link, ms(100)), [ms(1), ms(51), ms(52)]);
    }

    #[test]
    fn looking_often_or_once_makes_no_difference() {
        let run = |step: u64| {
            let mut link = link(Travel {
                jitter: ms(3),
                ..STILL
            });
            let mut seen = Vec::new();
            for now in (0..60).step_by(2) {
                link.offer(ms(now), &PACKET);
                if now % step == 0 {
                    seen.extend(arrivals(&mut link, ms(now)));
                }
            }
            seen.extend(arrivals(&mut link, ms(200)));
            seen
        };
        assert_eq!(run(2), run(60));
    }

    #[test]
    fn a_full_queue_drops_what_comes_last() {
        let mut link = link(STILL);
        for _ in 0..20 {
            link.offer(ms(0), &PACKET);
        }
        assert_eq!(link.backlog(), 10_000);
        assert_eq!(link.totals().dropped, 12);
        assert_eq!(arrivals(&mut link, ms(100)).len(), 8);
        assert_eq!(link.totals().bytes, 10_000);
        assert_eq!(link.backlog(), 0);
    }

    #[test]
    fn a_change_of_rate_counts_from_its_moment_even_within_a_packet() {
        let mut link = link(STILL);
        link.offer(ms(0), &PACKET);
        link.offer(ms(0), &PACKET);
        link.set_plan(
            Duration::from_micros(500),
            Schedule::fixed(Rate::Limited(Bps::from_mbps(5))),
        );
        assert_eq!(
            arrivals(&mut link, ms(100)),
            [Duration::from_micros(1500), Duration::from_micros(3500)]
        );
    }

    #[test]
    fn a_step_of_the_plan_falls_within_a_packet() {
        let plan = Schedule::steps("0:0,0.010:10").unwrap();
        let mut link = Link::new(plan, 10_000, STILL, 1);
        link.offer(ms(0), &PACKET);
        assert_eq!(link.wake(), ms(10));
        assert_eq!(arrivals(&mut link, ms(100)), [ms(11)]);
    }

    #[test]
    fn jitter_stays_in_range_and_keeps_the_order() {
        let mut link = link(Travel {
            delay: ms(10),
            jitter: ms(4),
            loss: 0.0,
        });
        let mut dues = Vec::new();
        for n in 0..500 {
            link.offer(ms(n * 2), &PACKET);
            dues.extend(arrivals(&mut link, ms(n * 2)));
        }
        assert!(dues.is_sorted());
        assert!(dues.len() > 480);
        let extra: Vec<_> = dues
            .iter()
            .enumerate()
            .map(|(n, due)| due.saturating_sub(ms(2 * n as u64 + 11)))
            .collect();
        assert!(extra.iter().all(|extra| *extra < ms(4)));
        assert!(extra.iter().any(|extra| *extra > ms(3)));
        assert!(extra.iter().any(|extra| *extra < ms(1)));
    }

    #[test]
    fn loss_is_near_its_share_and_repeats_with_the_seed() {
        let lost = |seed| {
            let travel = Travel { loss: 0.1, ..STILL };
            let mut link = Link::new(Schedule::fixed(Rate::Unlimited), 10_000, travel, seed);
            for n in 0..10_000 {
                link.offer(ms(n), &PACKET);
            }
            link.totals().lost
        };
        assert!((900..1100).contains(&lost(1)), "{}", lost(1));
        assert_eq!(lost(1), lost(1));
        assert_ne!(lost(1), lost(2));
    }
}
