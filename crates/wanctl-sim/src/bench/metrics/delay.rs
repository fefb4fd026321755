//! The sparse flow's delay.

use std::time::Duration;

use wanctl_types::Millis;

use super::view::{View, as_f64, mean};
use super::{Figures, Metric};
use crate::DelayStats;
use crate::bench::SparseSample;

const BAD: Millis = Millis::saturating(30.0);
const AWFUL: Millis = Millis::saturating(100.0);
/// How late a lost packet counts when it is asked whether it met dead time.
const LOST: Duration = Duration::from_secs(1);

pub(super) fn measure(view: &View<'_>, figures: &mut Figures) {
    let judged = |sample: &&SparseSample| sample.sent_at.since_origin() >= view.case.warm_up;
    let all: Vec<_> = view.recording.sparse.iter().filter(judged).collect();
    let alive: Vec<_> = all
        .iter()
        .filter(|sample| {
            let sent = sample.sent_at.since_origin();
            let late = sample.added.map_or(LOST, Millis::to_duration);
            !view.meets_dead_time(sent, sent + late + base(view, sent).to_duration())
        })
        .copied()
        .collect();
    if let Some(stats) = DelayStats::of(all.iter().filter_map(|sample| sample.added)) {
        figures.insert(Metric::DelayP95Unmasked, stats.p95.get());
    }
    let Some(stats) = DelayStats::of(alive.iter().filter_map(|sample| sample.added)) else {
        return;
    };
    figures.extend([
        (Metric::DelayP50, stats.p50.get()),
        (Metric::DelayP95, stats.p95.get()),
        (Metric::DelayP99, stats.p99.get()),
        (Metric::DelayMax, stats.max.get()),
        (Metric::DelayAbove30, share_above(&alive, BAD)),
        (Metric::DelayAbove100, share_above(&alive, AWFUL)),
        (
            Metric::SparseLoss,
            1.0 - as_f64(stats.count) / as_f64(alive.len()),
        ),
    ]);
    let trips = alive.iter().filter_map(|sample| {
        let added = sample.added?;
        Some((base(view, sample.sent_at.since_origin()) + added).get())
    });
    if let Some(trip) = mean(trips) {
        figures.insert(Metric::Rpm, 60_000.0 / trip);
    }
}

/// The round-trip time without any queue.
fn base(view: &View<'_>, at: Duration) -> Millis {
    let series = &view.case.line.base_rtt;
    let bin = super::view::bin_of(at).checked_rem(series.len());
    bin.and_then(|bin| series.get(bin))
        .copied()
        .unwrap_or(Millis::ZERO)
}

fn share_above(samples: &[&SparseSample], limit: Millis) -> f64 {
    let above = samples
        .iter()
        .filter(|sample| sample.added.is_none_or(|added| added > limit));
    as_f64(above.count()) / as_f64(samples.len()).max(1.0)
}
