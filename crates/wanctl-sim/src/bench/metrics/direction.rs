//! What each direction got, and what was done to its rate.

use std::time::Duration;

use wanctl_types::{Direction, Timestamp};

use super::view::{View, as_f64, bin_of, bits_per_second, capacity, delivered, mean, mean_rates};
use super::{Figures, Metric};
use crate::bench::DirectionBin;

/// How long the capacity must have been the same for a rate to be called steady, in bins.
const STEADY: usize = 100;
/// Fewest bins to tell an oscillation from.
const ENOUGH: usize = 50;
/// A rate this far below the greatest of the last second was cut.
const CUT: f64 = 0.03;
/// Part of a second with packets at the provider up to which its queue was empty.
const EMPTY: f64 = 0.05;
/// Use from which on a line is full.
const FULL: f64 = 0.90;
/// A second in bins.
const SECOND: usize = 10;

pub(super) fn measure(view: &View<'_>, figures: &mut Figures) {
    for direction in Direction::BOTH {
        if view.judged.uses(direction) {
            use_of(view, direction, figures);
        } else {
            damage(view, direction, figures);
        }
    }
    let per_hour = 3_600.0 / view.length().max(1.0);
    let cuts = Direction::BOTH.map(|direction| false_cuts(view, direction));
    figures.insert(Metric::FalseCuts, cuts.iter().sum::<f64>() * per_hour);
    figures.insert(Metric::Writes, requests(view) * per_hour / 60.0);
}

fn use_of(view: &View<'_>, direction: Direction, figures: &mut Figures) {
    let wanted = || view.judged_bins(direction).filter(|(_, bin)| bin.wanted);
    let (used, could) = wanted().fold((0.0, 0.0), |(used, could), (_, bin)| {
        (used + delivered(bin), could + capacity(bin))
    });
    if could > 0.0 {
        figures.insert(Metric::Utilisation(direction), used / could);
    }
    let alive = wanted().filter(|(number, _)| !view.is_dead(*number));
    if let Some(binding) = mean(alive.map(|(_, bin)| bin.our_queue)) {
        figures.insert(Metric::Binding(direction), binding);
    }
    if let Some(oscillation) = oscillation(view, direction) {
        figures.insert(Metric::Oscillation(direction), oscillation);
    }
}

fn oscillation(view: &View<'_>, direction: Direction) -> Option<f64> {
    let (mut before, mut same) = (None, 0);
    let mut steady = Vec::new();
    for (number, bin) in view.bins(direction).iter().enumerate() {
        same = if before == Some(bin.capacity) {
            same + 1
        } else {
            0
        };
        before = Some(bin.capacity);
        if same >= STEADY && number >= view.first && bin.wanted && !view.is_dead(number) {
            steady.push(bin.rate.as_f64() / bits_per_second(bin));
        }
    }
    if steady.len() < ENOUGH {
        return None;
    }
    let middle = mean(steady.iter().copied())?;
    let variance = mean(steady.iter().map(|rate| (rate - middle).powi(2)))?;
    Some(variance.sqrt() / middle)
}

/// What happened to the rate of a direction that gave no reason.
fn damage(view: &View<'_>, direction: Direction, figures: &mut Figures) {
    let Some(begin) = view.load_begins().filter(|_| view.is_spared(direction)) else {
        return;
    };
    let before = begin.saturating_sub(Duration::from_secs(1))..begin;
    let Some(before) = mean_rates(view, &before)[direction] else {
        return;
    };
    let rates = view.bins(direction).iter().skip(bin_of(begin));
    let parts: Vec<f64> = rates.map(|bin| bin.rate.as_f64() / before).collect();
    let farthest = parts
        .iter()
        .map(|part| (part - 1.0).abs())
        .fold(0.0, f64::max);
    let below = |limit: f64| {
        let count = parts.iter().filter(|part| **part < limit).count();
        as_f64(count) / as_f64(parts.len()).max(1.0)
    };
    figures.extend([
        (Metric::Moved(direction), farthest),
        (Metric::Below97(direction), below(0.97)),
        (Metric::Below70(direction), below(0.70)),
    ]);
}

/// Cuts with an empty queue at the provider; each counts once however many steps it had.
fn false_cuts(view: &View<'_>, direction: Direction) -> f64 {
    let bins = view.bins(direction);
    let mut count = 0.0;
    let mut next = view.first.max(2 * SECOND);
    while let Some(bin) = bins.get(next) {
        let second = bins.get(next - SECOND..next).unwrap_or_default();
        let greatest = second
            .iter()
            .map(|bin| bin.rate.as_f64())
            .fold(0.0, f64::max);
        if bin.rate.as_f64() > greatest * (1.0 - CUT) {
            next += 1;
            continue;
        }
        let two_seconds = bins.get(next - 2 * SECOND..=next).unwrap_or_default();
        if waiting(two_seconds) < EMPTY && !was_exceeded(two_seconds, greatest) {
            count += 1.0;
        }
        next += SECOND;
    }
    count
}

/// Whether a full line got smaller than the rate.
fn was_exceeded(bins: &[DirectionBin], rate: f64) -> bool {
    let least = bins
        .iter()
        .map(bits_per_second)
        .fold(f64::INFINITY, f64::min);
    let used: f64 = bins.iter().map(delivered).sum();
    let could: f64 = bins.iter().map(capacity).sum();
    rate > least && used > FULL * could
}

fn waiting(bins: &[DirectionBin]) -> f64 {
    mean(bins.iter().map(|bin| bin.provider_queue)).unwrap_or(0.0)
}

/// Times at which a rate was written, both directions together.
fn requests(view: &View<'_>) -> f64 {
    let judged = |at: &Timestamp| at.since_origin() >= view.case.warm_up;
    let writes = view.recording.writes.iter();
    let mut times: Vec<_> = writes
        .flat_map(|(_, writes)| writes.iter().map(|(at, _)| *at))
        .filter(judged)
        .collect();
    times.sort_unstable();
    times.dedup();
    as_f64(times.len())
}
