//! What a filter reads of a packet: RFC 791, 8200, 9293, 768, 792, 4443.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use smoltcp::wire::{Ipv4Packet, Ipv6Packet, TcpPacket, UdpPacket};

use crate::extensions::{self, Upper};
use crate::tcp::Segment;

pub(crate) const ICMP: u8 = 1;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const ICMPV6: u8 = 58;

/// The headers of an IP packet of either family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The source address.
    pub source: IpAddr,
    /// The destination address.
    pub destination: IpAddr,
    /// The number of the protocol that the IP headers carry.
    pub protocol: u8,
    /// What is known of the transport header.
    pub transport: Transport,
    /// Where the transport header begins.
    pub(crate) offset: usize,
    /// Where the packet ends, which may be beyond what is at hand.
    pub(crate) end: usize,
}

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A TCP segment.
    Tcp {
        /// The source port.
        source: u16,
        /// The destination port.
        destination: u16,
        /// FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32.
        flags: u8,
    },
    /// A UDP datagram.
    Udp {
        /// The source port.
        source: u16,
        /// The destination port.
        destination: u16,
    },
    /// An ICMP or ICMPv6 message.
    Icmp {
        /// The message's type.
        kind: u8,
        /// The message's code.
        code: u8,
        /// The identifier, if it is an echo.
        identifier: u16,
    },
    /// A fragment after the first: the transport header went before.
    Fragment,
    /// Any other protocol.
    Other,
}

/// The halves of an echo: only a request begins a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Echo {
    Request,
    Reply,
}

/// A packet whose headers contradict its length, themselves or their standards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// TCP's flags.
pub(crate) mod flags {
    pub(crate) const FIN: u8 = 1;
    pub(crate) const SYN: u8 = 2;
    pub(crate) const RST: u8 = 4;
    pub(crate) const ACK: u8 = 16;
    pub(crate) const URG: u8 = 32;
}

/// Where a transport header stands in its packet.
pub(crate) struct Span {
    pub offset: usize,
    /// The first byte behind the packet, in the packet and not in what is at hand.
    pub end: usize,
    pub more_fragments: bool,
    pub later_fragment: bool,
    pub protocol: u8,
}

impl Packet {
    /// Reads the packet that begins in `bytes`, which hold all its headers, and is no longer than
    /// `length` bytes.
    pub fn parse(bytes: &[u8], length: usize) -> Result<Self, Malformed> {
        let (source, destination, span) = match bytes.first().ok_or(Malformed)? >> 4 {
            4 => ipv4(bytes, length)?,
            6 => ipv6(bytes, length)?,
            _ => return Err(Malformed),
        };
        let transport = if span.later_fragment {
            Transport::Fragment
        } else {
            let end = span.end.min(bytes.len());
            let payload = bytes.get(span.offset..end).ok_or(Malformed)?;
            transport(payload, &span, source.is_ipv4())?
        };
        let Span { protocol, offset, end, .. } = span;
        Ok(Self { source, destination, protocol, transport, offset, end })
    }

    /// Reads the packet that an ICMP error quotes: its transport header is cut short.
    ///
    /// `None` if that is not enough to tell its flow.
    pub(crate) fn quoted(bytes: &[u8]) -> Option<Self> {
        let (source, destination, span) = match bytes.first()? >> 4 {
            4 => ipv4(bytes, usize::MAX).ok()?,
            6 => ipv6(bytes, usize::MAX).ok()?,
            _ => return None,
        };
        let start: &[u8; 8] = bytes.get(span.offset..)?.first_chunk()?;
        let [a, b, c, d, e, f, ..] = *start;
        let (source_port, destination_port) =
            (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let transport = match span.protocol {
            _ if span.later_fragment => return None,
            TCP => Transport::Tcp { source: source_port, destination: destination_port, flags: 0 },
            UDP => Transport::Udp { source: source_port, destination: destination_port },
            ICMP | ICMPV6 => {
                Transport::Icmp { kind: a, code: b, identifier: u16::from_be_bytes([e, f]) }
            }
            _ => Transport::Other,
        };
        let Span { protocol, offset, end, .. } = span;
        Some(Self { source, destination, protocol, transport, offset, end })
    }

    /// Which half of an echo this is, if it is one.
    pub(crate) fn echo(&self) -> Option<Echo> {
        match (self.protocol, self.transport) {
            (ICMP, Transport::Icmp { kind: 8, .. })
            | (ICMPV6, Transport::Icmp { kind: 128, .. }) => Some(Echo::Request),
            (ICMP, Transport::Icmp { kind: 0, .. })
            | (ICMPV6, Transport::Icmp { kind: 129, .. }) => Some(Echo::Reply),
            _ => None,
        }
    }

    /// Whether this is an ICMP error, which quotes the packet that it is about.
    pub(crate) fn is_error(&self) -> bool {
        match (self.protocol, self.transport) {
            // Unreachable, time exceeded, parameter problem; no redirects, no source quench.
            (ICMP, Transport::Icmp { kind, .. }) => matches!(kind, 3 | 11 | 12),
            (ICMPV6, Transport::Icmp { kind, .. }) => matches!(kind, 1..=4),
            _ => false,
        }
    }

    /// What its TCP header says, if it has one; `bytes` are those that the packet was read from.
    pub(crate) fn segment(&self, bytes: &[u8]) -> Option<Segment> {
        match self.transport {
            Transport::Tcp { .. } => {
                Segment::parse(bytes.get(self.offset..)?, self.end - self.offset)
            }
            _ => None,
        }
    }

    /// The destination port or the ICMP type, where there is one.
    pub fn port(&self) -> Option<u16> {
        match self.transport {
            Transport::Tcp { destination, .. } | Transport::Udp { destination, .. } => {
                Some(destination)
            }
            Transport::Icmp { kind, .. } => Some(u16::from(kind)),
            Transport::Fragment | Transport::Other => None,
        }
    }
}

fn ipv4(bytes: &[u8], length: usize) -> Result<(IpAddr, IpAddr, Span), Malformed> {
    if bytes.len() < 20 {
        return Err(Malformed);
    }
    let packet = Ipv4Packet::new_unchecked(bytes);
    let offset = usize::from(packet.header_len());
    let end = usize::from(packet.total_len());
    if offset < 20 || offset > bytes.len() || end < offset || end > length {
        return Err(Malformed);
    }
    let span = Span {
        offset,
        end,
        more_fragments: packet.more_frags(),
        later_fragment: packet.frag_offset() > 0,
        protocol: bytes[9],
    };
    // RFC 1858: a fragment that would overwrite the flags that were judged.
    let overlaps = span.protocol == TCP && packet.frag_offset() == 8;
    let past_end = usize::from(packet.frag_offset()) + (end - offset) > 65535;
    if overlaps || past_end || span.protocol == ICMPV6 {
        return Err(Malformed);
    }
    Ok((packet.src_addr().into(), packet.dst_addr().into(), span))
}

fn ipv6(bytes: &[u8], length: usize) -> Result<(IpAddr, IpAddr, Span), Malformed> {
    if bytes.len() < 40 {
        return Err(Malformed);
    }
    let packet = Ipv6Packet::new_unchecked(bytes);
    let end = 40 + usize::from(packet.payload_len());
    let (source, destination): (Ipv6Addr, Ipv6Addr) = (packet.src_addr(), packet.dst_addr());
    let mapped = source.to_ipv4_mapped().or(destination.to_ipv4_mapped());
    // Mapped addresses are not for the wire (RFC 4291), and rules for IPv4 must not see them.
    if end > length || mapped.is_some() {
        return Err(Malformed);
    }
    let upper = Upper::find(bytes, end)?;
    // IPv4's ICMP is no protocol of IPv6. A later fragment that has the end of its headers in the
    // first one does not say its protocol, by which rules may deny (RFC 7112 is as strict).
    if upper.protocol == ICMP || extensions::is_one(upper.protocol) {
        return Err(Malformed);
    }
    Ok((source.into(), destination.into(), upper.span(end)))
}

fn transport(payload: &[u8], span: &Span, ipv4: bool) -> Result<Transport, Malformed> {
    let length = span.end - span.offset;
    match span.protocol {
        TCP => {
            if payload.len() < 20 {
                return Err(Malformed);
            }
            let packet = TcpPacket::new_unchecked(payload);
            let header = usize::from(packet.header_len());
            let flags = payload[13] & 0x3f;
            if header < 20 || header > length || !is_possible(flags) {
                return Err(Malformed);
            }
            let (source, destination) = (packet.src_port(), packet.dst_port());
            Ok(Transport::Tcp { source, destination, flags })
        }
        UDP => {
            if payload.len() < 8 {
                return Err(Malformed);
            }
            let packet = UdpPacket::new_unchecked(payload);
            let said = usize::from(packet.len());
            // The first fragment of a datagram says how long the whole is.
            if said < 8 || (said > length && !span.more_fragments) {
                return Err(Malformed);
            }
            Ok(Transport::Udp { source: packet.src_port(), destination: packet.dst_port() })
        }
        ICMP | ICMPV6 => {
            let start: &[u8; 8] = payload.first_chunk().ok_or(Malformed)?;
            let [kind, code, _, _, high, low, ..] = *start;
            let echo = if ipv4 { matches!(kind, 0 | 8) } else { matches!(kind, 128 | 129) };
            let identifier = if echo { u16::from_be_bytes([high, low]) } else { 0 };
            Ok(Transport::Icmp { kind, code, identifier })
        }
        _ => Ok(Transport::Other),
    }
}

/// Whether a segment of RFC 9293 can have these flags, PSH aside; scanners send the others.
fn is_possible(flags: u8) -> bool {
    use flags::{ACK, FIN, RST, SYN, URG};
    const SYN_ACK: u8 = SYN | ACK;
    const FIN_ACK: u8 = FIN | ACK;
    const RST_ACK: u8 = RST | ACK;
    matches!(flags & (FIN | SYN | RST | ACK), SYN | SYN_ACK | ACK | FIN_ACK | RST | RST_ACK)
        && (flags & URG == 0 || flags & RST == 0)
}

/// An address of either family as a number; families never meet, since mapped addresses are
/// refused on the wire.
pub(crate) fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => mapped(v4),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn mapped(address: Ipv4Addr) -> u128 {
    0xffff_0000_0000 | u128::from(address.to_bits())
}
