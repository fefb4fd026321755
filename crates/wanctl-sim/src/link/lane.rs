//! One direction of a link: sources, our shaper, the provider's buffer, the line.

use std::collections::VecDeque;

use wanctl_types::{Bps, Millis, Timestamp};

use super::capacity::CapacityCursor;
use super::config::LaneConfig;
use super::demand::{Demand, Sources};
use super::schedule::Schedule;
use super::volume::Volume;
use super::{LinkCounters, QueueCounts, STEP_MICROS};

/// Standing delay in our shaper at which it signals congestion, in milliseconds (the target of
/// `CoDel`, RFC 8289 §4.2).
const SHAPER_TARGET_MS: f64 = 5.0;
/// The queueing delay reported while the line carries nothing, in milliseconds.
const OUTAGE_DELAY_MS: f64 = 60_000.0;

/// One direction.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    capacity: CapacityCursor,
    demand: Schedule<Demand>,
    demands_passed: usize,
    sources: Sources,
    limit: Bps,
    /// Limits that are not in force yet, soonest first.
    coming: VecDeque<(Timestamp, Bps)>,
    shaper: Buffer,
    provider: Buffer,
    /// What a shaper behind the line would hold and let through.
    behind: Buffer,
    let_through: Volume,
    base_delay: Millis,
    jitter: Millis,
    /// The line's capacity in the last step.
    line: Bps,
    /// Part of what reached the provider's buffer in the last step that it dropped, 0 to 1.
    dropping: f64,
    totals: Totals,
}

/// Sums since the start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) offered: Volume,
    pub(crate) shaped: Volume,
    pub(crate) delivered: Volume,
    pub(crate) dropped: Volume,
    pub(crate) capacity: Volume,
    pub(crate) wanted_capacity: Volume,
}

impl Lane {
    pub(crate) fn new(config: LaneConfig, seed: u64, stream: u64) -> Self {
        Self {
            line: config.capacity.at_start(),
            capacity: CapacityCursor::new(config.capacity, seed, stream),
            demand: config.demand,
            demands_passed: 0,
            sources: Sources::Quiet,
            limit: config.limit,
            coming: VecDeque::new(),
            shaper: Buffer::new(Volume::from_bytes(config.shaper_buffer)),
            provider: Buffer::new(Volume::from_bytes(config.buffer)),
            behind: Buffer::new(Volume::from_bytes(config.shaper_buffer)),
            let_through: Volume::ZERO,
            base_delay: config.base_delay,
            jitter: config.jitter,
            dropping: 0.0,
            totals: Totals::default(),
        }
    }

    /// One millisecond, the one that starts at `now`. `others_ms` is the rest of a flow's round
    /// trip: the other direction's delay.
    pub(crate) fn step(&mut self, step: u64, now: Timestamp, others_ms: f64) {
        self.take_up_limit(now);
        self.line = self.capacity.step(now);
        let demand = *self.demand.follow(now, &mut self.demands_passed);
        self.sources = self.sources.follow(demand);

        let wanted = demand != Demand::Idle || self.held() > Volume::ZERO;
        let shaper_delay = self.shaper_delay();
        let rtt_ms = others_ms + self.one_way_delay().get() + shaper_delay;
        let offered = self.sources.send(rtt_ms);
        let (shaped, refused) = self.shape(offered);
        let (delivered, overflow) = self.provider.pass(shaped, Volume::per_step(self.line));

        let (passed, _) = self.behind.pass(delivered, self.allowed(delivered));
        self.let_through = self.let_through.plus(passed);

        self.dropping = part(overflow, shaped);
        if refused.plus(overflow) > Volume::ZERO || shaper_delay > SHAPER_TARGET_MS {
            self.sources.congested(step, rtt_ms);
        }
        self.totals.add(&Totals {
            offered,
            shaped,
            delivered,
            dropped: refused.plus(overflow),
            capacity: Volume::per_step(self.line),
            wanted_capacity: if wanted {
                Volume::per_step(self.line)
            } else {
                Volume::ZERO
            },
        });
    }

    /// Lets a new limit come into force at `at`.
    pub(crate) fn set_limit(&mut self, limit: Bps, at: Timestamp) {
        let index = self.coming.partition_point(|(time, _)| *time <= at);
        self.coming.insert(index, (at, limit));
    }

    /// The limit in force.
    pub(crate) fn limit(&self) -> Bps {
        self.limit
    }

    /// The line's capacity in the last step.
    pub(crate) fn line(&self) -> Bps {
        self.line
    }

    /// The largest random addition to a probe's delay.
    pub(crate) fn jitter(&self) -> Millis {
        self.jitter
    }

    /// Part of what arrives now that the provider drops, 0 to 1.
    pub(crate) fn dropping(&self) -> f64 {
        if self.line == Bps::ZERO {
            1.0
        } else {
            self.dropping
        }
    }

    /// The time a packet that arrives now waits in the provider's buffer.
    pub(crate) fn queue_delay(&self) -> Millis {
        let ms = self.provider.backlog.millis_at(self.line);
        Millis::saturating(ms.min(OUTAGE_DELAY_MS))
    }

    /// The base delay and the provider's queue. A sparse flow does not see our shaper's queue.
    pub(crate) fn one_way_delay(&self) -> Millis {
        self.base_delay + self.queue_delay()
    }

    pub(crate) fn counters(&self) -> LinkCounters {
        LinkCounters {
            offered: self.totals.offered.bytes(),
            shaped: self.totals.shaped.bytes(),
            delivered: self.totals.delivered.bytes(),
            dropped: self.totals.dropped.bytes(),
            shaper_backlog: self.shaper.backlog.bytes(),
            provider_backlog: self.provider.backlog.bytes(),
            capacity: self.totals.capacity.bytes(),
            wanted_capacity: self.totals.wanted_capacity.bytes(),
        }
    }

    /// What a shaper before the line counts.
    pub(crate) fn counts_before(&self) -> QueueCounts {
        QueueCounts {
            bytes: self.totals.shaped.bytes(),
            backlog: self.shaper.backlog.bytes(),
        }
    }

    /// What a shaper behind the line counts: never more than the line delivers. What this model
    /// keeps before a line that is the narrower one would wait in the provider's buffer.
    pub(crate) fn counts_behind(&self) -> QueueCounts {
        let is_narrow = self.limit != Bps::ZERO && self.limit < self.line;
        let held = if is_narrow {
            self.shaper.backlog
        } else {
            Volume::ZERO
        };
        QueueCounts {
            bytes: self.let_through.bytes(),
            backlog: self.behind.backlog.plus(held).bytes(),
        }
    }

    /// What waits anywhere.
    fn held(&self) -> Volume {
        self.shaper.backlog.plus(self.provider.backlog)
    }

    fn take_up_limit(&mut self, now: Timestamp) {
        while let Some((at, limit)) = self.coming.front()
            && *at <= now
        {
            self.limit = *limit;
            self.coming.pop_front();
        }
    }

    /// Passes traffic through our shaper: what leaves it and what it refuses.
    fn shape(&mut self, offered: Volume) -> (Volume, Volume) {
        let rate = if self.limit == Bps::ZERO {
            self.shaper.backlog.plus(offered)
        } else {
            Volume::per_step(self.limit)
        };
        self.shaper.pass(offered, rate)
    }

    /// What a shaper behind the line lets through of `arriving` and of what it holds.
    fn allowed(&self, arriving: Volume) -> Volume {
        if self.limit == Bps::ZERO {
            self.behind.backlog.plus(arriving)
        } else {
            Volume::per_step(self.limit)
        }
    }

    fn shaper_delay(&self) -> f64 {
        if self.limit == Bps::ZERO {
            0.0
        } else {
            self.shaper.backlog.millis_at(self.limit)
        }
    }
}

impl Totals {
    fn add(&mut self, step: &Self) {
        self.offered = self.offered.plus(step.offered);
        self.shaped = self.shaped.plus(step.shaped);
        self.delivered = self.delivered.plus(step.delivered);
        self.dropped = self.dropped.plus(step.dropped);
        self.capacity = self.capacity.plus(step.capacity);
        self.wanted_capacity = self.wanted_capacity.plus(step.wanted_capacity);
    }
}

/// A tail-drop buffer.
#[derive(Clone, Copy, Debug)]
struct Buffer {
    backlog: Volume,
    size: Volume,
}

impl Buffer {
    const fn new(size: Volume) -> Self {
        Self {
            backlog: Volume::ZERO,
            size,
        }
    }

    /// Takes in `arriving`, lets out up to `rate`, and drops what does not fit: what was let out
    /// and what was dropped.
    fn pass(&mut self, arriving: Volume, rate: Volume) -> (Volume, Volume) {
        let waiting = self.backlog.plus(arriving);
        let passed = waiting.min(rate);
        let left = waiting.minus(passed);
        self.backlog = left.min(self.size);
        (passed, left.minus(self.backlog))
    }
}

fn part(of: Volume, whole: Volume) -> f64 {
    if of == Volume::ZERO {
        0.0
    } else {
        (of.as_f64() / whole.as_f64()).min(1.0)
    }
}

/// When the step of this number starts; the first is 0.
pub(crate) fn start_of(step: u64) -> Timestamp {
    Timestamp::from_micros(step.saturating_mul(STEP_MICROS))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use wanctl_types::{Bytes, PerDirection};

    use super::super::config::LinkConfig;
    use super::*;

    fn demand() -> impl Strategy<Value = Demand> {
        prop_oneof![
            Just(Demand::Idle),
            (1..20_u32).prop_map(|flows| Demand::Greedy { flows }),
            (0..200_000_000_u64).prop_map(|rate| Demand::Constant(Bps::new(rate))),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_bit_is_delivered_queued_or_dropped(
            demands in prop::collection::vec((0..2_000_u64, demand()), 1..6),
            rates in prop::collection::vec((0..2_000_u64, 0..100_000_000_u64), 0..6),
            limits in prop::collection::vec((0..2_000_u64, 0..120_000_000_u64), 0..6),
            buffer in 0..2_000_000_u64,
            shaper_buffer in 0..200_000_u64,
        ) {
            let rate = Bps::from_mbps(20);
            let base = LinkConfig::new(PerDirection::new(rate, rate), Duration::from_millis(20));
            let mut config = base.directions.download;
            config.buffer = Bytes::new(buffer);
            config.shaper_buffer = Bytes::new(shaper_buffer);
            config.demand = demands.into_iter().fold(Schedule::constant(Demand::Idle), |s, (at, d)| {
                s.then(Duration::from_millis(at), d)
            });
            config.capacity = super::super::Capacity::scheduled(
                rates.into_iter().fold(Schedule::constant(rate), |s, (at, rate)| {
                    s.then(Duration::from_millis(at), Bps::new(rate))
                }),
            );
            let mut lane = Lane::new(config, 1, 1);
            for (at, limit) in limits {
                lane.set_limit(Bps::new(limit), start_of(at));
            }
            let mut before = Totals::default();
            for step in 0..2_000 {
                lane.step(step, start_of(step), 10.0);
                let t = lane.totals;
                prop_assert_eq!(t.offered, t.delivered.plus(t.dropped).plus(lane.held()));
                prop_assert!(t.delivered <= t.wanted_capacity);
                prop_assert!(t.delivered.minus(before.delivered) <= Volume::per_step(lane.line));
                if lane.limit != Bps::ZERO {
                    prop_assert!(t.shaped.minus(before.shaped) <= Volume::per_step(lane.limit));
                }
                prop_assert!(lane.provider.backlog <= lane.provider.size);
                prop_assert!((0.0..=1.0).contains(&lane.dropping()));
                before = t;
            }
        }
    }

    #[test]
    fn an_outage_holds_everything_back() {
        let rate = Bps::from_mbps(10);
        let base = LinkConfig::new(PerDirection::new(rate, rate), Duration::from_millis(20));
        let mut config = base.directions.download;
        config.capacity = super::super::Capacity::constant(Bps::ZERO);
        config.demand = Schedule::constant(Demand::Constant(rate));
        let mut lane = Lane::new(config, 1, 1);
        for step in 0..100 {
            lane.step(step, start_of(step), 10.0);
        }
        assert_eq!(lane.counters().delivered, Bytes::ZERO);
        assert_eq!(lane.counters().provider_backlog, Bytes::new(125_000));
        assert_eq!(lane.queue_delay(), Millis::saturating(OUTAGE_DELAY_MS));
        assert!((lane.dropping() - 1.0).abs() < f64::EPSILON);
    }
}
