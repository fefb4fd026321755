//! History of wanctl in SQLite: what was measured and decided, and why.
//!
//! The control loop hands a fixed-size [`CycleRecord`] to a [`CycleSink`] and goes on at once; a
//! thread owned by the [`Recorder`] commits what has gathered, retries when the disk or a lock is in
//! the way, and deletes what has grown old. Other programs write with a [`Writer`] and read with a
//! [`Reader`]. The relation `metrics` is the one of the Python wanctl: both can read and write one
//! file. Everything is kept at full rate until it is deleted; nothing is averaged into coarser rows.
//!
//! ```
//! use wanctl_storage::{Metric, Query, Reader, Writer, names};
//! use wanctl_types::{WallTime, WanName};
//!
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("metrics.db");
//! let wan = WanName::new("cable")?;
//! let noon = WallTime::from_unix_millis(1_700_000_000_250);
//! Writer::open(&path)?.write_metric(&Metric::new(noon, &wan, names::RTT_MS, 23.5))?;
//!
//! let rows = Reader::open(&path)?.query(&Query::between(1_700_000_000, 1_700_000_060))?;
//! assert_eq!(rows.len(), 1);
//! assert_eq!(rows.first().map(|row| row.value), Some(23.5));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - For the control loops: [`Recorder`], [`CycleSink`], [`CycleRecord`], [`SteeringRecord`],
//!   [`ReasonText`], [`ConfigSnapshot`].
//! - For everybody else: [`Writer`] takes [`Metric`]s with [`Labels`], [`Reader`] answers a [`Query`]
//!   with [`Row`]s and lists [`Transition`]s.
//!
//! # Time
//!
//! A [`CycleRecord`] carries milliseconds. Rows of `metrics` carry whole seconds, rounded down, as
//! the Python wanctl writes and reads them; within a second the row id orders them. Zone changes
//! are kept with their milliseconds in the table `transitions` beside it.

mod clock;
mod config;
mod cycle;
mod error;
mod json;
mod labels;
mod metric;
pub mod names;
mod reader;
mod reason;
mod recorder;
mod schema;
mod snapshot;
mod steering;
mod writer;

pub use config::StorageConfig;
pub use cycle::CycleRecord;
pub use error::Error;
pub use labels::Labels;
pub use metric::{Granularity, Metric, Row, Transition};
pub use reader::{Query, Reader};
pub use reason::ReasonText;
pub use recorder::{CycleSink, Recorded, Recorder, RecorderStats};
pub use schema::SCHEMA_VERSION;
pub use serde_json::Number;
pub use snapshot::{
    AutorateSnapshot, ConfigSnapshot, SteeringSnapshot, ThresholdsSnapshot, TopologySnapshot,
    Trigger,
};
pub use steering::{SteeringMove, SteeringRecord};
pub use writer::Writer;
