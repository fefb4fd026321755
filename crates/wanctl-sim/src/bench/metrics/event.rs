//! What a law does when the line changes.

use std::ops::Range;
use std::time::Duration;

use wanctl_types::{Direction, Millis, PerDirection};

use super::view::{View, bin_of, bits_per_second, is_bulk, mean, mean_rates};
use super::{Figures, Metric};
use crate::bench::{RECORDING_BIN, SparseSample};

/// What a settled delay is below.
const SETTLED: Millis = Millis::saturating(30.0);
/// What part of the capacity a rate must reach.
const REACHED: f64 = 0.90;
/// How long after a rise too much is looked for.
const OVERSHOOT: Duration = Duration::from_secs(10);
/// How long after an event a rate may be slow to recover.
const LONGEST: Duration = Duration::from_secs(20);
/// How long before an event the rates are averaged.
const BEFORE: Duration = Duration::from_secs(5);
/// A rate below this part of the one before has dipped.
const DIPPED: f64 = 0.70;
/// A rate above this part of the one before has recovered.
const RECOVERED: f64 = 0.90;
/// Bins that recovery is averaged over.
const SECOND: usize = 10;
/// Bins for which a rate must stay recovered.
const STAYED: usize = 50;
/// Changes of capacity up to this part are none.
const SAME: f64 = 0.01;
/// Time from one packet of the sparse flow to the next, seconds.
const SPARSE: f64 = 0.02;

pub(super) fn measure(view: &View<'_>, figures: &mut Figures) {
    for (event, number) in view.events.iter().zip(1..) {
        let change = Change::of(view, event);
        if change.fell {
            settle(view, event, number, figures);
        }
        if let Some(at) = change.risen {
            rise(view, &(at..event.end), number, figures);
        }
        if !change.fell && change.risen.is_none() {
            hold(view, event, number, figures);
        }
    }
}

/// What an event does to the capacity.
struct Change {
    fell: bool,
    /// When it rose: at the event, or when the line came back after being gone in it.
    risen: Option<Duration>,
}

impl Change {
    fn of(view: &View<'_>, event: &Range<Duration>) -> Self {
        let at = bin_of(event.start);
        let rates = |bin: usize| {
            Direction::BOTH
                .map(|direction| view.bins(direction).get(bin).map_or(0.0, bits_per_second))
        };
        let (before, after) = (rates(at.saturating_sub(1)), rates(at));
        let ratio = |after: &f64, before: &f64| after / before.max(1.0);
        let ratios = || {
            after
                .iter()
                .zip(&before)
                .map(|(after, before)| ratio(after, before))
        };
        let back = view.is_dead(at).then(|| {
            let end = bin_of(event.end);
            (at..end).find(|bin| !view.is_dead(*bin)).map(time_of)
        });
        let rose = ratios().any(|ratio| ratio > 1.0 + SAME);
        Self {
            fell: ratios().any(|ratio| ratio < 1.0 - SAME),
            risen: back.flatten().or_else(|| rose.then_some(event.start)),
        }
    }
}

fn settle(view: &View<'_>, event: &Range<Duration>, number: u8, figures: &mut Figures) {
    let delays = samples(view, event);
    let late = delays
        .iter()
        .filter(|sample| sample.added.is_none_or(|added| added >= SETTLED));
    let arrival = |sample: &&SparseSample| {
        let added = sample.added.map_or(Duration::ZERO, Millis::to_duration);
        sample.sent_at.since_origin() + added
    };
    let last = late.map(arrival).max();
    let settled = last.map_or(Duration::ZERO, |last| last.saturating_sub(event.start));
    figures.insert(Metric::Settle(number), settled.min(LONGEST).as_secs_f64());
    let area = delays.iter().filter_map(|sample| sample.added);
    let area: f64 = area.map(|added| added.get() * SPARSE).sum();
    figures.insert(Metric::Area(number), area);
}

/// The sparse flow's packets of a time, but those that met dead time.
fn samples<'a>(view: &View<'a>, time: &Range<Duration>) -> Vec<&'a SparseSample> {
    let sparse = view.recording.sparse.iter();
    sparse
        .filter(|sample| time.contains(&sample.sent_at.since_origin()))
        .filter(|sample| {
            let sent = sample.sent_at.since_origin();
            let late = sample.added.map_or(Duration::ZERO, Millis::to_duration);
            !view.meets_dead_time(sent, sent + late)
        })
        .collect()
}

fn rise(view: &View<'_>, event: &Range<Duration>, number: u8, figures: &mut Figures) {
    let judged = Direction::BOTH
        .into_iter()
        .filter(|direction| view.judged.uses(*direction));
    let slowest = judged.map(|direction| {
        let bins = view.between(direction, event);
        let reached = bins
            .iter()
            .position(|bin| bin.rate.as_f64() >= REACHED * bits_per_second(bin));
        reached.map_or(LONGEST, time_of).min(LONGEST)
    });
    if let Some(slowest) = slowest.max() {
        figures.insert(Metric::Reach(number), slowest.as_secs_f64());
    }
    let soon = event.start..event.end.min(event.start + OVERSHOOT);
    let delays = samples(view, &soon)
        .into_iter()
        .filter_map(|sample| sample.added);
    if let Some(most) = delays.map(Millis::get).reduce(f64::max) {
        figures.insert(Metric::Overshoot(number), most);
    }
}

/// The capacity stayed: so should the rates.
fn hold(view: &View<'_>, event: &Range<Duration>, number: u8, figures: &mut Figures) {
    let start = event.start;
    let before = mean_rates(view, &(start.saturating_sub(BEFORE)..start));
    let soon = start..event.end.min(start + LONGEST);
    let loaded = loaded(view, &soon);
    let directions = Direction::BOTH
        .into_iter()
        .filter(|direction| loaded[*direction]);
    let (mut dip, mut recovery) = (Duration::ZERO, Duration::ZERO);
    for direction in directions {
        let Some(before) = before[direction] else {
            continue;
        };
        let parts: Vec<f64> = view
            .between(direction, &soon)
            .iter()
            .map(|bin| bin.rate.as_f64() / before.min(bits_per_second(bin)))
            .collect();
        dip = dip.max(time_of(longest_below(&parts, DIPPED)));
        recovery = recovery.max(time_of(recovered(&parts, RECOVERED)));
    }
    figures.insert(Metric::Dip(number), dip.as_secs_f64());
    figures.insert(Metric::Recovery(number), recovery.as_secs_f64());
}

/// Which directions are judged: those with bulk traffic, or both of an idle line.
fn loaded(view: &View<'_>, time: &Range<Duration>) -> PerDirection<bool> {
    let loaded = PerDirection::from_fn(|direction| {
        view.case.demands.iter().any(|flow| {
            flow.direction == direction
                && is_bulk(flow.kind)
                && flow.from.since_origin() <= time.start
        })
    });
    if loaded.download || loaded.upload {
        loaded
    } else {
        PerDirection::new(true, true)
    }
}

/// The longest run of values below `limit`.
fn longest_below(parts: &[f64], limit: f64) -> usize {
    let runs = parts.split(|part| *part >= limit);
    runs.map(<[f64]>::len).max().unwrap_or(0)
}

/// After how many bins the first [`STAYED`] begin in which no second's mean is below `limit`.
fn recovered(parts: &[f64], limit: f64) -> usize {
    let mut recovered = 0;
    for (start, second) in parts.windows(SECOND).enumerate() {
        if start >= recovered + STAYED {
            break;
        }
        if mean(second.iter().copied()).is_some_and(|mean| mean < limit) {
            recovered = start + SECOND;
        }
    }
    recovered
}

fn time_of(bins: usize) -> Duration {
    RECORDING_BIN.saturating_mul(u32::try_from(bins).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dips_and_recoveries_are_found_in_rates() {
        let mut parts = vec![1.0; 100];
        parts[20..26].fill(0.5);
        parts[40..45].fill(0.6);
        assert_eq!(longest_below(&parts, DIPPED), 6);
        assert_eq!(longest_below(&parts, 0.1), 0);
        // Five bins at 0.6 make a second of 0.8; the last one that has three of them is at 0.88.
        assert_eq!(recovered(&parts, RECOVERED), 42 + SECOND);
        assert_eq!(recovered(&[1.0; 30], RECOVERED), 0);
        // What comes later has another reason.
        let mut later = vec![1.0; 200];
        later[10..16].fill(0.5);
        later[100..150].fill(0.5);
        assert_eq!(recovered(&later, RECOVERED), 13 + SECOND);
        assert_eq!(recovered(&[0.5; 200], RECOVERED), 200);
    }
}
