//! Taking down every input of the control step, and running them through the same code again.
//!
//! A tape is a text file of JSON lines: first one header per WAN with the version, the
//! controller's configuration and its state, then one line per control step with the time, the
//! observation and the decision. Numbers are written so that they read back bit for bit.

mod recorder;
mod replay;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use wanctl_controller::{ControllerConfig, ControllerState, Decision, Observation};
use wanctl_types::{Timestamp, WanName};

pub use recorder::{Tape, TapeRecorder};
pub use replay::{Divergence, Replay, ReplayError, WanReplay, replay};

/// Version of the format.
const FORMAT: u32 = 1;

/// One line of a tape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "a line lives for the time of writing or reading it"
)]
enum Line<'a> {
    Header(Header<'a>),
    Step(Step),
    /// Steps that found no room on their way to the file: from here on nothing can be replayed.
    Lost {
        wan: WanName,
        steps: u64,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Header<'a> {
    format: u32,
    version: Cow<'a, str>,
    wan: WanName,
    config: ControllerConfig,
    state: ControllerState,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Step {
    wan: WanName,
    now: Timestamp,
    observation: Observation,
    decision: Decision,
}
