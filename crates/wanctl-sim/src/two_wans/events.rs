//! What may happen beside the lines.

use std::fs;
use std::ops::Range;
use std::time::Duration;

use super::Stage;
use super::settings::{self, RULE};
use crate::Error;

/// Something that happens at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Somebody switches the rule.
    SwitchRule(bool),
    /// Somebody deletes the rule.
    DeleteRule,
    /// Somebody adds the rule again, disabled.
    AddRule,
    /// Somebody puts another rule before it, and the router numbers everything anew.
    Reorder,
    /// The queue's counters begin anew.
    ResetCounters,
    /// Civil time is set by so many seconds.
    StepClock(i64),
    /// The steering daemon is killed without a word and started again.
    Kill,
    /// It is killed, its state file is cut in half, and it is started again.
    KillAndTruncate,
}

/// What goes wrong with the router for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterWindow {
    /// When.
    pub during: Range<Duration>,
    /// What.
    pub woe: RouterWoe,
}

/// What goes wrong with the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouterWoe {
    /// Nobody listens there.
    Down,
    /// It answers so much later; requests are given up after five seconds.
    Slow(Duration),
    /// It refuses the credentials.
    Unauthorized,
}

impl Stage<'_> {
    pub(super) async fn happen(&mut self, event: &Event) -> Result<(), Error> {
        match *event {
            Event::SwitchRule(enabled) => self.device.switch_mangle_rules(RULE, enabled),
            Event::DeleteRule => self.device.remove_mangle_rules(RULE),
            Event::AddRule => self.device.add_mangle_rule(RULE, false),
            Event::Reorder => {
                let steered = self.device.mangle_rule_enabled(RULE).unwrap_or(false);
                self.device.remove_mangle_rules(RULE);
                self.device.add_mangle_rule("another rule", true);
                self.device.add_mangle_rule(RULE, steered);
            }
            Event::ResetCounters => self.numbers.with(|numbers| numbers.resets += 1),
            Event::StepClock(seconds) => self.clock.step_wall(seconds * 1_000),
            Event::Kill => self.kill().await?,
            Event::KillAndTruncate => {
                self.end_steering().await;
                let file = settings::state_file(self.directory);
                let text = fs::read_to_string(&file).unwrap_or_default();
                let half = text.get(..text.len() / 2).unwrap_or_default();
                drop(fs::write(&file, half));
                self.start_steering()?;
            }
        }
        Ok(())
    }

    async fn kill(&mut self) -> Result<(), Error> {
        self.end_steering().await;
        self.start_steering()
    }

    /// Nothing of the daemon's orderly end is run.
    async fn end_steering(&mut self) {
        if let Some(((_, task), _)) = self.steering.take() {
            task.abort();
            drop(task.await);
        }
    }
}
