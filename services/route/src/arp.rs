//! ARP: RFC 826, and the probes and announcements of RFC 5227.

use core::net::Ipv4Addr;

use smoltcp::wire::{ArpOperation, ArpPacket, ArpRepr, EthernetAddress};

use crate::ethernet::{self, BROADCAST, Mac};

/// The length of a frame that holds an ARP packet.
pub(crate) const FRAME: usize = ethernet::HEADER + 28;

/// An ARP packet of IPv4 over Ethernet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arp {
    /// Whether it asks, or else answers.
    pub request: bool,
    pub sender: (Mac, Ipv4Addr),
    pub target: (Mac, Ipv4Addr),
}

impl Arp {
    /// A question for `target`, from one of the node's ports.
    pub(crate) fn request(sender: (Mac, Ipv4Addr), target: Ipv4Addr) -> Self {
        Self { request: true, sender, target: ([0; 6], target) }
    }

    /// Reads the packet of a frame; `None` if its sender can be no station.
    pub(crate) fn parse(head: &[u8]) -> Option<Self> {
        let (_, source, _) = ethernet::parse(head)?;
        let packet = ArpPacket::new_checked(head.get(ethernet::HEADER..)?).ok()?;
        let ArpRepr::EthernetIpv4 {
            operation,
            source_hardware_addr,
            source_protocol_addr,
            target_hardware_addr,
            target_protocol_addr,
        } = ArpRepr::parse(&packet).ok()?
        else {
            return None;
        };
        let request = match operation {
            ArpOperation::Request => true,
            ArpOperation::Reply => false,
            ArpOperation::Unknown(_) => return None,
        };
        let sender = source_hardware_addr.0;
        // Who speaks for another station is not believed.
        (ethernet::is_unicast(sender) && sender == source).then_some(Self {
            request,
            sender: (sender, source_protocol_addr),
            target: (target_hardware_addr.0, target_protocol_addr),
        })
    }

    /// Writes a frame of [`FRAME`] bytes to `station`, or to all.
    pub(crate) fn emit(&self, station: Option<Mac>, head: &mut [u8]) {
        ethernet::address(head, station.unwrap_or(BROADCAST), self.sender.0);
        ethernet::set_type(head, ethernet::ARP);
        let Some(packet) = head.get_mut(ethernet::HEADER..FRAME) else { return };
        let operation = if self.request { ArpOperation::Request } else { ArpOperation::Reply };
        let repr = ArpRepr::EthernetIpv4 {
            operation,
            source_hardware_addr: EthernetAddress(self.sender.0),
            source_protocol_addr: self.sender.1,
            target_hardware_addr: EthernetAddress(self.target.0),
            target_protocol_addr: self.target.1,
        };
        repr.emit(&mut ArpPacket::new_unchecked(packet));
    }
}
