//! What IPv4 and IPv6 packets have in common for a forwarder.

use core::net::IpAddr;

use crate::ethernet;
use crate::{icmp, icmpv6, ipv4, ipv6};

/// The TTL or hop limit of what a node sends itself (RFC 1700).
pub(crate) const HOPS: u8 = 64;

/// What a forwarder reads of a packet whose version, lengths and header checksum are right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The length of all headers of IP, options and extensions included.
    pub length: usize,
    /// The packet's length.
    pub total: usize,
    /// The TTL or hop limit.
    pub hops: u8,
    /// What the packet carries.
    pub protocol: u8,
    /// Where the packet says so.
    pub protocol_at: usize,
    pub source: IpAddr,
    pub destination: IpAddr,
    /// Whether nobody on the way may divide it.
    pub dont_fragment: bool,
    /// Whether this is a fragment, the first or a later one.
    pub fragment: bool,
    /// Whether this is a later fragment.
    pub later_fragment: bool,
    /// Whether it is routed by its source.
    pub source_routed: bool,
}

impl Header {
    /// Reads the packet in a frame that begins with `head` and is `length` bytes long.
    pub(crate) fn of_frame(head: &[u8], length: usize) -> Option<Self> {
        let (_, _, kind) = ethernet::parse(head)?;
        let packet = head.get(ethernet::HEADER..)?;
        let room = length.checked_sub(ethernet::HEADER)?;
        match kind {
            ethernet::IPV4 => ipv4::parse(packet, room),
            ethernet::IPV6 => ipv6::parse(packet, room),
            _ => None,
        }
    }

    /// Whether the packet may pass from one link to another, as far as its addresses go.
    pub(crate) fn is_routable(&self) -> bool {
        is_routable(self.source) && is_routable(self.destination)
    }
}

fn is_routable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => ipv4::is_routable(v4),
        IpAddr::V6(v6) => ipv6::is_routable(v6),
    }
}

/// An error that is told to the sender of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    NoRoute,
    HostUnreachable,
    /// The header says so at this offset.
    ProtocolUnreachable(usize),
    PortUnreachable,
    /// The packet does not fit a link of this MTU and may not be divided.
    TooBig(u16),
    TimeExceeded,
}

/// Takes one from the TTL or hop limit, which is at least 1.
pub(crate) fn decrement_hops(header: &Header, packet: &mut [u8]) {
    match header.source {
        IpAddr::V4(_) => ipv4::decrement_ttl(packet),
        IpAddr::V6(_) => ipv6::set_hop_limit(packet, header.hops.saturating_sub(1)),
    }
}

/// How much of `packet`, of which `header` was read, an error quotes; `None` if it must not be
/// answered by one.
pub(crate) fn quotation<'a>(header: &Header, packet: &'a [u8]) -> Option<&'a [u8]> {
    let (quiet, longest) = match header.source {
        IpAddr::V4(_) => (icmp::is_quiet(header, packet), icmp::QUOTATION),
        IpAddr::V6(_) => (icmpv6::is_quiet(header, packet), icmpv6::QUOTATION),
    };
    (!quiet).then(|| &packet[..packet.len().min(header.total).min(longest)])
}

/// The length of an error to `destination` that quotes `quotation`.
pub(crate) fn error_length(destination: IpAddr, quotation: &[u8]) -> usize {
    quotation.len()
        + match destination {
            IpAddr::V4(_) => ipv4::HEADER + icmp::HEADER,
            IpAddr::V6(_) => ipv6::HEADER + icmpv6::HEADER,
        }
}

/// Writes an error from `source` into a packet of just the right length.
pub(crate) fn emit_error(
    problem: Problem,
    source: IpAddr,
    destination: IpAddr,
    quotation: &[u8],
    packet: &mut [u8],
) {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            icmp::emit_error(problem, source, destination, quotation, packet);
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            icmpv6::emit_error(problem, source, destination, quotation, packet);
        }
        // Whoever answers in the other family has mistaken the port's addresses.
        _ => {}
    }
}

/// Turns an echo request to the node into the reply, in place; `false` if it is none.
pub(crate) fn reply_to_echo(header: &Header, packet: &mut [u8]) -> bool {
    match header.source {
        IpAddr::V4(_) => icmp::reply_to_echo(header, packet),
        IpAddr::V6(_) => icmpv6::reply_to_echo(header, packet),
    }
}
