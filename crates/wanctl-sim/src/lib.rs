//! A WAN and its router, simulated: for tests, demonstrations and labs.
//!
//! Everything here runs on time given to it, so a simulated hour takes a second and two runs
//! with one seed are equal; the servers bring the same parts to real sockets in real time.
//!
//! ```
//! use wanctl_sim::{DelayStats, Link, ProbeFate, Scenario};
//! use wanctl_types::Timestamp;
//!
//! let scenario = Scenario::download();
//! let mut link = Link::new(scenario.link, 42);
//! let delays = (0..400).filter_map(|n| match link.probe(Timestamp::from_micros(n * 50_000)) {
//!     ProbeFate::Answered { rtt } => Some(rtt),
//!     ProbeFate::Lost => None,
//! });
//! let stats = DelayStats::of(delays).unwrap();
//! assert!(stats.p50.get() > 300.0); // nobody limits the rate
//! ```
//!
//! - Model: [`Link`] from a [`LinkConfig`], ready-made in a [`Scenario`], judged by [`DelayStats`].
//! - Router: [`RouterOs`] in process, [`RouterOsServer`] over HTTP, with [`Fault`]s on demand.
//! - Both joined: [`Plant`]; its delays on the loopback interface: [`UdpReflector`] and, for the
//!   other end, [`UdpTransport`].
//! - The daemon inside: [`VirtualWan`] runs its loop on virtual time, through [`ProbeFault`]s if
//!   asked to, [`Demo`] the whole of it over loopback sockets.
//! - Control laws compared on many lines, packet by packet: [`mod@bench`].
//! - Real queues behind the simulated router: [`TcPlant`], and [`run_router`] as a program.

pub mod bench;
mod demo;
mod error;
mod link;
mod plant;
mod reflector;
mod routeros;
mod scenario;
mod sim_router;
mod stats;
mod tc_plant;
mod two_wans;
mod virtual_wan;

pub use demo::{Demo, DemoDelay, DemoMode, DemoRun, DemoSample};
pub use error::Error;
pub use link::{
    Capacity, Demand, LaneConfig, Link, LinkConfig, LinkCounters, ProbeFate, QueueCounts, Schedule,
    Wobble,
};
pub use plant::Plant;
pub use reflector::{UdpReflector, UdpTransport};
pub use routeros::{
    Answer, Fault, FaultExtent, FaultScope, LoggedRequest, QueueMeter, Quirks, Refusal, Reply,
    ReplyBody, Request, RequestCounts, RouterOs, RouterOsServer, ShownItem, Verb,
};
pub use scenario::{Phase, Scenario};
pub use sim_router::{RouterSetup, run_router};
pub use stats::DelayStats;
pub use tc_plant::TcPlant;
pub use two_wans::{Event, Line, RouterWindow, RouterWoe, TwoWans, TwoWansReport};
pub use virtual_wan::{
    ProbeFault, ProbeTrouble, RouterFault, RouterScript, RouterTrouble, VIRTUAL_EPOCH,
    VirtualReport, VirtualWan,
};
