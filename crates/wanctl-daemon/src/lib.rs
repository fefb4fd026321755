//! The run loops of wanctl's daemons: where time, packets, the router and the disk meet the cores.
//!
//! One loop per WAN turns probes into control steps and hands the results to tasks of their own,
//! so that a step waits for nothing. All it knows of the world comes through [`WanPorts`] and a
//! [`Clock`]; a simulator joins the same loop to virtual time.
//!
//! ```
//! use wanctl_daemon::Clock;
//! use wanctl_types::WallTime;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let clock = Clock::simulated(1_000.0, WallTime::from_unix_millis(0));
//! let deadline = clock.now() + std::time::Duration::from_secs(1);
//! clock.sleep_until(deadline).await; // a millisecond of real time
//! assert!(clock.now() >= deadline);
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! - [`Daemon`] runs all WANs of a process, restarts one that fails, and stops in order.
//! - [`WanTask`] is one WAN: probes, controller, router and state file.
//! - [`restore`] makes its controller from the state file, whatever is in it.
//! - [`SteerDaemon`] steers between WANs; what each rate-control daemon says reaches it as a
//!   [`ShaperReport`].
//! - [`World`] and [`SteerWorld`] make the ports; [`HostWorld`] those of this machine.
//! - [`TapeRecorder`] takes down every input of the control step, [`replay()`] runs it again.

mod chain;
mod clock;
mod daemon;
mod load;
mod lock;
mod ports;
mod pulse;
mod router_task;
mod shaper;
mod state;
mod steer;
mod tape;
mod ticker;
mod wan;
mod world;

pub use clock::Clock;
pub use daemon::{Daemon, DaemonError, DaemonOptions, Ended, ServiceManager};
pub use lock::{InstanceLock, LockError};
pub use ports::{History, Refresh, Refreshed, StateStore, WanPorts};
pub use shaper::{NoFeed, ShaperFeed, ShaperReport, SocketFeed, socket_path};
pub use state::{FileStore, LoadError, RestoreNote, Restored, StateImage, StateProblem, restore};
pub use steer::{
    Explained, Explanation, SteerCounters, SteerDaemon, SteerEnded, SteerError, SteerOptions,
    SteerReplay, SteerReplayError, SteerView, SteerWorld, replay_steering,
};
pub use tape::{Divergence, Replay, ReplayError, Tape, TapeRecorder, WanReplay, replay};
pub use wan::{WanEnd, WanTask, WanTaskConfig, initial_snapshot};
pub use world::{HostWorld, World, WorldError};

/// The version that health answers, recordings and `--version` show.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
