//! Taking down every input of the steering decision, and running them through the same code again.
//!
//! JSON lines: a header with configuration and state, then in order of their happening one line per
//! step with observation and decision, per answer of the router, and per reading of it. Numbers are
//! written so that they read back bit for bit.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufWriter, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::{error, warn};
use wanctl_steering::{
    ActionId, Decision, Observation, Settled, Steering, SteeringConfig, SteeringState, WanIndex,
};
use wanctl_types::Timestamp;

/// Version of the format.
const FORMAT: u32 = 1;
/// Lines that may wait for the disk.
const CAPACITY: usize = 1_024;
/// Longest time a line waits in memory.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::enum_variant_names,
    reason = "the words in the file tell it from one of rate control"
)]
pub(super) enum Line {
    SteeringHeader {
        format: u32,
        version: Cow<'static, str>,
        now: Timestamp,
        config: Box<SteeringConfig>,
        state: Option<Box<SteeringState>>,
    },
    SteeringStep {
        now: Timestamp,
        observation: Box<Observation>,
        decision: Box<Decision>,
    },
    SteeringSettled {
        now: Timestamp,
        id: ActionId,
        settled: Settled,
    },
    SteeringAdopted {
        now: Timestamp,
        active: WanIndex,
    },
    SteeringRoute {
        wan: WanIndex,
        demoted: bool,
    },
    SteeringLost {
        lines: u64,
    },
}

/// The way onto the tape.
pub(super) struct SteerTape {
    lines: SyncSender<Line>,
    writer: JoinHandle<()>,
    lost: u64,
}

impl SteerTape {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = BufWriter::new(File::create(path)?);
        let (lines, queue) = sync_channel(CAPACITY);
        let path = path.to_owned();
        let writer = std::thread::Builder::new()
            .name("tape".to_owned())
            .spawn(move || {
                if let Err(error) = drain(file, &queue) {
                    error!(%error, file = %path.display(), "the recording stops here: its file cannot be written");
                }
            })?;
        Ok(Self {
            lines,
            writer,
            lost: 0,
        })
    }

    pub(super) fn header(
        &mut self,
        now: Timestamp,
        config: &SteeringConfig,
        state: Option<&SteeringState>,
    ) {
        self.put(Line::SteeringHeader {
            format: FORMAT,
            version: Cow::Borrowed(crate::VERSION),
            now,
            config: Box::new(config.clone()),
            state: state.cloned().map(Box::new),
        });
    }

    /// Takes one line down; when the disk is too slow the line is counted as lost instead.
    pub(super) fn put(&mut self, line: Line) {
        if self.lost > 0 {
            let told = Line::SteeringLost { lines: self.lost };
            if self.lines.try_send(told).is_ok() {
                self.lost = 0;
            }
        }
        if self.lines.try_send(line).is_err() {
            self.lost += 1;
        }
    }

    /// Waits until everything is in the file.
    pub(super) fn finish(self) {
        if self.lost > 0 {
            warn!(lines = self.lost, "the end of the recording is missing");
        }
        drop(self.lines);
        if self.writer.join().is_err() {
            error!("the thread that writes the recording panicked; the file is incomplete");
        }
    }
}

fn drain(mut file: impl Write, queue: &Receiver<Line>) -> io::Result<()> {
    loop {
        match queue.recv_timeout(FLUSH_INTERVAL) {
            Ok(line) => {
                serde_json::to_writer(&mut file, &line)?;
                file.write_all(b"\n")?;
            }
            Err(RecvTimeoutError::Timeout) => file.flush()?,
            Err(RecvTimeoutError::Disconnected) => return file.flush(),
        }
    }
}

/// What a replay came to.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SteerReplay {
    /// Version of the program that recorded it.
    pub version: String,
    /// Decisions made again.
    pub steps: u64,
    /// Moves of eligible traffic completed.
    pub moves: u64,
    /// Decisions that differed.
    pub diverged: u64,
    /// Line of the first of them, from 1.
    pub first_divergence: Option<u64>,
}

/// Why a recording cannot be replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SteerReplayError {
    /// The file cannot be read.
    #[error("line {line}: cannot read the recording: {source}")]
    Read {
        /// Where.
        line: u64,
        /// Why not.
        source: io::Error,
    },
    /// A line is not what a recording of steering holds.
    #[error("line {line}: not a line of a recording of steering: {source}")]
    Malformed {
        /// Where.
        line: u64,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The beginning is missing, lines were lost, or the format is another.
    #[error("line {line}: {what}; what follows cannot be replayed")]
    Broken {
        /// Where.
        line: u64,
        /// What is wrong.
        what: &'static str,
    },
}

/// Replays a recording of steering.
///
/// # Errors
///
/// [`SteerReplayError`]: it cannot be replayed to its end. A decision that differs is no error but
/// part of the result.
pub fn replay_steering(tape: impl BufRead) -> Result<SteerReplay, SteerReplayError> {
    let mut result = SteerReplay::default();
    let mut playing: Option<Steering> = None;
    for (number, text) in (1..).zip(tape.lines()) {
        let text = text.map_err(|source| SteerReplayError::Read {
            line: number,
            source,
        })?;
        let line: Line =
            serde_json::from_str(&text).map_err(|source| SteerReplayError::Malformed {
                line: number,
                source,
            })?;
        let broken = |what| SteerReplayError::Broken { line: number, what };
        if let Line::SteeringHeader {
            format,
            version,
            now,
            config,
            state,
        } = line
        {
            if format != FORMAT {
                return Err(broken("another format"));
            }
            version.as_ref().clone_into(&mut result.version);
            let mut steering = Steering::new(*config);
            if let Some(state) = state {
                steering.restore(now, &state);
            }
            playing = Some(steering);
            continue;
        }
        let steering = playing
            .as_mut()
            .ok_or_else(|| broken("the beginning is missing"))?;
        play(steering, line, number, &mut result).map_err(broken)?;
    }
    Ok(result)
}

fn play(
    steering: &mut Steering,
    line: Line,
    number: u64,
    result: &mut SteerReplay,
) -> Result<(), &'static str> {
    match line {
        Line::SteeringStep {
            now,
            observation,
            decision,
        } => {
            let again = steering.step(now, &observation);
            result.steps += 1;
            // Equality of floats would let `-0.0` pass for `0.0`; their shortest texts do not.
            if again != *decision || format!("{again:?}") != format!("{decision:?}") {
                result.diverged += 1;
                result.first_divergence.get_or_insert(number);
            }
        }
        Line::SteeringSettled { now, id, settled } => {
            result.moves += u64::from(steering.settle(now, id, settled).is_some());
        }
        Line::SteeringAdopted { now, active } => steering.adopt(now, active),
        Line::SteeringRoute { wan, demoted } => steering.adopt_route(wan, demoted),
        Line::SteeringLost { .. } => return Err("lines were lost while recording"),
        Line::SteeringHeader { .. } => return Err("a header in the middle"),
    }
    Ok(())
}
