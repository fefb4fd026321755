//! Many laws on many cases with many seeds, and what comes of it.
//!
//! ```text
//! subjects × variants × plans × laws × seeds ──► runs, on all processors ──► figures of each run
//!                                                                   means over seeds ◄──┘
//! ```
//!
//! Runs know nothing of each other and are put together in the order of the question, so the
//! outcome is the same whatever the number of jobs.

mod estimate;
mod subject;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use wanctl_types::{Bps, Direction, PerDirection};

use super::metrics::{Figures, Metric, measure};
use super::{Case, Judged, LawUnderTest, Plan, Recording, Variant, laws, run_case};
use crate::Error;

pub use estimate::Estimate;
pub use subject::{Subject, Trace};

/// A comparison to be made.
#[derive(Clone, Debug)]
pub struct Suite {
    /// What the laws are put on.
    pub subjects: Vec<Subject>,
    /// Conditions that each subject is played under.
    pub variants: Vec<Variant>,
    /// What the plan is believed to be, as a part of the line's mean capacity. Oracles, which
    /// need no plan, are played with the first alone.
    pub plans: Vec<f64>,
    /// Names of laws, as [`laws::law`] knows them.
    pub laws: Vec<String>,
    /// Seeds of the cases.
    pub seeds: Vec<u64>,
    /// Runs at the same time.
    pub jobs: NonZeroUsize,
}

/// One law under one set of conditions: means over seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The name of the subject.
    pub scene: String,
    /// Whose use of the line was judged.
    pub judged: Judged,
    /// The name of the variant.
    pub variant: &'static str,
    /// The plan, as a part of the mean capacity.
    pub plan: f64,
    /// The name of the law.
    pub law: String,
    /// What came out.
    pub figures: BTreeMap<Metric, Estimate>,
}

/// What a comparison came to, in the order of the question: by scene, variant, plan, law.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// One for each law on each subject under each variant and plan.
    pub cells: Vec<Cell>,
}

/// A law's figures over an oracle's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OracleRatio {
    /// Of the 95th percentile of the delay.
    pub delay: Option<f64>,
    /// Of the mean utilisation.
    pub utilisation: Option<f64>,
}

/// The oracle that laws are compared with.
pub const ORACLE: &str = "oracle(0.15,0.95)";

/// One run to be made.
#[derive(Clone, Copy)]
struct Job<'a> {
    subject: &'a Subject,
    variant: &'a Variant,
    plan: f64,
    law: &'a str,
    seed: u64,
}

impl Suite {
    /// Makes the comparison. `progress` is told how many of how many runs are done.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownLaw`] when a name is no law's.
    pub fn run(&self, progress: impl Fn(usize, usize) + Sync) -> Result<Outcome, Error> {
        let any = Plan {
            rates: PerDirection::from_fn(|_| Bps::from_mbps(10)),
        };
        for name in &self.laws {
            make(name, &any, 0)?;
        }
        let groups = self.groups();
        let jobs: Vec<Job<'_>> = groups
            .iter()
            .flat_map(|group| {
                self.seeds.iter().map(|seed| Job {
                    seed: *seed,
                    ..*group
                })
            })
            .collect();
        let done = AtomicUsize::new(0);
        let runs = in_parallel(self.jobs, &jobs, |job| {
            let figures = job.run();
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, jobs.len());
            figures
        });
        let runs: Vec<(Judged, Figures)> = runs.into_iter().collect::<Result<_, _>>()?;
        let cells = groups.iter().zip(runs.chunks(self.seeds.len().max(1)));
        Ok(Outcome {
            cells: cells.map(|(group, runs)| group.cell(runs)).collect(),
        })
    }

    /// The runs without their seeds.
    fn groups(&self) -> Vec<Job<'_>> {
        let mut groups = Vec::new();
        for subject in &self.subjects {
            for variant in &self.variants {
                for (index, plan) in self.plans.iter().enumerate() {
                    let laws = self.laws.iter().map(String::as_str);
                    let laws = laws.filter(|law| index == 0 || !is_oracle(law));
                    groups.extend(laws.map(|law| Job {
                        subject,
                        variant,
                        plan: *plan,
                        law,
                        seed: 0,
                    }));
                }
            }
        }
        groups
    }
}

/// Whether a law is told the truth.
#[must_use]
pub fn is_oracle(law: &str) -> bool {
    law.starts_with("oracle")
}

/// Plays one case of a subject to a law: the recording, and the case it is of.
///
/// # Errors
///
/// [`Error::UnknownLaw`] when the name is no law's.
pub fn record(
    subject: &Subject,
    variant: &Variant,
    plan: f64,
    law: &str,
    seed: u64,
) -> Result<(Case, Recording), Error> {
    let case = (variant.apply)(subject.case(seed));
    let mut law = make(law, &plan_of(&case, plan), seed)?;
    let recording = run_case(&case, law.as_mut());
    Ok((case, recording))
}

fn make(name: &str, plan: &Plan, seed: u64) -> Result<Box<dyn LawUnderTest + Send>, Error> {
    laws::law(name, plan, seed).ok_or_else(|| Error::UnknownLaw {
        name: name.to_owned(),
    })
}

/// The plan that an operator has who takes the line for `part` of its mean.
fn plan_of(case: &Case, part: f64) -> Plan {
    Plan {
        rates: case
            .line
            .mean()
            .map(|mean| Bps::truncating(mean.as_f64() * part)),
    }
}

impl Job<'_> {
    fn run(&self) -> Result<(Judged, Figures), Error> {
        let (case, recording) = record(self.subject, self.variant, self.plan, self.law, self.seed)?;
        let judged = self.subject.judged;
        let figures = measure(&case, judged, &self.subject.events, &recording);
        Ok((judged, figures))
    }

    fn cell(&self, runs: &[(Judged, Figures)]) -> Cell {
        let mut values: BTreeMap<Metric, Vec<f64>> = BTreeMap::new();
        for (metric, value) in runs.iter().flat_map(|(_, figures)| figures) {
            values.entry(*metric).or_default().push(*value);
        }
        let estimates = values.into_iter().filter_map(|(metric, values)| {
            let estimate = Estimate::of(&values)?;
            Some((metric, estimate))
        });
        Cell {
            scene: self.subject.name.clone(),
            judged: self.subject.judged,
            variant: self.variant.name,
            plan: self.plan,
            law: self.law.to_owned(),
            figures: estimates.collect(),
        }
    }
}

impl Cell {
    /// The mean of a figure; `None` where the case has no occasion for it.
    #[must_use]
    pub fn mean(&self, metric: Metric) -> Option<f64> {
        self.figures.get(&metric).map(|estimate| estimate.mean)
    }

    /// The mean utilisation of the judged directions; `None` where none is judged.
    #[must_use]
    pub fn utilisation(&self) -> Option<Estimate> {
        let directions = Direction::BOTH.map(Metric::Utilisation);
        let mut estimates = directions
            .iter()
            .filter_map(|metric| self.figures.get(metric));
        let first = estimates.next()?;
        Some(
            estimates
                .next()
                .map_or(*first, |second| first.mean_with(second)),
        )
    }

    /// Whether it was made under the same conditions. Oracles, which have no plan, are met by
    /// every plan.
    #[must_use]
    pub fn is_comparable(&self, other: &Self) -> bool {
        let no_plan = is_oracle(&self.law) || is_oracle(&other.law);
        self.scene == other.scene
            && self.variant == other.variant
            && (no_plan || self.plan.to_bits() == other.plan.to_bits())
    }
}

impl Outcome {
    /// How `cell` compares with the oracle under the same conditions: the 95th percentile of the
    /// delay and the utilisation, each over the oracle's. A delay is `None` where the oracle has
    /// less than 1 ms.
    #[must_use]
    pub fn of_oracle(&self, cell: &Cell) -> Option<OracleRatio> {
        let oracle = self.beside(cell, ORACLE)?;
        let delay = |cell: &Cell| cell.mean(Metric::DelayP95);
        let used = |cell: &Cell| Some(cell.utilisation()?.mean);
        Some(OracleRatio {
            delay: delay(oracle)
                .filter(|delay| *delay >= 1.0)
                .and_then(|theirs| Some(delay(cell)? / theirs)),
            utilisation: used(oracle)
                .filter(|used| *used > 0.0)
                .and_then(|theirs| Some(used(cell)? / theirs)),
        })
    }

    /// What `law` did under the conditions of `cell`.
    #[must_use]
    pub fn beside(&self, cell: &Cell, law: &str) -> Option<&Cell> {
        let mut others = self.cells.iter();
        others.find(|other| other.law == law && cell.is_comparable(other))
    }
}

/// Applies `work` to each item on so many threads; answers in the order of the items.
fn in_parallel<T: Sync, R: Send>(
    jobs: NonZeroUsize,
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let answers = Mutex::new(Vec::with_capacity(items.len()));
    thread::scope(|scope| {
        for _ in 0..jobs.get().min(items.len()) {
            scope.spawn(|| {
                while let Some((index, item)) = take(&next, items) {
                    let answer = work(item);
                    let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
                    answers.push((index, answer));
                }
            });
        }
    });
    let mut answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

fn take<'a, T>(next: &AtomicUsize, items: &'a [T]) -> Option<(usize, &'a T)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    items.get(index).map(|item| (index, item))
}

#[cfg(test)]
mod tests;
