//! The neighbours that the forwarder asks for: ARP (RFC 826) and neighbour discovery (RFC 4861).

use std::net::IpAddr;

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
    EthernetRepr, Icmpv6Packet, Icmpv6Repr, IpProtocol, Ipv6Packet, Ipv6Repr, NdiscNeighborFlags,
    NdiscRepr,
};

/// A question, as far as it is one that can be answered.
enum Question {
    Arp { asker: (EthernetAddress, std::net::Ipv4Addr), target: std::net::Ipv4Addr },
    Ndisc { asker: (EthernetAddress, std::net::Ipv6Addr), target: std::net::Ipv6Addr },
}

fn question(frame: &[u8]) -> Option<Question> {
    let ethernet = EthernetFrame::new_checked(frame).ok()?;
    match ethernet.ethertype() {
        EthernetProtocol::Arp => {
            let packet = ArpPacket::new_checked(ethernet.payload()).ok()?;
            match ArpRepr::parse(&packet).ok()? {
                ArpRepr::EthernetIpv4 {
                    operation: ArpOperation::Request,
                    source_hardware_addr,
                    source_protocol_addr,
                    target_protocol_addr,
                    ..
                } => Some(Question::Arp {
                    asker: (source_hardware_addr, source_protocol_addr),
                    target: target_protocol_addr,
                }),
                _ => None,
            }
        }
        EthernetProtocol::Ipv6 => {
            let packet = Ipv6Packet::new_checked(ethernet.payload()).ok()?;
            let ip = Ipv6Repr::parse(&packet).ok()?;
            if ip.next_header != IpProtocol::Icmpv6 {
                return None;
            }
            let message = Icmpv6Packet::new_checked(packet.payload()).ok()?;
            let (from, to) = (&ip.src_addr, &ip.dst_addr);
            match Icmpv6Repr::parse(from, to, &message, &ChecksumCapabilities::default()).ok()? {
                Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit { target_addr, .. }) => {
                    let asker = (ethernet.src_addr(), ip.src_addr);
                    Some(Question::Ndisc { asker, target: target_addr })
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether a frame asks for a neighbour.
pub fn is_question(frame: &[u8]) -> bool {
    question(frame).is_some()
}

/// What the neighbour that a frame asks for answers, if it is one of those `known`: its hardware
/// address is that of all neighbours behind the port.
pub fn answer(frame: &[u8], port: usize, known: &[IpAddr]) -> Option<Vec<u8>> {
    let own = EthernetAddress([2, 0, 0, 0, 0xff, port as u8]);
    match question(frame)? {
        Question::Arp { asker, target } if known.contains(&target.into()) => {
            let arp = ArpRepr::EthernetIpv4 {
                operation: ArpOperation::Reply,
                source_hardware_addr: own,
                source_protocol_addr: target,
                target_hardware_addr: asker.0,
                target_protocol_addr: asker.1,
            };
            let mut reply = ethernet(own, asker.0, EthernetProtocol::Arp, arp.buffer_len());
            arp.emit(&mut ArpPacket::new_unchecked(
                &mut reply[EthernetFrame::<&[u8]>::header_len()..],
            ));
            Some(reply)
        }
        Question::Ndisc { asker, target } if known.contains(&target.into()) => {
            let message = Icmpv6Repr::Ndisc(NdiscRepr::NeighborAdvert {
                flags: NdiscNeighborFlags::SOLICITED | NdiscNeighborFlags::OVERRIDE,
                target_addr: target,
                lladdr: Some(own.into()),
            });
            let ip = Ipv6Repr {
                src_addr: target,
                dst_addr: asker.1,
                next_header: IpProtocol::Icmpv6,
                payload_len: message.buffer_len(),
                hop_limit: 255,
            };
            let length = ip.buffer_len() + message.buffer_len();
            let mut reply = ethernet(own, asker.0, EthernetProtocol::Ipv6, length);
            let mut packet =
                Ipv6Packet::new_unchecked(&mut reply[EthernetFrame::<&[u8]>::header_len()..]);
            ip.emit(&mut packet);
            let mut body = Icmpv6Packet::new_unchecked(packet.payload_mut());
            message.emit(&target, &asker.1, &mut body, &ChecksumCapabilities::default());
            Some(reply)
        }
        _ => None,
    }
}

fn ethernet(
    from: EthernetAddress,
    to: EthernetAddress,
    ethertype: EthernetProtocol,
    length: usize,
) -> Vec<u8> {
    let repr = EthernetRepr { src_addr: from, dst_addr: to, ethertype };
    let mut frame = vec![0; repr.buffer_len() + length];
    repr.emit(&mut EthernetFrame::new_unchecked(&mut frame[..]));
    frame
}
