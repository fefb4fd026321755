//! The last decision in words: what it rests on, what was rejected, what would change it.

use core::fmt;

use serde::{Deserialize, Serialize};
use wanctl_steering::{Decision, Observation, WanIndex, WanObservation};
use wanctl_types::Timestamp;

use super::view::SteerView;

/// The last decision with all it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The WANs' names, the one in normal use first.
    pub wans: Vec<String>,
    /// `standard` or `legacy`, and whether anything is written.
    pub mode: String,
    /// Name of the state.
    pub state: String,
    /// Since when, in seconds.
    pub state_seconds: f64,
    /// The decision; `None` before the first.
    pub explained: Option<Explained>,
    /// Why traffic last moved.
    pub last_reason: Option<String>,
    /// What is wrong with the router.
    pub troubles: Vec<String>,
}

/// A decision and its inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explained {
    /// How old it is, in seconds.
    pub age_seconds: f64,
    /// When it was made, on the daemon's clock.
    pub at: Timestamp,
    /// What was seen.
    pub observation: Observation,
    /// What was decided.
    pub decision: Decision,
}

impl Explanation {
    /// Explains what is seen at `now`.
    #[must_use]
    pub fn of(view: &SteerView, now: Timestamp) -> Self {
        let engine = match view.config.steering.engine {
            wanctl_steering::EngineConfig::Legacy(_) => "legacy",
            wanctl_steering::EngineConfig::Standard(_) => "standard",
        };
        let writes = if view.config.shadow {
            "nothing is written"
        } else {
            "active"
        };
        let explained = view.decided.zip(view.decision.clone());
        Self {
            wans: view
                .config
                .wans
                .iter()
                .map(|wan| wan.name.to_string())
                .collect(),
            mode: format!("{engine}, {writes}"),
            state: view.state_name(),
            state_seconds: now.saturating_since(view.active_since).as_secs_f64(),
            explained: explained.map(|(at, decision)| Explained {
                age_seconds: now.saturating_since(at).as_secs_f64(),
                at,
                observation: view.observation.clone(),
                decision,
            }),
            last_reason: view.last_reason.clone(),
            troubles: view.troubles.clone(),
        }
    }

    fn name(&self, wan: WanIndex) -> &str {
        self.wans.get(wan.get()).map_or("?", String::as_str)
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} for {:.0} s ({})",
            self.state, self.state_seconds, self.mode
        )?;
        if let Some(reason) = &self.last_reason {
            writeln!(f, "  last moved: {reason}")?;
        }
        for trouble in &self.troubles {
            writeln!(f, "  trouble: {trouble}")?;
        }
        let Some(explained) = &self.explained else {
            return writeln!(f, "  nothing has been decided yet");
        };
        self.decision(f, explained)
    }
}

impl Explanation {
    fn decision(&self, f: &mut fmt::Formatter<'_>, explained: &Explained) -> fmt::Result {
        let decision = &explained.decision;
        writeln!(f, "\nlast decision, {:.1} s ago", explained.age_seconds)?;
        match decision.held {
            Some(held) => writeln!(f, "  stays on {}: {held}", self.name(decision.active))?,
            None => writeln!(f, "  leaves {}", self.name(decision.active))?,
        }
        for request in &decision.requests {
            writeln!(
                f,
                "  asks the router to {}: {}",
                request.action, request.reason
            )?;
        }
        writeln!(
            f,
            "  score {:.0} (assessment {:.0}, delay {:.0}, drops {:.0}, queue {:.0}, shaper {:.0})",
            decision.score.total,
            decision.score.assessment,
            decision.score.delay,
            decision.score.drops,
            decision.score.queue,
            decision.score.shaper
        )?;
        for (wan, verdict) in WanIndex::first(decision.wans.len()).zip(&decision.wans) {
            writeln!(f, "\n{}", self.name(wan))?;
            writeln!(f, "  {}", verdict.assessment)?;
            if wan == decision.active {
                writeln!(f, "  carries eligible traffic")?;
            }
            if let Some(rejected) = verdict.rejected {
                writeln!(f, "  not moved to: {rejected}")?;
            }
            if let Some(seen) = explained.observation.wans.get(wan.get()) {
                inputs(f, seen)?;
            }
        }
        Ok(())
    }
}

fn inputs(f: &mut fmt::Formatter<'_>, seen: &WanObservation) -> fmt::Result {
    for (place, target) in (1..).zip(&seen.targets) {
        let rtt = target
            .rtt
            .map_or_else(|| "no answer".to_owned(), |rtt| rtt.to_string());
        writeln!(
            f,
            "  target {place}: {rtt}, {} answered, {} lost, last heard {:.1} s ago",
            target.answered,
            target.lost,
            target.silent.as_secs_f64()
        )?;
    }
    if let Some(queue) = &seen.queue {
        writeln!(
            f,
            "  queue: {} drops in {:.1} s, {} packets wait, read {:.1} s ago",
            queue.drops,
            queue.interval.as_secs_f64(),
            queue.queued,
            queue.age.as_secs_f64()
        )?;
    }
    if let Some(shaper) = &seen.shaper {
        let zone = shaper
            .worst_zone()
            .map_or_else(|| "zone unknown".to_owned(), |zone| zone.to_string());
        let end = if shaper.can_help() {
            "can still lower its rate"
        } else if shaper.is_at_floor() {
            "is at its floor"
        } else {
            "has nothing to lower"
        };
        writeln!(
            f,
            "  shaper: {zone}, {end}, said {:.1} s ago",
            shaper.age.as_secs_f64()
        )?;
    }
    Ok(())
}
