//! Running a tape through the control law again.

use std::collections::BTreeMap;
use std::io::BufRead;

use wanctl_controller::{Controller, Decision};
use wanctl_types::{Timestamp, WanName};

use super::{FORMAT, Header, Line, Step};

/// What a replay came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replay {
    /// Each recorded WAN.
    pub wans: BTreeMap<WanName, WanReplay>,
}

impl Replay {
    /// Whether every step ended in the recorded decision.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.wans.values().all(|wan| wan.first_divergence.is_none())
    }
}

/// What one WAN's replay came to.
#[derive(Clone, Debug, PartialEq)]
pub struct WanReplay {
    /// Version of the program that recorded it.
    pub version: String,
    /// Steps replayed.
    pub steps: u64,
    /// Steps whose decision differed.
    pub diverged: u64,
    /// The first of them.
    pub first_divergence: Option<Divergence>,
    /// The last decision.
    pub last: Option<Decision>,
}

/// A step that ended differently.
#[derive(Clone, Debug, PartialEq)]
pub struct Divergence {
    /// Line of the tape, from 1.
    pub line: u64,
    /// When the step was made.
    pub now: Timestamp,
    /// What was decided then.
    pub recorded: Decision,
    /// What is decided now.
    pub replayed: Decision,
}

/// Why a tape cannot be replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The file cannot be read.
    #[error("line {line}: cannot read the recording: {source}")]
    Read {
        /// Where.
        line: u64,
        /// Why not.
        source: std::io::Error,
    },
    /// A line is not what a recording holds. The last line of a killed daemon may be cut short.
    #[error("line {line}: not a line of a recording ({source}); if it is the last, cut it off")]
    Malformed {
        /// Where.
        line: u64,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Another format.
    #[error("line {line}: recording format {found}, this version reads format {FORMAT}")]
    Format {
        /// Where.
        line: u64,
        /// The format found.
        found: u32,
    },
    /// A step before its WAN's header.
    #[error("line {line}: a step of {wan} before its header; the beginning of the file is missing")]
    NoHeader {
        /// Where.
        line: u64,
        /// Whose.
        wan: WanName,
    },
    /// The recording has a gap.
    #[error(
        "line {line}: {steps} steps of {wan} were lost while recording; what follows cannot be replayed"
    )]
    Lost {
        /// Where.
        line: u64,
        /// Whose.
        wan: WanName,
        /// How many.
        steps: u64,
    },
    /// Not a single step.
    #[error("the recording holds no step")]
    Empty,
}

/// Replays a whole tape.
///
/// # Errors
///
/// [`ReplayError`]: the tape cannot be replayed to its end. A decision that differs is no error
/// but part of the result.
pub fn replay(tape: impl BufRead) -> Result<Replay, ReplayError> {
    let mut players = BTreeMap::new();
    for (line, text) in (1..).zip(tape.lines()) {
        let text = text.map_err(|source| ReplayError::Read { line, source })?;
        let parsed = serde_json::from_str(&text);
        match parsed.map_err(|source| ReplayError::Malformed { line, source })? {
            Line::Header(header) => {
                let wan = header.wan.clone();
                let earlier = players.remove(&wan).map(|player: Player| player.result);
                players.insert(wan, Player::new(header, line, earlier)?);
            }
            Line::Step(step) => match players.get_mut(&step.wan) {
                Some(player) => player.play(&step, line),
                None => {
                    return Err(ReplayError::NoHeader {
                        line,
                        wan: step.wan,
                    });
                }
            },
            Line::Lost { wan, steps } => return Err(ReplayError::Lost { line, wan, steps }),
        }
    }
    let wans: BTreeMap<_, _> = players
        .into_iter()
        .map(|(wan, p)| (wan, p.result))
        .collect();
    if wans.values().all(|wan| wan.steps == 0) {
        return Err(ReplayError::Empty);
    }
    Ok(Replay { wans })
}

struct Player {
    controller: Controller,
    result: WanReplay,
}

impl Player {
    /// A WAN that was started again within one recording has several headers; `earlier` is what
    /// came before.
    fn new(header: Header<'_>, line: u64, earlier: Option<WanReplay>) -> Result<Self, ReplayError> {
        if header.format != FORMAT {
            let found = header.format;
            return Err(ReplayError::Format { line, found });
        }
        let mut controller = Controller::new(header.config);
        controller.restore(header.state);
        Ok(Self {
            controller,
            result: earlier.unwrap_or_else(|| WanReplay {
                version: header.version.into_owned(),
                steps: 0,
                diverged: 0,
                first_divergence: None,
                last: None,
            }),
        })
    }

    fn play(&mut self, step: &Step, line: u64) {
        let replayed = self.controller.step(step.now, &step.observation);
        let result = &mut self.result;
        result.steps += 1;
        result.last = Some(replayed);
        if !same_bits(&replayed, &step.decision) {
            result.diverged += 1;
            result.first_divergence.get_or_insert(Divergence {
                line,
                now: step.now,
                recorded: step.decision,
                replayed,
            });
        }
    }
}

/// Equality of floats would let `-0.0` pass for `0.0`; their shortest texts do not.
fn same_bits(a: &Decision, b: &Decision) -> bool {
    a == b && format!("{a:?}") == format!("{b:?}")
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use wanctl_controller::{
        Alpha, BaselineConfig, ControllerConfig, ControllerState, Factor, Floors, Observation,
        QueueConfig, Threshold, Thresholds,
    };
    use wanctl_types::{Millis, PerDirection, RateBound};

    use super::*;

    #[test]
    fn a_difference_before_a_restart_is_not_forgotten() {
        let mut wrong = step();
        wrong.decision.baseline = Millis::new(99.0).unwrap();
        let tape = text(&[header(), Line::Step(wrong), header(), Line::Step(step())]);
        let result = replay(tape.as_bytes()).unwrap();
        assert!(!result.agrees());
        let wan = result.wans.values().next().unwrap();
        assert_eq!((wan.steps, wan.diverged), (2, 1));
    }

    #[test]
    fn a_gap_ends_the_replay_with_its_size() {
        let lost = Line::Lost {
            wan: wan(),
            steps: 3,
        };
        let tape = text(&[header(), Line::Step(step()), lost]);
        let error = replay(tape.as_bytes()).unwrap_err();
        assert!(
            matches!(
                error,
                ReplayError::Lost {
                    line: 3,
                    steps: 3,
                    ..
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn what_is_no_tape_is_refused_with_its_line() {
        let cut = text(&[header()]) + "{\"step\":";
        for (tape, message) in [
            ("", "no step"),
            ("hello\n", "line 1"),
            (cut.as_str(), "line 2"),
            (text(&[Line::Step(step())]).as_str(), "before its header"),
        ] {
            let error = replay(tape.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    fn text(lines: &[Line<'_>]) -> String {
        lines
            .iter()
            .map(|line| serde_json::to_string(line).unwrap() + "\n")
            .collect()
    }

    fn header() -> Line<'static> {
        Line::Header(Header {
            format: FORMAT,
            version: Cow::Borrowed("test"),
            wan: wan(),
            config: config(),
            state: ControllerState::initial(&config()),
        })
    }

    fn step() -> Step {
        let observation = Observation::default();
        let now = Timestamp::ZERO;
        let decision = Controller::new(config()).step(now, &observation);
        Step {
            wan: wan(),
            now,
            observation,
            decision,
        }
    }

    fn wan() -> WanName {
        WanName::new("test").unwrap()
    }

    fn config() -> ControllerConfig {
        let bound = |mbps| RateBound::from_mbps(mbps).unwrap();
        let factor = Factor::new(0.9).unwrap();
        let floors = Floors::uniform(bound(1.0));
        let queue = QueueConfig::new(floors, bound(9.0), bound(1.0), factor, factor).unwrap();
        let [target, warn, hard_red] = [5, 10, 20].map(Threshold::from_integer);
        let baseline = BaselineConfig {
            initial: Millis::new(20.0).unwrap(),
            alpha: Alpha::new(0.1).unwrap(),
            update_threshold: Millis::new(3.0).unwrap(),
            min: Millis::new(1.0).unwrap(),
            max: Millis::new(100.0).unwrap(),
        };
        ControllerConfig::new(
            PerDirection::new(queue, queue),
            Thresholds::new(target, warn, hard_red).unwrap(),
            baseline,
            Alpha::new(0.5).unwrap(),
        )
    }
}
