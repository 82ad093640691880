//! What a filter reads of a packet.

use core::net::IpAddr;

/// The headers of an IP packet of either family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The source address.
    pub source: IpAddr,
    /// The destination address.
    pub destination: IpAddr,
    /// The protocol number of what the IP header carries.
    pub protocol: u8,
    /// What is known of the transport header.
    pub transport: Transport,
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
        /// The flags octet: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32.
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
        /// The identifier of an echo.
        identifier: u16,
    },
    /// A fragment after the first: the transport header is elsewhere.
    Fragment,
    /// Any other protocol.
    Other,
}

/// A packet whose headers contradict its length or themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;
