//! What a run loop needs of the world.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use wanctl_probe::{ReserveChecks, Transport};
use wanctl_router::Backend;
use wanctl_storage::{CycleRecord, CycleSink, Recorded};

use crate::state::StateImage;
use crate::tape::Tape;
use crate::world::WorldError;

/// The world as one WAN's loop sees it.
pub struct WanPorts {
    /// Sends probes and receives answers.
    pub transport: Box<dyn Transport>,
    /// Looks for signs of life while no reflector answers.
    pub reserve: Arc<dyn ReserveChecks>,
    /// Sets rates.
    pub backend: Arc<dyn Backend>,
    /// Reads counters, best on a connection of its own; `None` when the law does without.
    pub counters: Option<Arc<dyn Backend>>,
    /// Takes one record per completed cycle; `None` when history is off.
    pub history: Option<Box<dyn History>>,
    /// Keeps the state over restarts.
    pub state: Arc<dyn StateStore>,
    /// Takes down every input of the control step; `None` when nobody asked for it.
    pub tape: Option<Tape>,
}

/// Looks for the reflectors anew, for when nothing has answered for a while.
#[async_trait]
pub trait Refresh: Send + Sync {
    /// Looks up the addresses again and opens a new way to them.
    ///
    /// # Errors
    ///
    /// Why there is none; the old one is kept.
    async fn refresh(&self) -> Result<Refreshed, WorldError>;
}

/// A new way to the reflectors.
pub struct Refreshed {
    /// Their addresses, in the order of the configuration; `None` for one that has none now.
    pub targets: Vec<Option<IpAddr>>,
    /// Sends probes and receives answers.
    pub transport: Box<dyn Transport>,
}

/// Where records of completed cycles go. Must not wait.
pub trait History: Send {
    /// Takes one record, or says that there was no room.
    fn record(&mut self, record: CycleRecord) -> Recorded;
}

impl History for CycleSink {
    fn record(&mut self, record: CycleRecord) -> Recorded {
        Self::record(self, record)
    }
}

/// Where a WAN's state survives a restart.
#[async_trait]
pub trait StateStore: Send + Sync {
    /// Replaces the stored state, whole or not at all.
    ///
    /// # Errors
    ///
    /// Why it could not be stored; the previous state is then still there.
    async fn save(&self, image: &StateImage) -> std::io::Result<()>;
}
