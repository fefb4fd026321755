//! The catalogue: every scene that laws are compared on.
//!
//! A [`Scene`] makes a [`Case`] from a seed. Odd seeds are for tuning a law, even ones for
//! reporting on it; [`Seeds`] hands out either. The conditions of a case (actuation, counters,
//! lost probes) are varied by a [`Variant`].

pub(super) mod conditions;
mod fixed;
mod nuisances;
mod seeds;
mod steps;
mod traffic;
mod variants;
mod wandering;

use std::time::Duration;

use wanctl_types::Direction;

use super::Case;

pub use conditions::{Load, case_on};
pub use seeds::Seeds;
pub use variants::{SENSITIVITY_SCENES, Variant};

/// A line with traffic and conditions, made from a seed.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    /// Its name: lower case, words joined by hyphens.
    pub name: &'static str,
    /// What happens, one sentence.
    pub description: &'static str,
    /// Whose use of the line is judged. The sparse flow's delay always is.
    pub judged: Judged,
    /// When the line changes as the scene's name says; empty where it does not or never stops.
    pub events: &'static [Duration],
    /// Makes the case. The same seed gives the same case.
    pub build: fn(seed: u64) -> Case,
}

/// Whose use of the line is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Judged {
    /// What bulk traffic gets of the download's capacity. The upload must not be moved.
    Download,
    /// What bulk traffic gets of the upload's capacity. The download must not be moved.
    Upload,
    /// What bulk traffic gets of each direction's capacity.
    Both,
    /// That there is no reason to cut: nobody fills the line.
    Calm,
}

impl Judged {
    /// Whether the use of this direction's capacity is judged.
    #[must_use]
    pub const fn uses(self, direction: Direction) -> bool {
        match self {
            Self::Both => true,
            Self::Calm => false,
            Self::Download => matches!(direction, Direction::Download),
            Self::Upload => matches!(direction, Direction::Upload),
        }
    }
}

impl Scene {
    /// The scene of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        scenes().into_iter().find(|scene| scene.name == name)
    }
}

/// All of them, in the order of tables.
#[must_use]
pub fn scenes() -> Vec<Scene> {
    [
        fixed::SCENES,
        wandering::SCENES,
        steps::SCENES,
        traffic::SCENES,
        nuisances::SCENES,
    ]
    .concat()
}

#[cfg(test)]
mod tests;
