//! What `adaptive` must reach, and the check that no other law does better.
//!
//! A target holds when the mean over seeds is within its limit, for every plan that was played.
//! `adaptive` is *on the frontier* of a scene when no other law that has to find the capacity out
//! has both a lower 95th percentile of the delay and a higher utilisation, each by more than
//! noise: by two standard errors of the difference, and by [`DELAY_NOISE`] or [`USE_NOISE`] at
//! least.

use std::fmt;

use wanctl_types::Direction;

use super::metrics::Metric;
use super::suite::{Cell, Estimate, Outcome, is_oracle};

/// The law that the targets are for.
pub const LAW: &str = "adaptive";
/// Delays closer than this are equal, ms.
pub const DELAY_NOISE: f64 = 1.0;
/// Utilisations closer than this are equal.
pub const USE_NOISE: f64 = 0.005;
/// Differences of fewer standard errors than this are noise.
const ERRORS: f64 = 2.0;

const FAST_ORACLE: &str = "oracle(0.15,0.95)";
const SLOW_ORACLE: &str = "oracle(0.30,0.90)";

/// One thing to be reached.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Where.
    pub scenes: &'static [&'static str],
    /// In what.
    pub figure: Figure,
    /// How much.
    pub limit: Limit,
}

/// A figure that is limited.
#[derive(Clone, Copy, Debug)]
pub enum Figure {
    /// This one.
    One(Metric),
    /// This one of each judged direction.
    Each(fn(Direction) -> Metric),
}

/// How good a figure must be.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Limit {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
    /// No more than so many times what an oracle has.
    AtMostTimes(f64, &'static str),
    /// No less than so many times what an oracle has.
    AtLeastTimes(f64, &'static str),
}

const fn at_most(scenes: &'static [&'static str], metric: Metric, most: f64) -> Target {
    limited(scenes, metric, Limit::AtMost(most))
}

const fn used(scenes: &'static [&'static str], least: f64) -> Target {
    each(scenes, Limit::AtLeast(least))
}

const fn limited(scenes: &'static [&'static str], metric: Metric, limit: Limit) -> Target {
    Target {
        scenes,
        figure: Figure::One(metric),
        limit,
    }
}

const fn each(scenes: &'static [&'static str], limit: Limit) -> Target {
    Target {
        scenes,
        figure: Figure::Each(Metric::Utilisation),
        limit,
    }
}

const FIXED: &[&str] = &["fixed-download"];
const FIXED_BOTH: &[&str] = &["fixed-both"];
const MANAGED: &[&str] = &[
    "aqm-download",
    "aqm-upload",
    "aqm-both",
    "dropfront-download",
    "dropfront-upload",
    "dropfront-both",
];
const DOCSIS: &[&str] = &["docsis-both"];
const STARLINK: &[&str] = &["starlink-download"];
const STATIONARY: &[&str] = &["lte-stationary", "5g-stationary"];
const DRIVING: &[&str] = &["lte-driving"];
const STEPS: &[&str] = &["step-download", "step-upload"];
const DOWNLOAD_ALONE: &[&str] = &["one-sided-download", "fixed-download"];
const UPLOAD_ALONE: &[&str] = &["one-sided-upload", "fixed-upload"];
const NOISY: &[&str] = &["idle-noisy"];
const ROUTES: &[&str] = &[
    "route-longer-idle",
    "route-longer-download",
    "route-longer-both",
];
const FLOWS: &[&str] = &["many-flows", "one-flow-each"];

/// All of them.
pub const TARGETS: &[Target] = &[
    at_most(FIXED, Metric::DelayP95, 5.0),
    used(FIXED, 0.95),
    limited(
        FIXED,
        Metric::Binding(Direction::Download),
        Limit::AtLeast(0.90),
    ),
    at_most(FIXED_BOTH, Metric::DelayP95, 8.0),
    used(FIXED_BOTH, 0.93),
    at_most(MANAGED, Metric::DelayP95, 8.0),
    used(MANAGED, 0.92),
    at_most(DOCSIS, Metric::DelayP50, 3.0),
    at_most(DOCSIS, Metric::DelayP95, 10.0),
    at_most(DOCSIS, Metric::DelayP99, 20.0),
    used(DOCSIS, 0.90),
    at_most(STARLINK, Metric::DelayP50, 5.0),
    at_most(STARLINK, Metric::DelayP95, 40.0),
    each(STARLINK, Limit::AtLeastTimes(0.94, FAST_ORACLE)),
    at_most(STATIONARY, Metric::DelayP95, 30.0),
    used(STATIONARY, 0.85),
    limited(
        DRIVING,
        Metric::DelayP95,
        Limit::AtMostTimes(2.0, SLOW_ORACLE),
    ),
    each(DRIVING, Limit::AtLeastTimes(0.95, SLOW_ORACLE)),
    at_most(STEPS, Metric::Settle(1), 1.2),
    at_most(STEPS, Metric::Reach(2), 3.0),
    at_most(STEPS, Metric::Overshoot(2), 15.0),
    at_most(DOWNLOAD_ALONE, Metric::Moved(Direction::Upload), 0.03),
    at_most(UPLOAD_ALONE, Metric::Moved(Direction::Download), 0.03),
    at_most(NOISY, Metric::FalseCuts, 0.0),
    at_most(ROUTES, Metric::Recovery(1), 3.0),
    at_most(ROUTES, Metric::Dip(1), 1.0),
    at_most(FLOWS, Metric::DelayP95, 15.0),
    used(FLOWS, 0.80),
];

/// What became of one target in one scene.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The scene.
    pub scene: String,
    /// The plan, as a part of the mean capacity.
    pub plan: f64,
    /// The figure.
    pub metric: Metric,
    /// What was reached; `None` when the run had no such figure, or no oracle to compare with.
    pub reached: Option<f64>,
    /// What was wanted.
    pub limit: Limit,
    /// What the limit comes to.
    pub bound: Option<f64>,
}

/// A law that does better than `adaptive`.
#[derive(Clone, Debug, PartialEq)]
pub struct Beaten {
    /// Where.
    pub scene: String,
    /// Under which conditions.
    pub variant: &'static str,
    /// With which plan, as a part of the mean capacity.
    pub plan: f64,
    /// Who.
    pub by: String,
    /// 95th percentiles of the delay, ms: ours and theirs.
    pub delay: [f64; 2],
    /// Mean utilisations of the judged directions: ours and theirs.
    pub utilisation: [f64; 2],
}

/// The verdict on every target whose scene was played under unchanged conditions.
#[must_use]
pub fn check(outcome: &Outcome) -> Vec<Verdict> {
    let ours = || ours(outcome).filter(|cell| cell.variant == "default");
    let verdicts = |target: &Target| {
        let cells = ours().filter(|cell| target.scenes.contains(&cell.scene.as_str()));
        cells
            .flat_map(|cell| target.verdicts(outcome, cell))
            .collect::<Vec<_>>()
    };
    TARGETS.iter().flat_map(verdicts).collect()
}

/// Every law that keeps `adaptive` off the frontier of a scene.
#[must_use]
pub fn beaten(outcome: &Outcome) -> Vec<Beaten> {
    let peers = |ours: &Cell| {
        let peers = outcome.cells.iter().filter(|cell| !is_oracle(&cell.law));
        peers
            .filter(|cell| cell.law != LAW && ours.is_comparable(cell))
            .filter_map(|cell| better(ours, cell))
            .collect::<Vec<_>>()
    };
    ours(outcome).flat_map(peers).collect()
}

fn ours(outcome: &Outcome) -> impl Iterator<Item = &Cell> {
    outcome.cells.iter().filter(|cell| cell.law == LAW)
}

fn better(ours: &Cell, theirs: &Cell) -> Option<Beaten> {
    let delay = [ours, theirs].map(|cell| cell.figures.get(&Metric::DelayP95).copied());
    let utilisation = [ours, theirs].map(Cell::utilisation);
    let ([Some(delay), Some(other_delay)], [Some(utilisation), Some(other_utilisation)]) =
        (delay, utilisation)
    else {
        return None;
    };
    let faster = exceeds(&delay, &other_delay, DELAY_NOISE);
    let fuller = exceeds(&other_utilisation, &utilisation, USE_NOISE);
    (faster && fuller).then(|| Beaten {
        scene: ours.scene.clone(),
        variant: ours.variant,
        plan: ours.plan,
        by: theirs.law.clone(),
        delay: [delay.mean, other_delay.mean],
        utilisation: [utilisation.mean, other_utilisation.mean],
    })
}

/// Whether `one` is above `other` by more than noise.
fn exceeds(one: &Estimate, other: &Estimate, least: f64) -> bool {
    one.mean - other.mean > least.max(ERRORS * one.error_of_difference(other))
}

impl Target {
    fn verdicts(&self, outcome: &Outcome, cell: &Cell) -> Vec<Verdict> {
        let metrics: Vec<Metric> = match self.figure {
            Figure::One(metric) => vec![metric],
            Figure::Each(metric) => {
                let judged = Direction::BOTH.into_iter();
                judged
                    .filter(|direction| cell.judged.uses(*direction))
                    .map(metric)
                    .collect()
            }
        };
        let verdict = |metric| Verdict {
            scene: cell.scene.clone(),
            plan: cell.plan,
            metric,
            reached: cell.mean(metric),
            limit: self.limit,
            bound: self
                .limit
                .bound(|law| outcome.beside(cell, law)?.mean(metric)),
        };
        metrics.into_iter().map(verdict).collect()
    }
}

impl Limit {
    fn bound(self, oracle: impl Fn(&str) -> Option<f64>) -> Option<f64> {
        match self {
            Self::AtMost(bound) | Self::AtLeast(bound) => Some(bound),
            Self::AtMostTimes(factor, law) | Self::AtLeastTimes(factor, law) => {
                Some(factor * oracle(law)?)
            }
        }
    }

    const fn is_upper(self) -> bool {
        matches!(self, Self::AtMost(_) | Self::AtMostTimes(..))
    }
}

impl Verdict {
    /// Whether the target was reached.
    #[must_use]
    pub fn is_met(&self) -> bool {
        let (Some(reached), Some(bound)) = (self.reached, self.bound) else {
            return false;
        };
        if self.limit.is_upper() {
            reached <= bound
        } else {
            reached >= bound
        }
    }

    /// What was wanted, in words.
    #[must_use]
    pub fn wanted(&self) -> String {
        let unit = self.metric.unit();
        let sign = if self.limit.is_upper() { "≤" } else { "≥" };
        let bound = self
            .bound
            .map_or_else(|| "?".to_owned(), |bound| unit.show(bound));
        match self.limit {
            Limit::AtMost(_) | Limit::AtLeast(_) => format!("{sign} {bound}"),
            Limit::AtMostTimes(factor, law) | Limit::AtLeastTimes(factor, law) => {
                format!("{sign} {bound} ({factor} × {law})")
            }
        }
    }

    /// What was reached, in words.
    #[must_use]
    pub fn got(&self) -> String {
        let unit = self.metric.unit();
        self.reached
            .map_or_else(|| "not measured".to_owned(), |reached| unit.show(reached))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.is_met() { "met" } else { "MISSED" };
        let (scene, metric) = (&self.scene, self.metric.to_string());
        write!(
            f,
            "{word:6}  {scene:24} plan {:<4}  {metric:22}  {:>12}  {}",
            self.plan,
            self.got(),
            self.wanted()
        )
    }
}

impl fmt::Display for Beaten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ([delay, theirs], [used, their_use]) =
            (self.delay, self.utilisation.map(|part| part * 100.0));
        write!(
            f,
            "BEATEN  {:24} plan {:<4}  {}: {} has p95 {theirs:.1} ms at {their_use:.1} %, {LAW} {delay:.1} ms at {used:.1} %",
            self.scene, self.plan, self.variant, self.by
        )
    }
}

#[cfg(test)]
mod tests;
