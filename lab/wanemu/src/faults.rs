//! What reflectors may do wrong: echo replies of single addresses that are swallowed, late, doubled
//! or damaged, and a provider that carries no ICMP at all.
//!
//! IPv4 only, like the lab. Layouts: RFC 791 §3.1, RFC 792.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, anyhow};

use crate::args::parse_ms;

const PROTOCOL_ICMP: u8 = 1;
const TYPE_ECHO_REPLY: u8 = 0;
/// Bytes of an ICMP header: type, code, checksum, identifier, sequence number.
const ICMP_HEADER: usize = 8;
/// Where a probe's nonce lies in its ICMP message: behind the header and a mark of eight bytes.
const NONCE: std::ops::Range<usize> = 16..24;
/// Payload that a truncated reply keeps: part of the nonce, nothing of the send time.
const SHORT_PAYLOAD: usize = 12;
/// A checksum of all bytes in which the checksum's own field is zero.
const CHECKSUM_IP: usize = 10;
const CHECKSUM_ICMP: usize = 2;

/// What becomes of the echo replies of one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// They go their way.
    Honest,
    /// They are swallowed.
    Silent,
    /// They come so much later, past those of others.
    Delay(Duration),
    /// They come twice.
    Twice,
    /// Their nonce is another one; the checksum is right.
    Forged,
    /// They end within the nonce; lengths and checksums are right.
    Truncated,
}

/// `honest`, `silent`, `delay:MS`, `twice`, `forged` or `truncated`.
impl FromStr for Fault {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        Ok(match text {
            "honest" => Self::Honest,
            "silent" => Self::Silent,
            "twice" => Self::Twice,
            "forged" => Self::Forged,
            "truncated" => Self::Truncated,
            other => match other.strip_prefix("delay:") {
                Some(ms) => Self::Delay(parse_ms(ms)?),
                None => {
                    return Err(anyhow!(
                        "`{other}` is none of honest, silent, delay:MS, twice, forged, truncated"
                    ));
                }
            },
        })
    }
}

/// Reads `ADDRESS/FAULT`.
pub(crate) fn parse_reply(text: &str) -> anyhow::Result<(Ipv4Addr, Fault)> {
    let (address, fault) = text
        .split_once('/')
        .ok_or_else(|| anyhow!("expected ADDRESS/FAULT"))?;
    let address = address.parse().context("expected an IPv4 address")?;
    Ok((address, fault.parse()?))
}

/// The faults of one direction, and the packets that they hold back.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    replies: BTreeMap<Ipv4Addr, Fault>,
    blackout: bool,
    /// In no order; a handful.
    held: Vec<(Duration, Vec<u8>)>,
}

impl Faults {
    /// Sets what becomes of the echo replies of an address.
    pub(crate) fn set_reply(&mut self, address: Ipv4Addr, fault: Fault) {
        self.replies.insert(address, fault);
    }

    /// Lets all ICMP pass, or none.
    pub(crate) const fn set_blackout(&mut self, blackout: bool) {
        self.blackout = blackout;
    }

    /// Takes a packet at `now` and gives what goes on at once to `go`.
    pub(crate) fn pass(&mut self, now: Duration, packet: &mut [u8], mut go: impl FnMut(&[u8])) {
        let Some(datagram) = Datagram::read(packet).filter(|_| self.any()) else {
            go(packet);
            return;
        };
        if self.blackout {
            return;
        }
        let fault = self.replies.get(&datagram.source);
        match fault.filter(|_| datagram.is_echo_reply) {
            None | Some(Fault::Honest) => go(packet),
            Some(Fault::Silent) => {}
            Some(Fault::Delay(delay)) => self.held.push((now + *delay, packet.to_vec())),
            Some(Fault::Twice) => {
                go(packet);
                go(packet);
            }
            Some(Fault::Forged) => {
                forge(packet, datagram.header);
                go(packet);
            }
            Some(Fault::Truncated) => go(truncate(packet, datagram.header)),
        }
    }

    /// When the next packet that was held back goes on; `Duration::MAX` for never.
    pub(crate) fn wake(&self) -> Duration {
        let times = self.held.iter().map(|(at, _)| *at);
        times.min().unwrap_or(Duration::MAX)
    }

    /// A packet that was held back until now.
    pub(crate) fn release(&mut self, now: Duration) -> Option<Vec<u8>> {
        let due = self.held.iter().position(|(at, _)| *at <= now)?;
        Some(self.held.swap_remove(due).1)
    }

    fn any(&self) -> bool {
        self.blackout || !self.replies.is_empty()
    }
}

/// What matters of an ICMP datagram.
struct Datagram {
    source: Ipv4Addr,
    /// Bytes of the IP header.
    header: usize,
    is_echo_reply: bool,
}

impl Datagram {
    /// `None` for anything but ICMP over IPv4.
    fn read(packet: &[u8]) -> Option<Self> {
        let first = *packet.first()?;
        if first >> 4 != 4 || *packet.get(9)? != PROTOCOL_ICMP {
            return None;
        }
        let source: [u8; 4] = packet.get(12..16)?.try_into().ok()?;
        let header = usize::from(first & 0x0f) * 4;
        Some(Self {
            source: source.into(),
            header,
            is_echo_reply: *packet.get(header)? == TYPE_ECHO_REPLY,
        })
    }
}

fn forge(packet: &mut [u8], header: usize) {
    let message = packet.get_mut(header..).unwrap_or_default();
    let nonce = message.get_mut(NONCE).unwrap_or_default();
    for byte in nonce {
        *byte ^= 0x5a;
    }
    renew_checksum(message, CHECKSUM_ICMP);
}

/// The beginning of the packet, made whole again.
fn truncate(packet: &mut [u8], header: usize) -> &[u8] {
    let length = packet.len().min(header + ICMP_HEADER + SHORT_PAYLOAD);
    let total = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
    let packet = packet.get_mut(..length).unwrap_or_default();
    if let Some(field) = packet.get_mut(2..4) {
        field.copy_from_slice(&total);
    }
    if let Some((ip, message)) = packet.split_at_mut_checked(header) {
        renew_checksum(ip, CHECKSUM_IP);
        renew_checksum(message, CHECKSUM_ICMP);
    }
    packet
}

/// Writes the Internet checksum (RFC 1071) of these bytes at `place` in them.
fn renew_checksum(bytes: &mut [u8], place: usize) {
    let field = place..place + 2;
    if let Some(old) = bytes.get_mut(field.clone()) {
        old.fill(0);
    }
    let sum = checksum(bytes).to_be_bytes();
    if let Some(new) = bytes.get_mut(field) {
        new.copy_from_slice(&sum);
    }
}

/// Zero over bytes that carry their own right checksum.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|word| match word {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        [high] => u32::from(*high) << 8,
        _ => 0,
    });
    let mut sum: u32 = words.sum();
    while let Some(carry) = Some(sum >> 16).filter(|carry| *carry > 0) {
        sum = (sum & 0xffff) + carry;
    }
    !u16::try_from(sum).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIAR: Ipv4Addr = Ipv4Addr::new(10, 77, 9, 1);
    const NOW: Duration = Duration::from_secs(1);

    /// An echo reply as the lab's reflectors give it to a probe.
    fn reply(source: Ipv4Addr) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 52, 0, 7, 0, 0, 64, PROTOCOL_ICMP, 0, 0];
        packet.extend(source.octets());
        packet.extend([10, 77, 2, 2]);
        packet.extend([TYPE_ECHO_REPLY, 0, 0, 0, 0, 5, 0, 6]);
        packet.extend(*b"wanctl\0\x01");
        packet.extend(0x0123_4567_89ab_cdef_u64.to_be_bytes());
        packet.extend(1_000_000_u64.to_be_bytes());
        renew_checksum(&mut packet[..20], CHECKSUM_IP);
        renew_checksum(&mut packet[20..], CHECKSUM_ICMP);
        packet
    }

    fn passed(faults: &mut Faults, packet: &[u8]) -> Vec<Vec<u8>> {
        let mut seen = Vec::new();
        faults.pass(NOW, &mut packet.to_vec(), |packet| {
            seen.push(packet.to_vec());
        });
        seen
    }

    fn with(fault: Fault) -> Faults {
        let mut faults = Faults::default();
        faults.set_reply(LIAR, fault);
        faults
    }

    #[test]
    fn replies_of_others_and_other_packets_pass_untouched() {
        let mut request = reply(LIAR);
        request[20] = 8;
        let mut udp = reply(LIAR);
        udp[9] = 17;
        let other = reply(Ipv4Addr::new(10, 77, 9, 2));
        let mut faults = with(Fault::Silent);
        for packet in [request, udp, other, vec![0x60; 48], Vec::new()] {
            assert_eq!(passed(&mut faults, &packet), [packet]);
        }
        assert!(passed(&mut faults, &reply(LIAR)).is_empty());
    }

    #[test]
    fn a_doubled_reply_comes_twice_and_an_honest_one_once() {
        let packet = reply(LIAR);
        assert_eq!(passed(&mut with(Fault::Twice), &packet).len(), 2);
        assert_eq!(passed(&mut with(Fault::Honest), &packet), [packet]);
    }

    #[test]
    fn a_delayed_reply_waits_for_its_time() {
        let delay = Duration::from_millis(40);
        let mut faults = with(Fault::Delay(delay));
        let packet = reply(LIAR);
        assert!(passed(&mut faults, &packet).is_empty());
        assert_eq!(faults.wake(), NOW + delay);
        assert_eq!(faults.release(NOW), None);
        assert_eq!(faults.release(NOW + delay), Some(packet));
        assert_eq!(faults.wake(), Duration::MAX);
    }

    #[test]
    fn damaged_replies_have_right_checksums() {
        let honest = reply(LIAR);
        for (fault, length) in [(Fault::Forged, 52), (Fault::Truncated, 40)] {
            let damaged = passed(&mut with(fault), &honest).pop().unwrap();
            assert_eq!(damaged.len(), length, "{fault:?}");
            assert_eq!(usize::from(damaged[3]), length, "{fault:?}");
            assert_eq!(checksum(&damaged[..20]), 0, "{fault:?}");
            assert_eq!(checksum(&damaged[20..]), 0, "{fault:?}");
            assert_ne!(damaged, honest);
        }
        assert_eq!(checksum(&honest[20..]), 0);
    }

    #[test]
    fn a_blackout_swallows_all_icmp_and_nothing_else() {
        let mut faults = Faults::default();
        faults.set_blackout(true);
        let mut udp = reply(LIAR);
        udp[9] = 17;
        assert!(passed(&mut faults, &reply(LIAR)).is_empty());
        assert_eq!(passed(&mut faults, &udp), [udp]);
    }

    #[test]
    fn faults_are_read_by_name() {
        let read = |text: &str| parse_reply(text).unwrap();
        assert_eq!(read("10.77.9.1/silent"), (LIAR, Fault::Silent));
        let delay = Fault::Delay(Duration::from_micros(1_500));
        assert_eq!(read("10.77.9.1/delay:1.5"), (LIAR, delay));
        for bad in [
            "10.77.9.1",
            "x/silent",
            "10.77.9.1/late",
            "10.77.9.1/delay:-1",
        ] {
            assert!(parse_reply(bad).is_err(), "{bad}");
        }
    }
}
