//! Looks at the line twenty times a simulated second.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use wanctl_daemon::Clock;
use wanctl_telemetry::Snapshot;
use wanctl_types::{Direction, Millis, PerDirection, Timestamp, Zone};

use super::DemoSample;
use crate::{Link, LinkCounters, Plant};

/// Simulated time from one sample to the next.
const INTERVAL: Duration = Duration::from_millis(50);

/// Takes samples of the true state of the line.
pub(super) struct Sampler {
    plant: Plant,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    base_rtt: Millis,
    previous: (Timestamp, PerDirection<LinkCounters>),
}

impl Sampler {
    pub(super) fn new(
        plant: Plant,
        snapshots: watch::Receiver<Arc<Snapshot>>,
        base_rtt: Millis,
    ) -> Self {
        let counters = plant.with_link(|link| counters(link));
        Self {
            plant,
            snapshots,
            base_rtt,
            previous: (Timestamp::ZERO, counters),
        }
    }

    /// Samples until `end`; sends each sample to `watcher`, whether or not anybody looks.
    pub(super) async fn run(
        &mut self,
        clock: &Clock,
        end: Timestamp,
        watcher: Option<mpsc::UnboundedSender<DemoSample>>,
    ) -> Vec<DemoSample> {
        let mut samples = Vec::new();
        let mut due = Timestamp::ZERO + INTERVAL;
        while due <= end {
            clock.sleep_until(due).await;
            let sample = self.sample(clock.now());
            if let Some(watcher) = &watcher
                && watcher.send(sample).is_err()
            {
                tracing::debug!("nobody watches any more");
            }
            samples.push(sample);
            due = due + INTERVAL;
        }
        samples
    }

    /// Share of the capacity used while traffic was wanted, since the start.
    pub(super) fn utilisation(&self) -> PerDirection<Option<f64>> {
        self.plant
            .with_link(|link| PerDirection::from_fn(|d| link.counters(d).utilisation()))
    }

    fn sample(&mut self, now: Timestamp) -> DemoSample {
        let zone = self.zones();
        let (then, before) = self.previous;
        let (sample, counted) = self.plant.with_link(|link| {
            let added = link.queue_delay(Direction::Download) + link.queue_delay(Direction::Upload);
            let counted = counters(link);
            let delivered = PerDirection::from_fn(|d| {
                let bytes = counted[d].since(&before[d]).delivered;
                bytes.per(now.saturating_since(then)).unwrap_or_default()
            });
            let sample = DemoSample {
                time_s: now.since_origin().as_secs_f64(),
                rtt_ms: self.base_rtt + added,
                added_delay_ms: added,
                capacity_bps: PerDirection::from_fn(|d| link.capacity(d)),
                limit_bps: PerDirection::from_fn(|d| link.limit(d)),
                delivered_bps: delivered,
                zone,
            };
            (sample, counted)
        });
        self.previous = (now, counted);
        sample
    }

    fn zones(&self) -> PerDirection<Zone> {
        let snapshot = self.snapshots.borrow();
        let wan = snapshot.wans.first();
        wan.map_or_else(PerDirection::default, |wan| {
            PerDirection::from_fn(|direction| wan.directions[direction].zone)
        })
    }
}

fn counters(link: &Link) -> PerDirection<LinkCounters> {
    PerDirection::from_fn(|direction| link.counters(direction))
}
