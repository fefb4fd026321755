//! The benchmark of control quality: many laws on the same lines, packet by packet.
//!
//! A [`Case`] is a line, its traffic, the probes' conditions and what the router can tell and do.
//! [`run_case()`] plays it to a [`LawUnderTest`] and takes everything down in a [`Recording`].
//! The cases that laws are compared on are made by the [`scenes`] of a catalogue, from lines that
//! [`generate`] makes from seeds. [`metrics`] says how well a law did, [`suite`] plays all laws on
//! all scenes, [`targets`] what the adaptive law must reach, and [`gate`] what it has reached
//! before.

pub mod adversary;
mod case;
mod engine;
pub mod gate;
pub mod generate;
mod law;
pub mod laws;
mod line;
pub mod metrics;
mod recording;
mod scenarios;
pub mod suite;
pub mod targets;

pub use case::{Actuation, Case, CounterKind, Demands, Flow, FlowKind, PathNoise, ReflectorFault};
pub use engine::{run_case, run_case_in_steps};
pub use law::{CounterReading, LawUnderTest, Plan, ProbeReply, Probing, Seen, Truth};
pub use line::{Buffer, LINE_BIN, Line, LineError, LineTrace};
pub use recording::{DirectionBin, RECORDING_BIN, Recording, SparseSample};
pub use scenarios::{Judged, Load, SENSITIVITY_SCENES, Scene, Seeds, Variant, case_on, scenes};
