//! A packet filter for raw sockets, which would otherwise hear every ICMP message of the host.
//!
//! It lets echo replies with our identifier pass. The kernel runs it from the IP header on for
//! IPv4, from the ICMP header on for IPv6.

use socket2::SockFilter;

use super::Family;
use crate::icmp::{EchoKind, type_number};

/// Offset of the identifier within an ICMP message.
const IDENTIFIER: u32 = 4;
/// More than any packet has: the whole packet passes.
const WHOLE_PACKET: u32 = 0xffff;

// Opcodes of the classic packet filter: Linux, Documentation/networking/filter.rst.
/// X = length of the IPv4 header at a constant offset.
const LOAD_HEADER_LENGTH: u16 = 0xb1;
/// A = byte at X + constant.
const LOAD_BYTE: u16 = 0x50;
/// A = half-word at X + constant.
const LOAD_HALF: u16 = 0x48;
/// Jump if A equals the constant.
const JUMP_IF_EQUAL: u16 = 0x15;
/// X = constant.
const SET_INDEX: u16 = 0x01;
/// Accept that many bytes.
const RETURN: u16 = 0x06;

pub(super) fn replies_to(family: Family, identifier: u16) -> [SockFilter; 7] {
    let find_message = match family {
        Family::V4 => SockFilter::new(LOAD_HEADER_LENGTH, 0, 0, 0),
        Family::V6 => SockFilter::new(SET_INDEX, 0, 0, 0),
    };
    let reply = u32::from(type_number(family, EchoKind::Reply));
    [
        find_message,
        SockFilter::new(LOAD_BYTE, 0, 0, 0),
        SockFilter::new(JUMP_IF_EQUAL, 0, 3, reply),
        SockFilter::new(LOAD_HALF, 0, 0, IDENTIFIER),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, u32::from(identifier)),
        SockFilter::new(RETURN, 0, 0, WHOLE_PACKET),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}
