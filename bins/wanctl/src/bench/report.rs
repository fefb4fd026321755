//! What came of a comparison, by scene.

use wanctl_sim::bench::Seeds;
use wanctl_sim::bench::suite::{Cell, Outcome, Subject};

use super::question::Question;

/// The question and its answer.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) question: Question,
    pub(crate) outcome: Outcome,
}

impl Report {
    pub(crate) const fn new(question: Question, outcome: Outcome) -> Self {
        Self { question, outcome }
    }

    /// The cells of each subject under each variant.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (&Subject, &'static str, Vec<&Cell>)> {
        let suite = &self.question.suite;
        suite.subjects.iter().flat_map(move |subject| {
            suite.variants.iter().map(move |variant| {
                let cells = self.outcome.cells.iter();
                let mine =
                    |cell: &&Cell| cell.scene == subject.name && cell.variant == variant.name;
                (subject, variant.name, cells.filter(mine).collect())
            })
        })
    }

    /// The cell of a law on a scene with a plan; that of an oracle with any.
    pub(crate) fn cell(&self, scene: &str, variant: &str, plan: f64, law: &str) -> Option<&Cell> {
        let no_plan = wanctl_sim::bench::suite::is_oracle(law);
        self.outcome.cells.iter().find(|cell| {
            cell.scene == scene
                && cell.variant == variant
                && cell.law == law
                && (no_plan || cell.plan.to_bits() == plan.to_bits())
        })
    }

    /// The seeds in words: how many of which half.
    pub(crate) fn seeds(&self) -> String {
        let seeds = &self.question.suite.seeds;
        let half = match self.question.half {
            Some(Seeds::Tuning) => "tuning ",
            Some(Seeds::Reporting) => "reporting ",
            None => "",
        };
        match seeds.as_slice() {
            [seed] => format!("{half}seed {seed}"),
            [first, .., last] => format!("{} {half}seeds, {first} to {last}", seeds.len()),
            [] => "no seeds".to_owned(),
        }
    }
}
