//! Changes to a running emulator, one per datagram.

use std::fmt;
use std::io;
use std::net::Ipv4Addr;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, anyhow};

use crate::args::{parse_loss, parse_ms};
use crate::faults::{Fault, parse_reply};
use crate::schedule::Schedule;

/// Bytes of the longest change: a path as long as Linux takes, and its name.
const LONGEST: usize = 4_096 + 16;

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    /// The text it was read from; travels as the datagram.
    text: String,
    /// Its meaning.
    pub(crate) kind: ChangeKind,
}

/// What a change does. Delay, jitter and loss concern both directions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ChangeKind {
    /// Rates from A to B.
    AbPlan(Schedule),
    /// Rates from B to A.
    BaPlan(Schedule),
    /// Travelling time of one direction.
    Delay(Duration),
    /// Largest extra travelling time.
    Jitter(Duration),
    /// Share of packets lost.
    Loss(f64),
    /// Whether ICMP gets from B to A.
    Icmp(bool),
    /// What becomes of an address's echo replies on their way from B to A.
    Reply(Ipv4Addr, Fault),
}

impl FromStr for Change {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| anyhow!("expected NAME=VALUE"))?;
        let kind = match name {
            "ab" => ChangeKind::AbPlan(Schedule::fixed(value.parse()?)),
            "ba" => ChangeKind::BaPlan(Schedule::fixed(value.parse()?)),
            "ab-trace" => ChangeKind::AbPlan(Schedule::trace_file(Path::new(value))?),
            "ba-trace" => ChangeKind::BaPlan(Schedule::trace_file(Path::new(value))?),
            "delay" => ChangeKind::Delay(parse_ms(value)?),
            "jitter" => ChangeKind::Jitter(parse_ms(value)?),
            "loss" => ChangeKind::Loss(parse_loss(value)?),
            "icmp" => match value {
                "on" => ChangeKind::Icmp(true),
                "off" => ChangeKind::Icmp(false),
                other => return Err(anyhow!("`{other}` is neither on nor off")),
            },
            "reply" => {
                let (address, fault) = parse_reply(value)?;
                ChangeKind::Reply(address, fault)
            }
            other => {
                return Err(anyhow!(
                    "`{other}` is none of ab, ba, ab-trace, ba-trace, delay, jitter, loss, icmp, reply"
                ));
            }
        };
        Ok(Self {
            text: text.to_owned(),
            kind,
        })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Sends changes to the emulator that listens on `path`.
pub(crate) fn send(path: &Path, changes: &[Change]) -> anyhow::Result<()> {
    let socket = UnixDatagram::unbound().context("open a datagram socket")?;
    for change in changes {
        socket
            .send_to(change.text.as_bytes(), path)
            .with_context(|| format!("send `{change}` to {}", path.display()))?;
    }
    Ok(())
}

/// Listens on `path` without ever waiting.
pub(crate) fn listen(path: &Path) -> anyhow::Result<UnixDatagram> {
    let socket = UnixDatagram::bind(path)
        .with_context(|| format!("listen on {}; does it exist already?", path.display()))?;
    socket
        .set_nonblocking(true)
        .context("make the control socket non-blocking")?;
    Ok(socket)
}

/// The next change that waits on `socket`; `Some(Err)` for a datagram that is none.
pub(crate) fn receive(socket: &UnixDatagram) -> Option<anyhow::Result<Change>> {
    let mut buffer = [0; LONGEST];
    let length = match socket.recv(&mut buffer) {
        Ok(length) => length,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
        Err(error) => return Some(Err(error).context("receive a change")),
    };
    let datagram = buffer.get(..length).unwrap_or_default();
    let text = String::from_utf8_lossy(datagram);
    Some(text.parse().with_context(|| format!("datagram `{text}`")))
}

#[cfg(test)]
mod tests {
    use wanctl_types::Bps;

    use super::*;
    use crate::schedule::Rate;

    #[test]
    fn changes_are_read_by_name() {
        let kind = |text: &str| text.parse::<Change>().unwrap().kind;
        assert_eq!(
            kind("ba=25"),
            ChangeKind::BaPlan(Schedule::fixed(Rate::Limited(Bps::from_mbps(25))))
        );
        assert_eq!(
            kind("ab=unlimited"),
            ChangeKind::AbPlan(Schedule::fixed(Rate::Unlimited))
        );
        assert_eq!(
            kind("delay=2.5"),
            ChangeKind::Delay(Duration::from_micros(2500))
        );
        assert_eq!(kind("loss=0.5"), ChangeKind::Loss(0.5));
        assert_eq!(kind("icmp=off"), ChangeKind::Icmp(false));
        let silent = ChangeKind::Reply([10, 77, 9, 1].into(), Fault::Silent);
        assert_eq!(kind("reply=10.77.9.1/silent"), silent);
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            "ba",
            "ba=",
            "ba=-1",
            "ba-trace=/no/such/file",
            "loss=2",
            "speed=1",
            "icmp=no",
            "reply=x",
            "",
        ] {
            assert!(bad.parse::<Change>().is_err(), "{bad}");
        }
    }
}
