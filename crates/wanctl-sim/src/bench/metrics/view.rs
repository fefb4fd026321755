//! A run, cut to what is judged.

use std::ops::Range;
use std::time::Duration;

use wanctl_types::{Bps, Direction, PerDirection};

use crate::bench::{Case, DirectionBin, FlowKind, Judged, RECORDING_BIN, Recording};

/// Capacity below this part of its mean is as good as none.
const DEAD: f64 = 0.02;

/// A run and what is needed to judge it. Bins are counted from the start of the run.
pub(super) struct View<'a> {
    pub(super) case: &'a Case,
    pub(super) judged: Judged,
    pub(super) recording: &'a Recording,
    /// Events and where each one's time ends.
    pub(super) events: Vec<Range<Duration>>,
    /// Per bin: whether a direction's capacity is as good as none.
    dead: Vec<bool>,
    /// First bin that is judged.
    pub(super) first: usize,
}

impl<'a> View<'a> {
    pub(super) fn new(
        case: &'a Case,
        judged: Judged,
        events: &[Duration],
        recording: &'a Recording,
    ) -> Self {
        let mean = case.line.mean().map(Bps::as_f64);
        let least = mean.map(|mean| mean * DEAD * RECORDING_BIN.as_secs_f64() / 8.0);
        let is_dead = |bin: usize| {
            Direction::BOTH.into_iter().any(|direction| {
                let bin = recording.bins[direction].get(bin);
                bin.is_some_and(|bin| capacity(bin) < least[direction])
            })
        };
        let bins = recording.bins.download.len();
        let ends = events.iter().skip(1).copied().chain([case.duration]);
        Self {
            case,
            judged,
            recording,
            events: events
                .iter()
                .zip(ends)
                .map(|(from, to)| *from..to)
                .collect(),
            dead: (0..bins).map(is_dead).collect(),
            first: bin_of(case.warm_up),
        }
    }

    pub(super) fn bins(&self, direction: Direction) -> &'a [DirectionBin] {
        &self.recording.bins[direction]
    }

    /// The bins of a time.
    pub(super) fn between(
        &self,
        direction: Direction,
        time: &Range<Duration>,
    ) -> &'a [DirectionBin] {
        let bins = self.bins(direction);
        let end = bin_of(time.end).min(bins.len());
        bins.get(bin_of(time.start).min(end)..end)
            .unwrap_or_default()
    }

    /// The judged bins of a direction with their numbers.
    pub(super) fn judged_bins(
        &self,
        direction: Direction,
    ) -> impl Iterator<Item = (usize, &'a DirectionBin)> {
        self.bins(direction).iter().enumerate().skip(self.first)
    }

    /// Whether a bin is dead time.
    pub(super) fn is_dead(&self, bin: usize) -> bool {
        self.dead.get(bin).copied().unwrap_or(false)
    }

    /// Whether dead time touches `from..=to`.
    pub(super) fn meets_dead_time(&self, from: Duration, to: Duration) -> bool {
        (bin_of(from)..=bin_of(to)).any(|bin| self.is_dead(bin))
    }

    /// How long the judged part is, in seconds.
    pub(super) fn length(&self) -> f64 {
        let length = self.case.duration.saturating_sub(self.case.warm_up);
        length.as_secs_f64()
    }

    /// When the first bulk flow begins; `None` when there is none.
    pub(super) fn load_begins(&self) -> Option<Duration> {
        let bulk = self.case.demands.iter().filter(|flow| is_bulk(flow.kind));
        bulk.map(|flow| flow.from.since_origin()).min()
    }

    /// Whether a direction carries streams and acknowledgements only.
    pub(super) fn is_spared(&self, direction: Direction) -> bool {
        let demands = self.case.demands.iter();
        demands
            .filter(|flow| flow.direction == direction)
            .all(|flow| matches!(flow.kind, FlowKind::Constant { .. }))
    }
}

/// Per direction, the mean rate over a time; `None` without a bin.
pub(super) fn mean_rates(view: &View<'_>, time: &Range<Duration>) -> PerDirection<Option<f64>> {
    PerDirection::from_fn(|direction| {
        mean(
            view.between(direction, time)
                .iter()
                .map(|bin| bin.rate.as_f64()),
        )
    })
}

pub(super) const fn is_bulk(kind: FlowKind) -> bool {
    matches!(kind, FlowKind::Cubic | FlowKind::Bbr)
}

pub(super) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (count > 0.0).then(|| sum / count)
}

pub(super) fn bin_of(time: Duration) -> usize {
    usize::try_from(time.as_micros() / RECORDING_BIN.as_micros()).unwrap_or(usize::MAX)
}

/// Capacity in bits per second of a bin in bytes.
pub(super) fn bits_per_second(bin: &DirectionBin) -> f64 {
    capacity(bin) * 8.0 / RECORDING_BIN.as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "a bin is far below 2^52 bytes")]
pub(super) const fn capacity(bin: &DirectionBin) -> f64 {
    bin.capacity.get() as f64
}

#[expect(clippy::cast_precision_loss, reason = "a bin is far below 2^52 bytes")]
pub(super) const fn delivered(bin: &DirectionBin) -> f64 {
    bin.delivered.get() as f64
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a run has far fewer than 2^52 of anything"
)]
pub(super) const fn as_f64(count: usize) -> f64 {
    count as f64
}
