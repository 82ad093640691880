//! ICMPv6: RFC 4443. Neighbour discovery, which it carries, has a file of its own.

use core::net::Ipv6Addr;

use smoltcp::wire::{Icmpv6Packet, IpProtocol};

use crate::ip::{self, Header, Problem};
use crate::{ipv4, ipv6, limits};

/// The number of the protocol.
pub(crate) const PROTOCOL: u8 = 58;
/// The length of a message's header.
pub(crate) const HEADER: usize = 8;
/// How much of a packet an error quotes at most.
pub(crate) const QUOTATION: usize = limits::ERROR_V6 - ipv6::HEADER - HEADER;

const ECHO: u8 = 128;
const ECHO_REPLY: u8 = 129;
/// Types from here on are no errors.
const INFORMATION: u8 = 128;
const REDIRECT: u8 = 137;

impl Problem {
    /// The type, the code, and what follows the checksum.
    const fn fields_v6(self) -> (u8, u8, u32) {
        match self {
            Self::NoRoute => (1, 0, 0),
            Self::HostUnreachable => (1, 3, 0),
            Self::PortUnreachable => (1, 4, 0),
            Self::TooBig(mtu) => (2, 0, mtu as u32),
            Self::TimeExceeded => (3, 0, 0),
            Self::ProtocolUnreachable(at) => (4, 1, at as u32),
        }
    }
}

/// Whether `packet`, of which `header` was read, must not be answered by an error (section 2.4).
pub(crate) fn is_quiet(header: &Header, packet: &[u8]) -> bool {
    // Only messages that are known to be no errors may be answered by one.
    let answerable = |kind: &u8| *kind >= INFORMATION && *kind != REDIRECT;
    header.protocol == PROTOCOL
        && (header.later_fragment || !packet.get(header.length).is_some_and(answerable))
}

/// Writes an error that quotes `quotation` into a packet of just the right length.
pub(crate) fn emit_error(
    problem: Problem,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    quotation: &[u8],
    packet: &mut [u8],
) {
    ipv6::emit(source, destination, IpProtocol::Icmpv6, ip::HOPS, packet);
    let Some(message) = packet.get_mut(ipv6::HEADER..) else { return };
    let (kind, code, rest) = problem.fields_v6();
    message[..4].copy_from_slice(&[kind, code, 0, 0]);
    message[4..HEADER].copy_from_slice(&rest.to_be_bytes());
    message[HEADER..].copy_from_slice(quotation);
    Icmpv6Packet::new_unchecked(message).fill_checksum(&source, &destination);
}

/// Turns an echo request to the node into the reply, in place; `false` if it is none.
///
/// The checksum is mended, not made anew: a wrong one stays wrong, and the frame's content need
/// not be at hand. That the addresses change places does not change their sum.
pub(crate) fn reply_to_echo(header: &Header, packet: &mut [u8]) -> bool {
    let Some(message) = packet.get_mut(header.length..header.length + HEADER) else {
        return false;
    };
    // Extension headers would have to be answered for, too; real requests have none.
    if header.protocol != PROTOCOL || header.length != ipv6::HEADER || message[..2] != [ECHO, 0] {
        return false;
    }
    let checksum = u16::from_be_bytes([message[2], message[3]]);
    let mended = ipv4::update(checksum, u16::from(ECHO) << 8, u16::from(ECHO_REPLY) << 8);
    message[0] = ECHO_REPLY;
    message[2..4].copy_from_slice(&mended.to_be_bytes());
    if let Some(header) = packet.first_chunk_mut::<{ ipv6::HEADER }>() {
        let (source, destination) = header[8..].split_at_mut(16);
        source.swap_with_slice(destination);
    }
    ipv6::set_hop_limit(packet, ip::HOPS);
    true
}
