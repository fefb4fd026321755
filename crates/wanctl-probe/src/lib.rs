//! RTT probing for wanctl: ICMP echo with the kernel's receive timestamps, a schedule that
//! knows no clock, and the checks made while ICMP is silent.
//!
//! The schedule runs on virtual time; whoever owns the clock drives it:
//!
//! ```
//! use std::time::Duration;
//! use wanctl_probe::{Closed, Received, Rounds, RoundsConfig};
//! use wanctl_types::{Millis, Timestamp};
//!
//! let config = RoundsConfig {
//!     interval: Duration::from_millis(50),
//!     timeout: Duration::from_secs(1),
//!     quorum: 1,
//! };
//! let targets = vec!["192.0.2.1".parse()?, "192.0.2.2".parse()?];
//! let mut rounds = Rounds::new(config, targets, 7)?;
//!
//! let requests = rounds.open_round(Timestamp::ZERO);
//! let asked = &requests[0];
//! let reply = Received {
//!     source: asked.target,
//!     sequence: asked.sequence,
//!     nonce: asked.nonce,
//!     sent_at: asked.sent_at,
//!     waited: Duration::ZERO,
//! };
//! let sample = rounds.handle_reply(&reply, Timestamp::from_micros(12_500))?;
//! assert_eq!(sample.rtt.to_string(), "12.5ms");
//!
//! // The second target stays silent: the round closes one interval after the quorum.
//! assert_eq!(rounds.poll_closed(Timestamp::from_micros(62_499)), None);
//! let round = rounds.poll_closed(Timestamp::from_micros(62_500)).ok_or("still open")?;
//! assert_eq!(round.cause, Closed::Quorum);
//! assert_eq!(round.answers[0].map(|answer| answer.rtt), Millis::new(12.5));
//! assert_eq!(round.answers[1], None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`Rounds`] decides when to ask and which replies count; [`ClosedRound`] is what comes out.
//! - [`Transport`] is the port through which requests leave; [`EchoSocket`] is the real one.
//! - [`EchoRepr`] is an echo message on the wire.
//! - [`ReserveChecks`] is the port for the checks without ICMP; [`Reserve`] makes them.
//! - [`resolve()`] finds addresses, [`validate_host`] says whether a text can have one.

mod config;
mod entropy;
mod error;
mod icmp;
mod reserve;
mod resolve;
mod rounds;
mod socket;
mod transport;

pub use config::{ProbeConfig, ReserveConfig, SourceBinding};
pub use error::Error;
pub use icmp::{ECHO_LEN, EchoKind, EchoRepr, Malformed, strip_ipv4_header};
pub use reserve::{GATEWAY_TIMEOUT, Reserve, ReserveAnswer, ReserveChecks, TCP_TIMEOUT};
pub use resolve::{resolve, resolve_each, resolve_for, validate_host};
pub use rounds::{
    Answer, Closed, ClosedRound, MAX_ROUNDS, MAX_TARGETS, Rejected, RoundId, Rounds, RoundsConfig,
    RoundsStats, Sample, Wake,
};
pub use socket::{EchoSocket, Families, Family, SocketStats};
pub use transport::{EchoRequest, Received, Transport};
