//! One forwarder, frame by frame.

use std::net::Ipv4Addr;

use proptest::prelude::*;
use service_core::{Duration, Instant};
use service_route::{Frame, limits};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
    EthernetRepr, Icmpv4Packet, IpProtocol, Ipv4Packet, Ipv4Repr, TcpPacket, UdpPacket, UdpRepr,
};

use crate::ports::{Bytes, Node, believing_router, firewall, router};

pub const NOW: Instant = Instant::from_micros(5_000_000);
pub const SERVERS: usize = 0;
pub const TRANSIT: usize = 1;
/// The router's own hardware addresses, by port.
pub const OWN: [[u8; 6]; 2] = [[2, 0, 0, 0, 3, 1], [2, 0, 0, 0, 2, 2]];
const WEB: ([u8; 6], Ipv4Addr) = ([2, 0, 0, 0, 3, 0x50], Ipv4Addr::new(203, 0, 113, 80));
const UPSTREAM: ([u8; 6], Ipv4Addr) = ([2, 0, 0, 0, 2, 1], Ipv4Addr::new(198, 51, 100, 1));
const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 100);
const ROUTER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);

fn checksums() -> ChecksumCapabilities {
    ChecksumCapabilities::default()
}

pub fn ethernet(
    from: [u8; 6],
    to: [u8; 6],
    ethertype: EthernetProtocol,
    payload: &[u8],
) -> Vec<u8> {
    let repr =
        EthernetRepr { src_addr: EthernetAddress(from), dst_addr: EthernetAddress(to), ethertype };
    let mut frame = vec![0; 14];
    repr.emit(&mut EthernetFrame::new_unchecked(&mut frame[..]));
    frame.extend_from_slice(payload);
    frame
}

fn ipv4(from: Ipv4Addr, to: Ipv4Addr, ttl: u8, protocol: IpProtocol, payload: &[u8]) -> Vec<u8> {
    let repr = Ipv4Repr {
        src_addr: from,
        dst_addr: to,
        next_header: protocol,
        payload_len: payload.len(),
        hop_limit: ttl,
    };
    let mut packet = vec![0; 20];
    repr.emit(&mut Ipv4Packet::new_unchecked(&mut packet[..]), &checksums());
    packet.extend_from_slice(payload);
    packet
}

fn datagram(from: Ipv4Addr, to: Ipv4Addr, ttl: u8, length: usize) -> Vec<u8> {
    let mut payload = vec![0; 8 + length];
    let repr = UdpRepr { src_port: 40_000, dst_port: 53 };
    let mut packet = UdpPacket::new_unchecked(&mut payload[..]);
    let fill = |data: &mut [u8]| data.fill(0xa5);
    repr.emit(&mut packet, &from.into(), &to.into(), length, fill, &checksums());
    ipv4(from, to, ttl, IpProtocol::Udp, &payload)
}

/// A frame to the router from upstream.
fn inbound(packet: &[u8]) -> Bytes {
    Bytes::new(ethernet(UPSTREAM.0, OWN[TRANSIT], EthernetProtocol::Ipv4, packet))
}

fn arp(
    operation: ArpOperation,
    sender: ([u8; 6], Ipv4Addr),
    to: [u8; 6],
    target: ([u8; 6], Ipv4Addr),
) -> Bytes {
    let repr = ArpRepr::EthernetIpv4 {
        operation,
        source_hardware_addr: EthernetAddress(sender.0),
        source_protocol_addr: sender.1,
        target_hardware_addr: EthernetAddress(target.0),
        target_protocol_addr: target.1,
    };
    let mut packet = vec![0; 46];
    repr.emit(&mut ArpPacket::new_unchecked(&mut packet[..]));
    Bytes::new(ethernet(sender.0, to, EthernetProtocol::Arp, &packet))
}

/// A router that knows its neighbours.
fn acquainted() -> Node {
    introduced(router())
}

fn introduced(mut node: Node) -> Node {
    for (port, neighbour) in [(SERVERS, WEB), (TRANSIT, UPSTREAM)] {
        let own = if port == SERVERS { Ipv4Addr::new(203, 0, 113, 1) } else { ROUTER };
        let request = arp(ArpOperation::Request, neighbour, [0xff; 6], ([0; 6], own));
        node.receive(NOW, port, request);
        let (out, reply) = node.ports.sent.pop_front().expect("a reply");
        assert_eq!(out, port);
        let packet = ArpPacket::new_checked(&reply[14..]).expect("ARP");
        let ArpRepr::EthernetIpv4 { operation, source_hardware_addr, source_protocol_addr, .. } =
            ArpRepr::parse(&packet).expect("ARP")
        else {
            unreachable!("the only kind")
        };
        assert_eq!(operation, ArpOperation::Reply);
        assert_eq!((source_hardware_addr.0, source_protocol_addr), (OWN[port], own));
        assert_eq!((&reply[..6], &reply[6..12]), (&neighbour.0[..], &OWN[port][..]));
    }
    node
}

/// The one packet that the node sends in answer to `packet` from upstream, and its port.
fn answer(node: &mut Node, packet: &[u8]) -> Option<(usize, Vec<u8>)> {
    node.receive(NOW, TRANSIT, inbound(packet));
    let answer = node.ports.sent.pop_front();
    assert!(node.ports.sent.is_empty());
    answer
}

/// The type, code, last field and quotation of the error that answers `packet`.
fn error(node: &mut Node, packet: &[u8]) -> Option<(u8, u8, u32, Vec<u8>)> {
    let (port, frame) = answer(node, packet)?;
    assert_eq!((port, &frame[..6]), (TRANSIT, &UPSTREAM.0[..]));
    let ip = Ipv4Packet::new_checked(&frame[14..]).expect("a packet");
    let repr = Ipv4Repr::parse(&ip, &checksums()).expect("a packet");
    assert_eq!((repr.src_addr, repr.dst_addr), (ROUTER, CLIENT));
    let message = Icmpv4Packet::new_checked(ip.payload()).expect("a message");
    assert!(message.verify_checksum());
    let field = u32::from_be_bytes(ip.payload()[4..8].try_into().expect("four bytes"));
    let kind = message.msg_type().into();
    Some((kind, message.msg_code(), field, message.data().to_vec()))
}

#[test]
fn a_packet_is_forwarded_with_two_addresses_and_a_ttl_changed() {
    let mut node = acquainted();
    for length in [0, 1, 100, 1472] {
        let packet = datagram(CLIENT, WEB.1, 64, length);
        let (port, frame) = answer(&mut node, &packet).expect("forwarded");
        let expected = datagram(CLIENT, WEB.1, 63, length);
        assert_eq!(port, SERVERS);
        assert_eq!(frame, ethernet(OWN[SERVERS], WEB.0, EthernetProtocol::Ipv4, &expected));
    }
    assert_eq!(node.counter("forwarded"), 4);
    assert_eq!(node.ports.held, 0);
}

#[test]
fn a_source_is_believed_where_nobody_looks_at_reverse_paths() {
    let mut node = introduced(believing_router());
    for host in [80, 9] {
        let packet = datagram(Ipv4Addr::new(203, 0, 113, host), WEB.1, 64, 20);
        assert!(answer(&mut node, &packet).is_some_and(|(port, _)| port == SERVERS));
    }
    // What nobody else can be stays dropped.
    for martian in [[203, 0, 113, 1], [203, 0, 113, 255], [127, 0, 0, 1]] {
        assert_eq!(answer(&mut node, &datagram(martian.into(), WEB.1, 64, 20)), None);
    }
    assert_eq!(node.counter("dropped.martian"), 3);
    assert_eq!(node.counter("dropped.spoofed"), 0);
}

#[test]
fn what_must_not_be_forwarded_is_dropped_without_a_word() {
    let good = datagram(CLIENT, WEB.1, 64, 20);
    let edit = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut packet = good.clone();
        change(&mut packet);
        packet
    };
    let optioned = |options: &[u8]| {
        let mut packet = [&good[..20], options, &good[20..]].concat();
        packet[0] = 0x40 | (5 + options.len() as u8 / 4);
        packet[2..4].copy_from_slice(&((good.len() + options.len()) as u16).to_be_bytes());
        let end = 20 + options.len();
        Ipv4Packet::new_unchecked(&mut packet[..end]).fill_checksum();
        packet
    };
    let from = |source: [u8; 4]| datagram(source.into(), WEB.1, 64, 20);
    let to = |destination: [u8; 4]| datagram(CLIENT, destination.into(), 64, 20);
    let table = [
        ("malformed", edit(&|packet| packet[10] ^= 1)),
        ("malformed", edit(&|packet| packet[0] = 0x65)),
        ("malformed", edit(&|packet| packet[3] += 1)),
        ("malformed", edit(&|packet| packet.truncate(19))),
        ("malformed", Vec::new()),
        ("source_route", optioned(&[131, 3, 4, 0])),
        ("source_route", optioned(&[137, 3, 4, 0])),
        ("martian", from([0, 0, 0, 0])),
        ("martian", from([127, 0, 0, 1])),
        ("martian", from([169, 254, 1, 1])),
        ("martian", from([224, 0, 0, 1])),
        ("martian", from([255, 255, 255, 255])),
        ("martian", from([198, 51, 100, 2])),
        ("martian", from([203, 0, 113, 1])),
        ("martian", from([203, 0, 113, 255])),
        ("spoofed", from([203, 0, 113, 80])),
        ("spoofed", from([203, 0, 113, 9])),
        ("martian", to([127, 0, 0, 1])),
        ("martian", to([169, 254, 1, 1])),
        ("martian", to([224, 0, 0, 1])),
        ("martian", to([255, 255, 255, 255])),
        ("martian", to([203, 0, 113, 255])),
        ("martian", to([203, 0, 113, 0])),
    ];
    for (reason, packet) in table {
        let mut node = acquainted();
        assert_eq!(answer(&mut node, &packet), None, "{reason} {packet:02x?}");
        assert_eq!(node.counter(&format!("dropped.{reason}")), 1, "{packet:02x?}");
        assert_eq!(node.ports.held, 0);
    }
    // Harmless options go through.
    let mut node = acquainted();
    assert!(answer(&mut node, &optioned(&[1, 1, 1, 0])).is_some());
    let others = [
        ("station", EthernetProtocol::Ipv4, [0xff; 6]),
        ("station", EthernetProtocol::Ipv4, [2, 9, 9, 9, 9, 9]),
        ("station", EthernetProtocol::Arp, [2, 9, 9, 9, 9, 9]),
        ("malformed", EthernetProtocol::Ipv6, OWN[TRANSIT]),
        ("station", EthernetProtocol::Ipv6, [0x33, 0x33, 0, 0, 0, 1]),
        ("protocol", EthernetProtocol::Unknown(0x88cc), OWN[TRANSIT]),
        ("malformed", EthernetProtocol::Arp, OWN[TRANSIT]),
    ];
    for (reason, ethertype, mac) in others {
        let mut node = acquainted();
        let frame = ethernet(UPSTREAM.0, mac, ethertype, &good);
        node.receive(NOW, TRANSIT, Bytes::new(frame));
        assert!(node.ports.sent.is_empty());
        assert_eq!(node.counter(&format!("dropped.{reason}")), 1);
    }
}

#[test]
fn senders_are_told_what_went_wrong() {
    let mut node = acquainted();
    let expired = datagram(CLIENT, WEB.1, 1, 20);
    assert_eq!(error(&mut node, &expired), Some((11, 0, 0, expired)));
    let closed = datagram(CLIENT, ROUTER, 64, 20);
    assert_eq!(error(&mut node, &closed), Some((3, 3, 0, closed)));
    let strange = ipv4(CLIENT, ROUTER, 64, IpProtocol::Unknown(47), &[0; 8]);
    assert_eq!(error(&mut node, &strange), Some((3, 2, 0, strange)));
    let mut large = datagram(CLIENT, WEB.1, 64, 1473);
    large[6] |= 0x40;
    Ipv4Packet::new_unchecked(&mut large[..20]).fill_checksum();
    // The quotation is as much as was at hand.
    assert_eq!(error(&mut node, &large), Some((3, 4, 1500, large[..114].to_vec())));
    assert_eq!(node.counter("icmp_errors"), 4);
    assert_eq!(node.ports.held, 0);
}

#[test]
fn no_error_answers_what_must_not_be_answered() {
    let expired = datagram(CLIENT, WEB.1, 1, 20);
    let unreachable = [3, 1, 0, 0, 0, 0, 0, 0];
    let mut fragment = expired.clone();
    fragment[7] = 1;
    Ipv4Packet::new_unchecked(&mut fragment[..20]).fill_checksum();
    for packet in [
        ipv4(CLIENT, WEB.1, 1, IpProtocol::Icmp, &unreachable),
        ipv4(CLIENT, WEB.1, 1, IpProtocol::Icmp, &[]),
        fragment,
    ] {
        let mut node = acquainted();
        assert_eq!(answer(&mut node, &packet), None);
        assert_eq!(node.counter("dropped.expired"), 1);
    }
    let mut node = acquainted();
    let answered = (0..1000).filter(|_| answer(&mut node, &expired).is_some()).count();
    assert_eq!(answered, limits::ERRORS.1 as usize);
    let mut node = acquainted();
    node.ports.exhausted = true;
    assert_eq!(answer(&mut node, &expired), None);
    assert_eq!(node.counter("dropped.memory"), 1);
}

#[test]
fn super_frames_are_measured_by_what_is_on_the_wire() {
    let mut node = acquainted();
    let mut packet = datagram(CLIENT, WEB.1, 64, 60_000);
    packet[6] |= 0x40;
    Ipv4Packet::new_unchecked(&mut packet[..20]).fill_checksum();
    let frame = Bytes { wire: Some(1514), ..inbound(&packet) };
    let length = frame.len();
    node.receive(NOW, TRANSIT, frame);
    let (port, frame) = node.ports.sent.pop_front().expect("forwarded");
    assert_eq!((port, frame.len()), (SERVERS, length));
    let frame = Bytes { wire: Some(1515), ..inbound(&packet) };
    node.receive(NOW, TRANSIT, frame);
    assert_eq!(node.ports.sent.pop_front().expect("an error").0, TRANSIT);
    assert_eq!(node.counter("dropped.oversize"), 1);
}

#[test]
fn a_connection_to_the_node_is_reset() {
    let mut syn = [0; 20];
    let mut segment = TcpPacket::new_unchecked(&mut syn[..]);
    segment.set_src_port(40_000);
    segment.set_dst_port(22);
    segment.set_seq_number(smoltcp::wire::TcpSeqNumber(1000));
    segment.set_header_len(20);
    segment.set_syn(true);
    let mut node = acquainted();
    let (_, frame) =
        answer(&mut node, &ipv4(CLIENT, ROUTER, 64, IpProtocol::Tcp, &syn)).expect("a reset");
    let ip = Ipv4Packet::new_checked(&frame[14..]).expect("a packet");
    assert_eq!((ip.src_addr(), ip.dst_addr()), (ROUTER, CLIENT));
    let reset = TcpPacket::new_checked(ip.payload()).expect("a segment");
    assert!(reset.rst() && reset.ack() && reset.verify_checksum(&ROUTER.into(), &CLIENT.into()));
    assert_eq!((reset.src_port(), reset.dst_port(), reset.ack_number().0), (22, 40_000, 1001));
    syn[13] = 4;
    assert_eq!(answer(&mut node, &ipv4(CLIENT, ROUTER, 64, IpProtocol::Tcp, &syn)), None);
}

#[test]
fn frames_wait_for_their_neighbour_in_order() {
    let mut node = router();
    let upstream = arp(ArpOperation::Request, UPSTREAM, [0xff; 6], ([0; 6], ROUTER));
    node.receive(NOW, TRANSIT, upstream);
    node.ports.sent.clear();
    for length in 0..10 {
        node.receive(NOW, TRANSIT, inbound(&datagram(CLIENT, WEB.1, 64, length)));
    }
    let (port, question) = node.ports.sent.pop_front().expect("a question");
    assert_eq!((port, &question[..6]), (SERVERS, &[0xff; 6][..]));
    assert!(node.ports.sent.is_empty());
    assert_eq!(node.ports.held, limits::PENDING_EACH as isize);
    assert_eq!(node.counter("dropped.unresolved"), 2);
    // Someone else's word, or a word by another station, changes nothing.
    let own = Ipv4Addr::new(203, 0, 113, 1);
    let other = ([2, 0, 0, 0, 3, 9], Ipv4Addr::new(203, 0, 113, 9));
    node.receive(NOW, SERVERS, arp(ArpOperation::Reply, other, OWN[0], (OWN[0], own)));
    let mut forged = arp(ArpOperation::Reply, WEB, OWN[0], (OWN[0], own));
    forged.bytes[11] ^= 1;
    node.receive(NOW, SERVERS, forged);
    assert!(node.ports.sent.is_empty());
    node.receive(NOW, SERVERS, arp(ArpOperation::Reply, WEB, OWN[0], (OWN[0], own)));
    for length in 0..limits::PENDING_EACH {
        let (_, frame) = node.ports.sent.pop_front().expect("released");
        let expected = datagram(CLIENT, WEB.1, 63, length);
        assert_eq!(frame, ethernet(OWN[SERVERS], WEB.0, EthernetProtocol::Ipv4, &expected));
    }
    assert_eq!(node.ports.held, 0);
}

#[test]
fn a_neighbour_that_does_not_answer_is_reported_and_then_there_is_silence() {
    let mut node = acquainted();
    let absent = Ipv4Addr::new(203, 0, 113, 99);
    node.receive(NOW, TRANSIT, inbound(&datagram(CLIENT, absent, 64, 20)));
    let mut now = NOW;
    let mut questions = 1;
    node.ports.sent.clear();
    while let Some(due) = node.forwarder.poll(now, &mut node.ports) {
        assert!(due > now && due <= now + Duration::from_secs(1));
        now = due;
        questions += 1;
    }
    assert_eq!(now, NOW + Duration::from_secs(3));
    assert_eq!(questions, 4);
    let (port, frame) = node.ports.sent.pop_back().expect("an error");
    assert_eq!((port, frame[34], frame[35]), (TRANSIT, 3, 1));
    assert_eq!(node.ports.sent.len(), usize::from(limits::TRIES) - 1);
    assert_eq!(node.ports.held, 0);
}

#[test]
fn nobody_takes_the_nodes_own_addresses() {
    let mut node = acquainted();
    let thief = ([2, 0, 0, 0, 3, 9], Ipv4Addr::new(203, 0, 113, 1));
    node.receive(NOW, SERVERS, arp(ArpOperation::Request, thief, [0xff; 6], ([0; 6], thief.1)));
    // Nor an address that is not on the link.
    let stray = ([2, 0, 0, 0, 3, 9], CLIENT);
    node.receive(NOW, SERVERS, arp(ArpOperation::Request, stray, [0xff; 6], ([0; 6], thief.1)));
    assert!(node.ports.sent.is_empty());
    assert_eq!(node.counter("dropped.martian"), 2);
    // A probe is answered, since the address is taken.
    let probe = ([2, 0, 0, 0, 3, 9], Ipv4Addr::UNSPECIFIED);
    node.receive(NOW, SERVERS, arp(ArpOperation::Request, probe, [0xff; 6], ([0; 6], thief.1)));
    assert_eq!(node.ports.sent.len(), 1);
}

#[test]
fn a_node_announces_itself_twice() {
    let mut node = router();
    node.forwarder.announce(NOW, &mut node.ports);
    // By ARP and by neighbour discovery, and to the switch, on each segment.
    assert_eq!(node.ports.sent.len(), 6);
    let due = node.forwarder.poll(NOW, &mut node.ports).expect("a second time");
    assert_eq!(due, NOW + Duration::from_secs(2));
    assert_eq!(node.forwarder.poll(due, &mut node.ports), None);
    let sent: Vec<_> = node.ports.sent.into_iter().collect();
    assert_eq!(sent[..6], sent[6..]);
    assert_eq!((&sent[1].1[..6], sent[1].0), (&[0xff; 6][..], SERVERS));
}

proptest! {
    #[test]
    fn no_frame_is_lost_or_kept_for_ever(
        frames in prop::collection::vec(
            (0usize..2, any::<[u8; 2]>(), prop::collection::vec(any::<u8>(), 0..90), 0u8..4),
            1..80,
        ),
    ) {
        for mut node in [acquainted(), firewall()] {
            let mut now = NOW;
            for (port, edit, tail, kind) in &frames {
                let mut bytes = match kind {
                    0 => inbound(&datagram(CLIENT, WEB.1, edit[0], tail.len())).bytes,
                    1 => arp(ArpOperation::Request, WEB, OWN[0], ([0; 6], ROUTER)).bytes,
                    2 => inbound(&ipv4(CLIENT, ROUTER, 64, IpProtocol::from(edit[1]), tail)).bytes,
                    _ => tail.clone(),
                };
                if let Some(byte) = bytes.get_mut(usize::from(edit[0])) {
                    *byte ^= edit[1];
                }
                node.receive(now, *port, Bytes::new(bytes));
                now += Duration::from_millis(100);
                node.forwarder.poll(now, &mut node.ports);
            }
            while let Some(due) = node.forwarder.poll(now, &mut node.ports) {
                prop_assert!(due > now);
                now = due;
            }
            prop_assert_eq!(node.ports.held, 0);
        }
    }
}
