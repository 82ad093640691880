//! ICMP: RFC 792, 1191, and what RFC 1812 section 4.3 asks of routers.

use core::net::Ipv4Addr;

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{IpProtocol, Ipv4Packet, Ipv4Repr};

use crate::ip::{self, Header, Problem};
use crate::{ipv4, limits};

/// The number of the protocol.
pub(crate) const PROTOCOL: u8 = 1;
/// The length of a message's header.
pub(crate) const HEADER: usize = 8;
/// How much of a packet an error quotes at most.
pub(crate) const QUOTATION: usize = limits::ERROR - ipv4::HEADER - HEADER;

const ECHO_REPLY: u8 = 0;
const ECHO: u8 = 8;

impl Problem {
    /// The type, the code, and the low half of what follows the checksum.
    const fn fields_v4(self) -> (u8, u8, u16) {
        match self {
            Self::NoRoute => (3, 0, 0),
            Self::HostUnreachable => (3, 1, 0),
            Self::ProtocolUnreachable(_) => (3, 2, 0),
            Self::PortUnreachable => (3, 3, 0),
            Self::TooBig(mtu) => (3, 4, mtu),
            Self::TimeExceeded => (11, 0, 0),
        }
    }
}

/// Whether `packet`, of which `header` was read, must not be answered by an error (RFC 1812 section
/// 4.3.2.7).
pub(crate) fn is_quiet(header: &Header, packet: &[u8]) -> bool {
    // Only messages that are known to be no errors may be answered by one.
    let answerable = |kind: &u8| matches!(kind, &ECHO_REPLY | &ECHO | 13..=18);
    header.later_fragment
        || header.protocol == PROTOCOL && !packet.get(header.length).is_some_and(answerable)
}

/// Writes an error that quotes `quotation` into a packet of just the right length.
pub(crate) fn emit_error(
    problem: Problem,
    source: Ipv4Addr,
    destination: Ipv4Addr,
    quotation: &[u8],
    packet: &mut [u8],
) {
    let repr = Ipv4Repr {
        src_addr: source,
        dst_addr: destination,
        next_header: IpProtocol::Icmp,
        payload_len: HEADER + quotation.len(),
        hop_limit: ip::HOPS,
    };
    repr.emit(&mut Ipv4Packet::new_unchecked(&mut *packet), &ChecksumCapabilities::default());
    let Some(message) = packet.get_mut(ipv4::HEADER..) else { return };
    let (kind, code, rest) = problem.fields_v4();
    let [high, low] = rest.to_be_bytes();
    message[..HEADER].copy_from_slice(&[kind, code, 0, 0, 0, 0, high, low]);
    message[HEADER..].copy_from_slice(quotation);
    let checksum = !ipv4::sum(message);
    message[2..4].copy_from_slice(&checksum.to_be_bytes());
}

/// Turns an echo request to the node into the reply, in place; `false` if it is none.
///
/// Checksums are mended, not made anew: a wrong one stays wrong, and the frame's content need not
/// be at hand. That the addresses change places does not change their sum.
pub(crate) fn reply_to_echo(header: &Header, packet: &mut [u8]) -> bool {
    let Some(message) = packet.get_mut(header.length..header.length + HEADER) else {
        return false;
    };
    if header.protocol != PROTOCOL || header.fragment || message[..2] != [ECHO, 0] {
        return false;
    }
    let checksum = u16::from_be_bytes([message[2], message[3]]);
    let mended = ipv4::update(checksum, u16::from(ECHO) << 8, u16::from(ECHO_REPLY) << 8);
    message[0] = ECHO_REPLY;
    message[2..4].copy_from_slice(&mended.to_be_bytes());
    if let Some(header) = packet.first_chunk_mut::<{ ipv4::HEADER }>() {
        let (source, destination) = header[12..].split_at_mut(4);
        source.swap_with_slice(destination);
        ipv4::set_ttl(header, ip::HOPS);
    }
    true
}
