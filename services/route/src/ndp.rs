//! Neighbour discovery: RFC 4861, of which a node with static addresses needs solicitations and
//! advertisements. Routers' advertisements and redirects are never asked for and never believed.

use core::net::Ipv6Addr;

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    EthernetAddress, Icmpv6Packet, Icmpv6Repr, IpProtocol, NdiscNeighborFlags, NdiscRepr,
    RawHardwareAddress,
};

use crate::ethernet::{self, Mac};
use crate::ip::Header;
use crate::{icmpv6, ipv6};

/// The length of a frame that holds a message as it is sent here, with one hardware address.
pub(crate) const FRAME: usize = ethernet::HEADER + ipv6::HEADER + 24 + 8;
/// The group of all nodes on a link.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// What a packet has that no router has forwarded (section 11.2).
const HOPS: u8 = 255;

const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;

/// A message about a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// Asks where `target` is.
    Solicitation { target: Ipv6Addr },
    /// Says that `target` is where the message came from.
    Advertisement {
        target: Ipv6Addr,
        /// Whether it answers a solicitation.
        solicited: bool,
        /// Whether it counts more than what is known already.
        overriding: bool,
    },
}

/// A message and who sent it to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ndp {
    pub message: Message,
    pub source: Ipv6Addr,
    pub destination: Ipv6Addr,
    /// The sender's station.
    pub mac: Mac,
    /// Whether the message itself names the station, too.
    pub names_station: bool,
}

/// Whether a packet is a message about neighbours.
pub(crate) fn is_one(header: &Header, packet: &[u8]) -> bool {
    header.protocol == icmpv6::PROTOCOL
        && !header.fragment
        && matches!(packet.get(header.length), Some(&SOLICITATION | &ADVERTISEMENT))
}

/// The group that who has `address` listens to (RFC 4291 section 2.7.1).
pub(crate) fn group(address: Ipv6Addr) -> Ipv6Addr {
    let [.., high, low] = address.segments();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | (high & 0xff), low)
}

/// The hardware address of a group (RFC 2464 section 7).
pub(crate) fn group_mac(group: Ipv6Addr) -> Mac {
    let [.., a, b, c, d] = group.octets();
    [0x33, 0x33, a, b, c, d]
}

impl Ndp {
    /// Reads the message of a frame, of whose packet `header` was read; `None` if it fails a check
    /// of sections 7.1.1 or 7.1.2, or its sender speaks for another station.
    pub(crate) fn parse(header: &Header, head: &[u8]) -> Option<Self> {
        let (_, station, _) = ethernet::parse(head)?;
        let (source, destination) = match (header.source, header.destination) {
            (core::net::IpAddr::V6(source), core::net::IpAddr::V6(destination)) => {
                (source, destination)
            }
            _ => return None,
        };
        let packet = head.get(ethernet::HEADER..)?.get(..header.total)?;
        if header.hops != HOPS || header.length != ipv6::HEADER || source.is_multicast() {
            return None;
        }
        let message = Icmpv6Packet::new_checked(packet.get(header.length..)?).ok()?;
        let checksums = ChecksumCapabilities::default();
        let Icmpv6Repr::Ndisc(repr) =
            Icmpv6Repr::parse(&source, &destination, &message, &checksums).ok()?
        else {
            return None;
        };
        let (message, named) = match repr {
            NdiscRepr::NeighborSolicit { target_addr, lladdr } => {
                // Who looks for duplicates has no address yet, asks the group, and names nobody.
                let nobody = source.is_unspecified();
                if nobody && (lladdr.is_some() || destination != group(target_addr)) {
                    return None;
                }
                (Message::Solicitation { target: target_addr }, lladdr)
            }
            NdiscRepr::NeighborAdvert { flags, target_addr, lladdr } => {
                let solicited = flags.contains(NdiscNeighborFlags::SOLICITED);
                if source.is_unspecified() || solicited && destination.is_multicast() {
                    return None;
                }
                let overriding = flags.contains(NdiscNeighborFlags::OVERRIDE);
                (Message::Advertisement { target: target_addr, solicited, overriding }, lladdr)
            }
            _ => return None,
        };
        let (Message::Solicitation { target } | Message::Advertisement { target, .. }) = message;
        let honest = named.is_none_or(|address| address.as_bytes() == station);
        let code = packet.get(header.length + 1).copied();
        (code == Some(0) && !target.is_multicast() && ethernet::is_unicast(station) && honest)
            .then_some(Self {
                message,
                source,
                destination,
                mac: station,
                names_station: named.is_some(),
            })
    }

    /// A question for `target`, from a port's station and address; to `station`, or to all.
    pub(crate) fn ask(sender: (Mac, Ipv6Addr), target: Ipv6Addr, station: Option<Mac>) -> Outgoing {
        let destination = if station.is_some() { target } else { group(target) };
        Outgoing {
            message: Message::Solicitation { target },
            sender,
            destination,
            station: station.unwrap_or_else(|| group_mac(destination)),
        }
    }

    /// The answer to a solicitation for an address of the station `mac`.
    pub(crate) fn answer(&self, mac: Mac, target: Ipv6Addr) -> Outgoing {
        if self.source.is_unspecified() {
            return Self::announce(mac, target);
        }
        Outgoing {
            message: Message::Advertisement { target, solicited: true, overriding: true },
            sender: (mac, target),
            destination: self.source,
            station: self.mac,
        }
    }

    /// Tells all that `target` is at the station `mac` (section 7.2.6).
    pub(crate) fn announce(mac: Mac, target: Ipv6Addr) -> Outgoing {
        Outgoing {
            message: Message::Advertisement { target, solicited: false, overriding: true },
            sender: (mac, target),
            destination: ALL_NODES,
            station: group_mac(ALL_NODES),
        }
    }
}

/// A message to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outgoing {
    message: Message,
    sender: (Mac, Ipv6Addr),
    destination: Ipv6Addr,
    station: Mac,
}

impl Outgoing {
    /// Writes a frame of [`FRAME`] bytes.
    pub(crate) fn emit(&self, head: &mut [u8]) {
        let (mac, source) = self.sender;
        ethernet::address(head, self.station, mac);
        ethernet::set_type(head, ethernet::IPV6);
        let Some(packet) = head.get_mut(ethernet::HEADER..FRAME) else { return };
        ipv6::emit(source, self.destination, IpProtocol::Icmpv6, HOPS, packet);
        let lladdr = Some(RawHardwareAddress::from(EthernetAddress(mac)));
        let repr = match self.message {
            Message::Solicitation { target } => {
                NdiscRepr::NeighborSolicit { target_addr: target, lladdr }
            }
            Message::Advertisement { target, solicited, overriding } => {
                let mut flags = NdiscNeighborFlags::ROUTER;
                flags.set(NdiscNeighborFlags::SOLICITED, solicited);
                flags.set(NdiscNeighborFlags::OVERRIDE, overriding);
                NdiscRepr::NeighborAdvert { flags, target_addr: target, lladdr }
            }
        };
        let message = &mut packet[ipv6::HEADER..];
        Icmpv6Repr::Ndisc(repr).emit(
            &source,
            &self.destination,
            &mut Icmpv6Packet::new_unchecked(message),
            &ChecksumCapabilities::default(),
        );
    }
}
