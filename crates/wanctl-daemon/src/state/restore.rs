//! A controller that goes on where the last one stopped.

use wanctl_controller::{Controller, ControllerConfig, Correction};
use wanctl_types::{PerDirection, WallTime};

use crate::state::{FileStore, LoadError, StateImage, StateProblem};

/// What came of a stored state.
#[derive(Debug)]
#[non_exhaustive]
pub struct Restored {
    /// Within its configured bounds, whatever was stored.
    pub controller: Controller,
    /// Whether a stored state was there and of use.
    pub continued: bool,
    /// Everything about the stored state that was not believed.
    pub notes: Vec<RestoreNote>,
}

/// Something about a stored state that was not believed. Its `Display` says what, why and what
/// was used instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreNote {
    /// All of it: the controller starts at its ceilings.
    #[error(transparent)]
    Unusable(#[from] LoadError),
    /// A value that is not of its kind.
    #[error(transparent)]
    Problem(#[from] StateProblem),
    /// A value that this configuration rules out.
    #[error("{0}")]
    Corrected(Correction),
}

/// Makes a controller and gives it the stored state, as far as that can be believed. Never
/// fails: the worst file is worth as much as none.
#[must_use]
pub fn restore(config: &ControllerConfig, store: &FileStore) -> Restored {
    let controller = Controller::new(config.clone());
    let defaults = StateImage {
        controller: controller.state(),
        applied: PerDirection::default(),
        time: WallTime::default(),
    };
    let mut restored = Restored {
        controller,
        continued: false,
        notes: Vec::new(),
    };
    match store.load(&defaults) {
        Ok(Some((image, problems))) => restored.take(&image, problems),
        Ok(None) => {}
        Err(error @ (LoadError::Read { .. } | LoadError::Damaged { .. })) => {
            restored.notes.push(error.into());
        }
    }
    restored
}

impl Restored {
    fn take(&mut self, image: &StateImage, problems: Vec<StateProblem>) {
        let (state, corrections) = image.controller.validated(self.controller.config());
        let problems = problems.into_iter().map(RestoreNote::Problem);
        let corrections = corrections.into_iter().map(RestoreNote::Corrected);
        self.notes = problems.chain(corrections).collect();
        self.controller.restore(state);
        self.continued = true;
    }
}
