//! The log lines of one WAN: every change of zone, as long as they are few, and one line a minute.

use std::fmt;
use std::time::Duration;

use tracing::{debug, info};
use wanctl_controller::{Decision, DirectionDecision, Transition};
use wanctl_telemetry::WanSnapshot;
use wanctl_types::{Bps, Direction, Millis, PerDirection, Timestamp, WanName, Zone};

use super::rounded;

/// How often a summary is written.
const MINUTE: Duration = Duration::from_mins(1);
/// Lines a minute about changes of zone, per direction; the rest are counted in the summary.
/// History has them all.
const CHANGES_TOLD: u32 = 10;
/// Lines a minute about the provider's silence.
const NEWS_TOLD: u32 = 10;

/// Decides what is worth a line.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    began: Option<Timestamp>,
    lanes: PerDirection<Lane>,
    news: u32,
    before: Totals,
}

/// One direction in this minute.
#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    steps: ZoneSteps,
    changes: u32,
    lowest: Option<Bps>,
}

/// Steps per zone, best first.
#[derive(Clone, Copy, Debug, Default)]
struct ZoneSteps([u32; 4]);

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) writes: u64,
    pub(crate) write_errors: u64,
    pub(crate) sent: u64,
    pub(crate) lost: u64,
    pub(crate) silent_rounds: u64,
    pub(crate) missed_ticks: u64,
}

impl Journal {
    /// Takes note of one control step.
    pub(crate) fn step(&mut self, wan: &WanName, decision: &Decision) {
        for (direction, decided) in decision.directions.iter() {
            let lane = &mut self.lanes[direction];
            lane.count(decided);
            if let Some(transition) = &decided.transition {
                lane.changes += 1;
                let change = Change {
                    wan,
                    direction,
                    transition,
                    rate: decided.rate,
                    decision,
                };
                change.tell(lane.changes <= CHANGES_TOLD);
            }
        }
    }

    /// Whether there is room for one more line about the provider's silence; takes it.
    pub(crate) fn may_tell(&mut self) -> bool {
        self.news += 1;
        self.news <= NEWS_TOLD
    }

    /// Whether the minute that began with the first question is over.
    pub(crate) fn is_over(&mut self, now: Timestamp) -> bool {
        now.saturating_since(*self.began.get_or_insert(now)) >= MINUTE
    }

    /// Writes the minute's line and begins the next.
    pub(crate) fn summarize(&mut self, now: Timestamp, wan: &WanSnapshot, totals: Totals) {
        let [down, up] = Direction::BOTH.map(|direction| self.lanes[direction]);
        let minute = totals.since(self.before);
        info!(
            event = "minute",
            wan = %wan.name,
            download_mbps = wan.directions.download.intended.as_mbps(),
            download_lowest_mbps = down.lowest.map(Bps::as_mbps),
            download_zones = %down.steps,
            upload_mbps = wan.directions.upload.intended.as_mbps(),
            upload_lowest_mbps = up.lowest.map(Bps::as_mbps),
            upload_zones = %up.steps,
            load_ms = rounded(wan.load),
            baseline_ms = rounded(wan.baseline),
            writes = minute.writes,
            write_errors = minute.write_errors,
            probes = minute.sent,
            lost = minute.lost,
            silent_rounds = minute.silent_rounds,
            missed_ticks = minute.missed_ticks,
            zone_changes = down.changes + up.changes,
            untold_changes = down.untold() + up.untold(),
            untold_news = self.news.saturating_sub(NEWS_TOLD),
            "the last minute"
        );
        *self = Self {
            began: Some(now),
            before: totals,
            ..Self::default()
        };
    }
}

impl Lane {
    fn count(&mut self, decided: &DirectionDecision) {
        self.steps.count(decided.zone);
        self.lowest = Some(
            self.lowest
                .map_or(decided.rate, |low| low.min(decided.rate)),
        );
    }

    fn untold(&self) -> u32 {
        self.changes.saturating_sub(CHANGES_TOLD)
    }
}

impl ZoneSteps {
    fn count(&mut self, zone: Zone) {
        if let Some(steps) = self.0.get_mut(usize::from(zone.code())) {
            *steps += 1;
        }
    }
}

/// The share of each zone in percent, zones that did not occur left out: `GREEN 97 YELLOW 3`.
impl fmt::Display for ZoneSteps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: u32 = self.0.iter().sum();
        if all == 0 {
            return f.write_str("none");
        }
        let occurred = Zone::ALL.iter().zip(self.0).filter(|(_, steps)| *steps > 0);
        for (nth, (zone, steps)) in occurred.enumerate() {
            let gap = if nth == 0 { "" } else { " " };
            let percent = 100.0 * f64::from(steps) / f64::from(all);
            write!(f, "{gap}{zone} {percent:.0}")?;
        }
        Ok(())
    }
}

impl Totals {
    fn since(self, before: Self) -> Self {
        let Self {
            writes,
            write_errors,
            sent,
            lost,
            silent_rounds,
            missed_ticks,
        } = before;
        Self {
            writes: self.writes.saturating_sub(writes),
            write_errors: self.write_errors.saturating_sub(write_errors),
            sent: self.sent.saturating_sub(sent),
            lost: self.lost.saturating_sub(lost),
            silent_rounds: self.silent_rounds.saturating_sub(silent_rounds),
            missed_ticks: self.missed_ticks.saturating_sub(missed_ticks),
        }
    }
}

/// A change of zone, as a line.
struct Change<'a> {
    wan: &'a WanName,
    direction: Direction,
    transition: &'a Transition,
    rate: Bps,
    decision: &'a Decision,
}

impl Change<'_> {
    /// For operators, or only for debugging.
    fn tell(&self, to_operators: bool) {
        let (wan, direction, transition) = (self.wan, self.direction, self.transition);
        let (from, to) = (transition.from, transition.to);
        let rate_mbps = self.rate.as_mbps();
        let [load_ms, baseline_ms]: [f64; 2] =
            [self.decision.load, self.decision.baseline].map(|delay: Millis| rounded(delay));
        let event = "zone_change";
        if to_operators {
            info!(event, %wan, %direction, %from, %to, rate_mbps, load_ms, baseline_ms, "{transition}");
        } else {
            debug!(event, %wan, %direction, %from, %to, rate_mbps, load_ms, baseline_ms, "{transition}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_steps_made() {
        let mut steps = ZoneSteps::default();
        assert_eq!(steps.to_string(), "none");
        (0..30).for_each(|_| steps.count(Zone::Green));
        (0..10).for_each(|_| steps.count(Zone::Red));
        assert_eq!(steps.to_string(), "GREEN 75 RED 25");
    }

    #[test]
    fn a_minute_begins_with_the_first_question() {
        let mut journal = Journal::default();
        let start = Timestamp::ZERO + MINUTE * 5;
        assert!(!journal.is_over(start));
        assert!(!journal.is_over(start + MINUTE - Duration::from_micros(1)));
        assert!(journal.is_over(start + MINUTE));
    }

    #[test]
    fn news_of_the_provider_are_few() {
        let mut journal = Journal::default();
        let told = (0..1_000).filter(|_| journal.may_tell()).count();
        assert_eq!(told, 10);
    }
}
