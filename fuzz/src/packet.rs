//! Packets between few addresses and ports, so that they meet flows and rules; well-formed unless
//! they say otherwise.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use smoltcp::wire::Ipv4Packet;

/// A packet.
#[derive(Arbitrary, Clone, Debug)]
pub struct Packet {
    pub source: Host,
    pub destination: Host,
    pub six: bool,
    pub ttl: u8,
    /// IPv4 options, or IPv6 extension headers: each a kind and what follows.
    pub headers: Vec<(u8, [u8; 6])>,
    pub fragment: Option<Fragment>,
    pub content: Content,
    /// A byte that is another one after all lengths and checksums were written.
    pub damage: Option<(u8, u8)>,
    /// How much of it is missing.
    pub missing: u8,
}

/// Who sends, or is sent to.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Host {
    Client,
    OtherClient,
    Web,
    Dns,
    Node,
    Router,
    Broadcast,
    Group,
    Nobody,
    Any(u32),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Fragment {
    /// In eights of bytes.
    pub offset: u16,
    pub more: bool,
}

#[derive(Arbitrary, Clone, Debug)]
pub enum Content {
    Tcp { source: Port, destination: Port, flags: u8, sequence: i16, ack: i16, window: u16 },
    Udp { source: Port, destination: Port, length: u8 },
    Icmp { kind: u8, code: u8, identifier: u8, quotes: Option<u8> },
    Other { protocol: u8, bytes: Vec<u8> },
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Port {
    Web,
    Dns,
    Client(u8),
    Any(u16),
}

impl Port {
    fn number(self) -> u16 {
        match self {
            Self::Web => 80,
            Self::Dns => 53,
            Self::Client(low) => 50_000 + u16::from(low % 4),
            Self::Any(number) => number,
        }
    }
}

impl Host {
    /// Its address of either family, in the network of the proof of concept.
    pub fn address(self, six: bool) -> IpAddr {
        let (v4, v6) = match self {
            Self::Client => ([192, 0, 2, 100], [0x2001, 0xdb8, 1, 0, 0, 0, 0, 0x100]),
            Self::OtherClient => ([192, 0, 2, 101], [0x2001, 0xdb8, 1, 0, 0, 0, 0, 0x101]),
            Self::Web => ([203, 0, 113, 80], [0x2001, 0xdb8, 3, 0, 0, 0, 0, 0x80]),
            Self::Dns => ([203, 0, 113, 53], [0x2001, 0xdb8, 3, 0, 0, 0, 0, 0x53]),
            Self::Node => ([198, 51, 100, 1], [0x2001, 0xdb8, 2, 0, 0, 0, 0, 1]),
            Self::Router => ([198, 51, 100, 2], [0x2001, 0xdb8, 2, 0, 0, 0, 0, 2]),
            Self::Broadcast => ([203, 0, 113, 255], [0x2001, 0xdb8, 3, 0, 0, 0, 0, 0]),
            Self::Group => ([224, 0, 0, 1], [0xff02, 0, 0, 0, 0, 0, 0, 1]),
            Self::Nobody => ([0, 0, 0, 0], [0; 8]),
            Self::Any(bits) => {
                let [a, b] = [(bits >> 16) as u16, bits as u16];
                (bits.to_be_bytes(), [a, b, 0, 0, 0, b, a, b])
            }
        };
        if six { Ipv6Addr::from(v6).into() } else { Ipv4Addr::from(v4).into() }
    }
}

impl Packet {
    /// Its bytes, from the IP header on; errors quote what was sent `before`.
    pub fn bytes(&self, before: &[Vec<u8>]) -> Vec<u8> {
        let (protocol, body) = self.content.bytes(self.six, before);
        let mut bytes = match (self.source.address(self.six), self.destination.address(self.six)) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                self.v4(source, destination, protocol, &body)
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                self.v6(source, destination, protocol, &body)
            }
            _ => unreachable!("both are of one family"),
        };
        if let Some((place, value)) = self.damage
            && let Some(byte) = bytes.get_mut(usize::from(place))
        {
            *byte = value;
        }
        bytes.truncate(bytes.len().saturating_sub(usize::from(self.missing % 64)));
        bytes
    }

    fn v4(&self, source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, body: &[u8]) -> Vec<u8> {
        let mut options = Vec::new();
        for (kind, rest) in self.headers.iter().take(5) {
            options.push(*kind);
            options.extend_from_slice(rest);
            options.push(0);
        }
        let header = 20 + options.len();
        let mut bytes = vec![0; header];
        bytes[20..].copy_from_slice(&options);
        bytes.extend_from_slice(body);
        let mut packet = Ipv4Packet::new_unchecked(&mut bytes[..]);
        packet.set_version(4);
        packet.set_header_len(header as u8);
        packet.set_total_len((header + body.len()) as u16);
        packet.set_hop_limit(self.ttl);
        packet.set_next_header(protocol.into());
        packet.set_src_addr(source);
        packet.set_dst_addr(destination);
        if let Some(Fragment { offset, more }) = self.fragment {
            packet.set_frag_offset(offset % (1 << 13) * 8);
            packet.set_more_frags(more);
        }
        packet.fill_checksum();
        bytes
    }

    fn v6(&self, source: Ipv6Addr, destination: Ipv6Addr, protocol: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 40];
        bytes[0] = 0x60;
        bytes[7] = self.ttl;
        bytes[8..24].copy_from_slice(&source.octets());
        bytes[24..40].copy_from_slice(&destination.octets());
        let mut named_at = 6;
        for (kind, rest) in self.headers.iter().take(9) {
            bytes[named_at] = *kind;
            named_at = bytes.len();
            bytes.push(0);
            // Of a header that can be walked, most are as long as they are.
            bytes.extend_from_slice(&[rest[0] % 2, rest[1], rest[2], rest[3], rest[4], rest[5], 0]);
            bytes.resize(bytes.len() + 8 * usize::from(rest[0] % 2), 0);
        }
        if let Some(Fragment { offset, more }) = self.fragment {
            bytes[named_at] = 44;
            named_at = bytes.len();
            let [high, low] = (offset << 3 | u16::from(more)).to_be_bytes();
            bytes.extend_from_slice(&[0, 0, high, low, 0, 0, 0, 7]);
        }
        bytes[named_at] = protocol;
        bytes.extend_from_slice(body);
        let length = (bytes.len() - 40) as u16;
        bytes[4..6].copy_from_slice(&length.to_be_bytes());
        bytes
    }
}

impl Content {
    fn bytes(&self, six: bool, before: &[Vec<u8>]) -> (u8, Vec<u8>) {
        match self {
            Self::Tcp { source, destination, flags, sequence, ack, window } => {
                let mut body = vec![0; 20];
                body[..2].copy_from_slice(&source.number().to_be_bytes());
                body[2..4].copy_from_slice(&destination.number().to_be_bytes());
                body[4..8].copy_from_slice(&i32::from(*sequence).to_be_bytes());
                body[8..12].copy_from_slice(&i32::from(*ack).to_be_bytes());
                (body[12], body[13]) = (5 << 4, *flags);
                body[14..16].copy_from_slice(&window.to_be_bytes());
                (6, body)
            }
            Self::Udp { source, destination, length } => {
                let mut body = vec![0; 8 + usize::from(*length)];
                let said = body.len() as u16;
                body[..2].copy_from_slice(&source.number().to_be_bytes());
                body[2..4].copy_from_slice(&destination.number().to_be_bytes());
                body[4..6].copy_from_slice(&said.to_be_bytes());
                (17, body)
            }
            Self::Icmp { kind, code, identifier, quotes } => {
                let mut body = vec![*kind, *code, 0, 0, 0, *identifier % 4, 0, 0];
                let which = quotes.map(usize::from);
                if let Some(quoted) =
                    which.and_then(|which| before.get(which % before.len().max(1)))
                {
                    body.extend_from_slice(&quoted[..quoted.len().min(500)]);
                }
                (if six { 58 } else { 1 }, body)
            }
            Self::Other { protocol, bytes } => (*protocol, bytes.clone()),
        }
    }
}
