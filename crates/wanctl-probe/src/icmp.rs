//! ICMP and `ICMPv6` echo messages: from bytes to meaning and back.
//!
//! ```text
//!  0       1       2               4               6               8
//! | type  | code  |   checksum    |  identifier   |   sequence    |
//!  8                       16                      24                      32
//! | mark "wanctl" 0 version | nonce                 | send time, µs         |
//! ```
//!
//! Layout of the first eight bytes: RFC 792 and RFC 4443 §4. All numbers are big-endian.

use pnet_packet::icmp::echo_request::{EchoRequestPacket, MutableEchoRequestPacket};
use pnet_packet::icmp::{IcmpCode, IcmpType, IcmpTypes};
use pnet_packet::icmpv6::{Icmpv6Type, Icmpv6Types};
use pnet_packet::ip::IpNextHeaderProtocols;
use pnet_packet::ipv4::Ipv4Packet;
use pnet_packet::{Packet, util};
use wanctl_types::Timestamp;

use crate::socket::Family;

/// Bytes of an echo message as we send it.
pub const ECHO_LEN: usize = EchoRequestPacket::minimum_packet_size() + PAYLOAD_LEN;

const PAYLOAD_LEN: usize = 24;
const MARK: [u8; 8] = *b"wanctl\0\x01";
const NO_CODE: u8 = 0;
/// Which 16-bit word of the message is the checksum.
const CHECKSUM_WORD: usize = 1;
/// The header length field of IPv4 counts these.
const IPV4_WORD: usize = 4;

/// Whether an echo message asks or answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EchoKind {
    /// It asks.
    Request,
    /// It answers.
    Reply,
}

/// What an echo message of ours says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EchoRepr {
    /// Whether it asks or answers.
    pub kind: EchoKind,
    /// Tells one socket's messages from another's; the kernel puts its own on datagram sockets.
    pub identifier: u16,
    /// Sequence number, wrapping.
    pub sequence: u16,
    /// Random number that a genuine answer repeats.
    pub nonce: u64,
    /// When the request left, on the clock of whoever asked.
    pub sent_at: Timestamp,
}

/// Why bytes are no echo message of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Too few bytes, or a length field that says so.
    #[error("the message is too short")]
    Truncated,
    /// An IPv4 header with another version or protocol.
    #[error("the packet is not ICMP over IPv4")]
    NotIcmp,
    /// A valid message of another type or code.
    #[error("the message is neither an echo request nor an echo reply")]
    NotEcho,
    /// Bytes were changed on the way. Checked for IPv4; for IPv6 the kernel has done it.
    #[error("the checksum does not match")]
    Checksum,
    /// An echo message of somebody else.
    #[error("the payload is not ours")]
    Foreign,
}

impl EchoRepr {
    /// Reads one ICMP message of this family, without the IP header.
    pub fn parse(family: Family, message: &[u8]) -> Result<Self, Malformed> {
        let packet = EchoRequestPacket::new(message).ok_or(Malformed::Truncated)?;
        let kind = kind(family, packet.get_icmp_type().0, packet.get_icmp_code().0)?;
        if family == Family::V4 && packet.get_checksum() != util::checksum(message, CHECKSUM_WORD) {
            return Err(Malformed::Checksum);
        }
        let (nonce, sent_at) = parse_payload(message)?;
        Ok(Self {
            kind,
            identifier: packet.get_identifier(),
            sequence: packet.get_sequence_number(),
            nonce,
            sent_at,
        })
    }

    /// Writes the message for this family. The checksum of an `ICMPv6` message covers addresses
    /// that only the kernel knows, which fills it in; it is left zero here.
    #[must_use]
    pub fn emit(&self, family: Family) -> [u8; ECHO_LEN] {
        let mut message = [0; ECHO_LEN];
        if let Some(mut packet) = MutableEchoRequestPacket::new(&mut message) {
            packet.set_icmp_type(IcmpType(type_number(family, self.kind)));
            packet.set_icmp_code(IcmpCode(NO_CODE));
            packet.set_identifier(self.identifier);
            packet.set_sequence_number(self.sequence);
            packet.set_payload(&self.payload());
            if family == Family::V4 {
                packet.set_checksum(util::checksum(packet.packet(), CHECKSUM_WORD));
            }
        }
        message
    }

    fn payload(&self) -> [u8; PAYLOAD_LEN] {
        let mut payload = [0; PAYLOAD_LEN];
        let nonce = self.nonce.to_be_bytes();
        let sent_at = self.sent_at.as_micros().to_be_bytes();
        let bytes = MARK.into_iter().chain(nonce).chain(sent_at);
        payload
            .iter_mut()
            .zip(bytes)
            .for_each(|(place, byte)| *place = byte);
        payload
    }
}

/// The ICMP message inside an IPv4 packet, as raw sockets deliver it.
pub fn strip_ipv4_header(packet: &[u8]) -> Result<&[u8], Malformed> {
    let header = Ipv4Packet::new(packet).ok_or(Malformed::Truncated)?;
    let is_icmp = header.get_next_level_protocol() == IpNextHeaderProtocols::Icmp;
    if header.get_version() != 4 || !is_icmp {
        return Err(Malformed::NotIcmp);
    }
    let start = usize::from(header.get_header_length()) * IPV4_WORD;
    let end = usize::from(header.get_total_length());
    if start < Ipv4Packet::minimum_packet_size() {
        return Err(Malformed::Truncated);
    }
    packet.get(start..end).ok_or(Malformed::Truncated)
}

fn kind(family: Family, number: u8, code: u8) -> Result<EchoKind, Malformed> {
    [EchoKind::Request, EchoKind::Reply]
        .into_iter()
        .find(|kind| number == type_number(family, *kind) && code == NO_CODE)
        .ok_or(Malformed::NotEcho)
}

/// The number of the message type on the wire.
pub(crate) const fn type_number(family: Family, kind: EchoKind) -> u8 {
    let IcmpType(v4_request) = IcmpTypes::EchoRequest;
    let IcmpType(v4_reply) = IcmpTypes::EchoReply;
    let Icmpv6Type(v6_request) = Icmpv6Types::EchoRequest;
    let Icmpv6Type(v6_reply) = Icmpv6Types::EchoReply;
    match (family, kind) {
        (Family::V4, EchoKind::Request) => v4_request,
        (Family::V4, EchoKind::Reply) => v4_reply,
        (Family::V6, EchoKind::Request) => v6_request,
        (Family::V6, EchoKind::Reply) => v6_reply,
    }
}

fn parse_payload(message: &[u8]) -> Result<(u64, Timestamp), Malformed> {
    let payload = message
        .get(EchoRequestPacket::minimum_packet_size()..)
        .ok_or(Malformed::Truncated)?;
    let rest = payload.strip_prefix(&MARK).ok_or(Malformed::Foreign)?;
    let (nonce, rest) = rest.split_first_chunk().ok_or(Malformed::Foreign)?;
    let (sent_at, _) = rest.split_first_chunk().ok_or(Malformed::Foreign)?;
    let sent_at = Timestamp::from_micros(u64::from_be_bytes(*sent_at));
    Ok((u64::from_be_bytes(*nonce), sent_at))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `identifier 0x1234, sequence 7, nonce 0x0102…08, sent at 0x2a µs`, checksum by hand.
    const REPLY_V4: [u8; ECHO_LEN] = [
        0, 0, 0x83, 0x54, 0x12, 0x34, 0, 7, b'w', b'a', b'n', b'c', b't', b'l', 0, 1, //
        1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0x2a,
    ];

    #[test]
    fn a_reply_laid_out_by_hand_is_read() {
        assert_eq!(
            EchoRepr::parse(Family::V4, &REPLY_V4),
            Ok(repr(EchoKind::Reply))
        );
        assert_eq!(repr(EchoKind::Reply).emit(Family::V4), REPLY_V4);
    }

    #[test]
    fn icmpv6_has_other_types_and_no_checksum_of_ours() {
        let request = repr(EchoKind::Request).emit(Family::V6);
        assert_eq!(request[..4], [128, 0, 0, 0]);
        assert_eq!(request[4..], REPLY_V4[4..]);
        let mut reply = request;
        reply[0] = 129;
        assert_eq!(
            EchoRepr::parse(Family::V6, &reply),
            Ok(repr(EchoKind::Reply))
        );
        assert_eq!(EchoRepr::parse(Family::V4, &reply), Err(Malformed::NotEcho));
    }

    #[test]
    fn the_ping_program_s_replies_are_foreign() {
        let mut message = [0; 64];
        message[8..]
            .iter_mut()
            .zip(0x10..)
            .for_each(|(place, byte)| *place = byte);
        let sum = util::checksum(&message, CHECKSUM_WORD).to_be_bytes();
        message[2..4].copy_from_slice(&sum);
        assert_eq!(
            EchoRepr::parse(Family::V4, &message),
            Err(Malformed::Foreign)
        );
    }

    #[test]
    fn an_ipv4_header_with_options_is_stripped() {
        let mut packet = vec![0x46, 0, 0, 56, 0, 0, 0, 0, 64, 1, 0, 0];
        packet.extend([127, 0, 0, 1, 127, 0, 0, 1, 1, 1, 1, 0]);
        packet.extend(REPLY_V4);
        packet.extend([0xff; 9]);
        assert_eq!(strip_ipv4_header(&packet), Ok(&REPLY_V4[..]));
        packet[9] = 17;
        assert_eq!(strip_ipv4_header(&packet), Err(Malformed::NotIcmp));
    }

    #[test]
    fn ipv4_lengths_that_lie_are_refused() {
        for (first, total) in [(0x44, 52), (0x45, 19), (0x45, 200), (0x4f, 40)] {
            let mut packet = vec![first, 0, 0, total, 0, 0, 0, 0, 64, 1, 0, 0];
            packet.extend([127, 0, 0, 1, 127, 0, 0, 1]);
            packet.extend(REPLY_V4);
            assert_eq!(strip_ipv4_header(&packet), Err(Malformed::Truncated));
        }
    }

    proptest! {
        #[test]
        fn what_is_emitted_is_parsed_again(repr in any_repr(), family in any_family()) {
            prop_assert_eq!(EchoRepr::parse(family, &repr.emit(family)), Ok(repr));
        }

        #[test]
        fn one_changed_byte_never_passes_for_the_original(
            repr in any_repr(), at in 0..ECHO_LEN, change in 1..=255_u8,
        ) {
            let mut message = repr.emit(Family::V4);
            message[at] ^= change;
            prop_assert!(EchoRepr::parse(Family::V4, &message).is_err());
        }

        #[test]
        fn a_cut_message_is_refused(repr in any_repr(), family in any_family(), len in 0..ECHO_LEN) {
            prop_assert!(EchoRepr::parse(family, &repr.emit(family)[..len]).is_err());
        }

        #[test]
        fn garbage_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..128)) {
            let inner = strip_ipv4_header(&bytes).unwrap_or(&bytes);
            for message in [inner, &bytes] {
                prop_assert!(EchoRepr::parse(Family::V4, message).is_err());
                prop_assert!(EchoRepr::parse(Family::V6, message).is_err());
            }
        }
    }

    fn repr(kind: EchoKind) -> EchoRepr {
        EchoRepr {
            kind,
            identifier: 0x1234,
            sequence: 7,
            nonce: 0x0102_0304_0506_0708,
            sent_at: Timestamp::from_micros(0x2a),
        }
    }

    fn any_repr() -> impl Strategy<Value = EchoRepr> {
        let kind = prop_oneof![Just(EchoKind::Request), Just(EchoKind::Reply)];
        (kind, any::<u16>(), any::<u16>(), any::<u64>(), any::<u64>()).prop_map(
            |(kind, identifier, sequence, nonce, sent_at)| EchoRepr {
                kind,
                identifier,
                sequence,
                nonce,
                sent_at: Timestamp::from_micros(sent_at),
            },
        )
    }

    fn any_family() -> impl Strategy<Value = Family> {
        prop_oneof![Just(Family::V4), Just(Family::V6)]
    }
}
