//! The gate against getting worse: figures that were once reached, to be reached again.
//!
//! A [`Gate`] holds a comparison with its outcome. The same comparison made later is *worse* in a
//! figure when its mean is on the bad side of the old one by more than three standard errors of
//! the difference, and by more than [`tolerance`] at least: a few seeds tell little of the error.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::metrics::{Better, Metric, Unit};
use super::suite::{Cell, Estimate, Outcome, Suite};

/// Differences of fewer standard errors than this are noise.
const ERRORS: f64 = 3.0;

/// A comparison and what it came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Names of laws.
    pub laws: Vec<String>,
    /// Names of scenes.
    pub scenes: Vec<String>,
    /// Names of variants.
    pub variants: Vec<String>,
    /// Plans, as parts of the mean capacity.
    pub plans: Vec<f64>,
    /// Seeds.
    pub seeds: Vec<u64>,
    /// What it came to.
    pub cells: Vec<GateCell>,
}

/// What one law came to under one set of conditions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateCell {
    /// The name of the scene.
    pub scene: String,
    /// The name of the variant.
    pub variant: String,
    /// The plan, as a part of the mean capacity.
    pub plan: f64,
    /// The name of the law.
    pub law: String,
    /// Means and standard errors of the gated figures, by their names.
    pub figures: BTreeMap<String, [f64; 2]>,
}

/// A figure that got worse.
#[derive(Clone, Debug, PartialEq)]
pub struct Worse {
    /// Where and for whom, in words.
    pub place: String,
    /// Its name.
    pub figure: String,
    /// What it was and what it is, with the difference that is allowed; `None` when it is
    /// missing now.
    pub change: Option<Change>,
}

/// How a figure changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// What it was.
    pub was: f64,
    /// What it is.
    pub is: f64,
    /// How much worse it may be.
    pub allowed: f64,
    /// What it counts.
    pub unit: Unit,
}

/// Whether a figure is worth a gate: the others follow from these, or say the same twice.
#[must_use]
pub const fn is_gated(metric: Metric) -> bool {
    matches!(
        metric,
        Metric::DelayP50
            | Metric::DelayP95
            | Metric::DelayP99
            | Metric::Utilisation(_)
            | Metric::Binding(_)
            | Metric::Moved(_)
            | Metric::FalseCuts
            | Metric::Settle(_)
            | Metric::Reach(_)
            | Metric::Overshoot(_)
            | Metric::Dip(_)
            | Metric::Recovery(_)
    )
}

/// How much worse a figure may be whatever its error is: 1 ms and a tenth for delays, one point
/// for shares and three for binding, 0.3 s for times, one more for counts.
#[must_use]
pub fn tolerance(metric: Metric, was: f64) -> f64 {
    match (metric, metric.unit()) {
        (Metric::Binding(_), _) => 0.03,
        (_, Unit::Millis) => 1.0 + was.abs() / 10.0,
        (_, Unit::MillisSeconds) => 10.0 + was.abs() / 10.0,
        (_, Unit::Share) => 0.01,
        (_, Unit::Seconds) => 0.3,
        (_, Unit::PerHour | Unit::PerMinute) => 1.0,
    }
}

impl Gate {
    /// Keeps a comparison and what it came to.
    #[must_use]
    pub fn new(suite: &Suite, outcome: &Outcome) -> Self {
        let subjects = suite.subjects.iter();
        let variants = suite.variants.iter();
        Self {
            laws: suite.laws.clone(),
            scenes: subjects.map(|subject| subject.name.clone()).collect(),
            variants: variants.map(|variant| variant.name.to_owned()).collect(),
            plans: suite.plans.clone(),
            seeds: suite.seeds.clone(),
            cells: outcome.cells.iter().map(GateCell::new).collect(),
        }
    }
}

/// Every figure of `outcome` that is worse than in `gate`, and what is missing in it.
#[must_use]
pub fn worse(gate: &Gate, outcome: &Outcome) -> Vec<Worse> {
    let compare = |old: &GateCell| {
        let new = outcome.cells.iter().find(|cell| old.is_of(cell));
        old.worse(new)
    };
    gate.cells.iter().flat_map(compare).collect()
}

/// To millionths, which is far below every tolerance.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

impl GateCell {
    fn new(cell: &Cell) -> Self {
        let gated = cell.figures.iter().filter(|(metric, _)| is_gated(**metric));
        Self {
            scene: cell.scene.clone(),
            variant: cell.variant.to_owned(),
            plan: cell.plan,
            law: cell.law.clone(),
            figures: gated
                .map(|(metric, estimate)| {
                    let values = [estimate.mean, estimate.error].map(rounded);
                    (metric.to_string(), values)
                })
                .collect(),
        }
    }

    fn is_of(&self, cell: &Cell) -> bool {
        self.scene == cell.scene
            && self.variant == cell.variant
            && self.law == cell.law
            && self.plan.to_bits() == cell.plan.to_bits()
    }

    fn worse(&self, new: Option<&Cell>) -> Vec<Worse> {
        let figures: BTreeMap<String, (Metric, &Estimate)> = new
            .into_iter()
            .flat_map(|cell| &cell.figures)
            .map(|(metric, estimate)| (metric.to_string(), (*metric, estimate)))
            .collect();
        let compare = |(name, [mean, error]): (&String, &[f64; 2])| {
            let change = match figures.get(name) {
                Some((metric, now)) => Some(Change::of(*metric, *mean, *error, now)?),
                None => None,
            };
            Some(Worse {
                place: format!(
                    "{} [{}] plan {} {}",
                    self.scene, self.variant, self.plan, self.law
                ),
                figure: name.clone(),
                change,
            })
        };
        self.figures.iter().filter_map(compare).collect()
    }
}

impl Change {
    /// `None` when it is no worse than it may be.
    fn of(metric: Metric, was: f64, error: f64, now: &Estimate) -> Option<Self> {
        let allowed = tolerance(metric, was).max(ERRORS * error.hypot(now.error));
        let change = Self {
            was,
            is: now.mean,
            allowed,
            unit: metric.unit(),
        };
        let worse_by = match metric.better() {
            Better::Lower => now.mean - was,
            Better::Higher => was - now.mean,
        };
        (worse_by > allowed).then_some(change)
    }
}

impl fmt::Display for Worse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, figure, .. } = self;
        match self.change {
            Some(Change {
                was,
                is,
                allowed,
                unit,
            }) => {
                let [was, is, allowed] = [was, is, allowed].map(|value| unit.show(value));
                write!(
                    f,
                    "WORSE   {place}: {figure} is {is}, was {was} (noise {allowed})"
                )
            }
            None => write!(f, "WORSE   {place}: {figure} is missing"),
        }
    }
}

#[cfg(test)]
mod tests {
    use wanctl_types::Direction;

    use super::*;
    use crate::bench::Judged;

    const USED: Metric = Metric::Utilisation(Direction::Download);

    fn cell(delay: [f64; 2], used: [f64; 2]) -> Cell {
        let estimate = |[mean, error]: [f64; 2]| Estimate {
            mean,
            error,
            least: mean,
            greatest: mean,
            count: 2,
        };
        Cell {
            scene: "here".to_owned(),
            judged: Judged::Download,
            variant: "default",
            plan: 1.0,
            law: "adaptive".to_owned(),
            figures: [
                (Metric::DelayP95, estimate(delay)),
                (USED, estimate(used)),
                (Metric::Rpm, estimate([2_000.0, 0.0])),
            ]
            .into(),
        }
    }

    fn gate(cell: &Cell) -> Gate {
        Gate {
            laws: vec![],
            scenes: vec![],
            variants: vec![],
            plans: vec![],
            seeds: vec![],
            cells: vec![GateCell::new(cell)],
        }
    }

    fn worse_than(new: Cell) -> Vec<String> {
        let gate = gate(&cell([10.0, 0.1], [0.90, 0.001]));
        let outcome = Outcome { cells: vec![new] };
        let worse = worse(&gate, &outcome).into_iter();
        worse.map(|worse| worse.figure).collect()
    }

    #[test]
    fn only_what_is_worse_by_more_than_noise_is_worse() {
        assert!(worse_than(cell([11.9, 0.1], [0.891, 0.001])).is_empty());
        assert_eq!(worse_than(cell([12.1, 0.1], [0.90, 0.001])), ["delay-p95"]);
        assert_eq!(
            worse_than(cell([2.0, 0.1], [0.88, 0.001])),
            ["utilisation-download"]
        );
        assert!(
            worse_than(cell([12.1, 1.0], [0.95, 0.0])).is_empty(),
            "within its error"
        );
    }

    #[test]
    fn what_is_missing_is_worse() {
        let mut new = cell([1.0, 0.0], [1.0, 0.0]);
        new.figures.remove(&USED);
        assert_eq!(worse_than(new), ["utilisation-download"]);
        let mut elsewhere = cell([1.0, 0.0], [1.0, 0.0]);
        elsewhere.scene = "there".to_owned();
        assert_eq!(worse_than(elsewhere), ["delay-p95", "utilisation-download"]);
    }

    #[test]
    fn a_gate_is_written_and_read() {
        let gate = gate(&cell([10.0, 0.1], [0.90, 0.001]));
        let text = serde_json::to_string(&gate).unwrap();
        assert_eq!(serde_json::from_str::<Gate>(&text).unwrap(), gate);
        assert!(!text.contains("rpm"), "{text}");
    }
}
