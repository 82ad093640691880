//! One forwarder, IPv6 frame by frame.

use std::net::Ipv6Addr;

use proptest::prelude::*;
use service_core::Duration;
use service_route::{Frame, limits};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    EthernetAddress, EthernetProtocol, Icmpv6Packet, Icmpv6Repr, IpProtocol, Ipv6Packet,
    NdiscNeighborFlags, NdiscRepr, TcpPacket, TcpSeqNumber, UdpPacket, UdpRepr,
};

use crate::frames::{NOW, OWN, SERVERS, TRANSIT, ethernet};
use crate::ports::{Bytes, Node, firewall, router};

const fn v6(segment: u16, host: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, segment, 0, 0, 0, 0, host)
}

const WEB: ([u8; 6], Ipv6Addr) = ([2, 0, 0, 0, 3, 0x50], v6(3, 0x80));
const UPSTREAM: ([u8; 6], Ipv6Addr) = ([2, 0, 0, 0, 2, 1], v6(2, 1));
const CLIENT: Ipv6Addr = v6(1, 0x100);
const ROUTER: Ipv6Addr = v6(2, 2);
const GATEWAY: Ipv6Addr = v6(3, 1);
const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 9);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

fn checksums() -> ChecksumCapabilities {
    ChecksumCapabilities::default()
}

fn ipv6(from: Ipv6Addr, to: Ipv6Addr, hops: u8, protocol: IpProtocol, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; 40];
    let mut header = Ipv6Packet::new_unchecked(&mut packet[..]);
    header.set_version(6);
    header.set_payload_len(payload.len() as u16);
    header.set_next_header(protocol);
    header.set_hop_limit(hops);
    header.set_src_addr(from);
    header.set_dst_addr(to);
    packet.extend_from_slice(payload);
    packet
}

fn datagram(from: Ipv6Addr, to: Ipv6Addr, hops: u8, length: usize) -> Vec<u8> {
    let mut payload = vec![0; 8 + length];
    let repr = UdpRepr { src_port: 40_000, dst_port: 53 };
    let mut packet = UdpPacket::new_unchecked(&mut payload[..]);
    let fill = |data: &mut [u8]| data.fill(0xa5);
    repr.emit(&mut packet, &from.into(), &to.into(), length, fill, &checksums());
    ipv6(from, to, hops, IpProtocol::Udp, &payload)
}

/// A packet with these extension headers: each its own number and its bytes but for the first.
fn extended(headers: &[(u8, &[u8])], last: u8, payload: &[u8]) -> Vec<u8> {
    let mut chain = Vec::new();
    for (index, (_, rest)) in headers.iter().enumerate() {
        chain.push(headers.get(index + 1).map_or(last, |(kind, _)| *kind));
        chain.extend_from_slice(rest);
    }
    chain.extend_from_slice(payload);
    let first = headers.first().map_or(last, |(kind, _)| *kind);
    ipv6(CLIENT, WEB.1, 64, first.into(), &chain)
}

/// A frame to the router from upstream.
fn inbound(packet: &[u8]) -> Bytes {
    Bytes::new(ethernet(UPSTREAM.0, OWN[TRANSIT], EthernetProtocol::Ipv6, packet))
}

fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), u16::from_be_bytes([b, c]))
}

/// The hardware address of a group, or the one given.
fn mac_of(group: Ipv6Addr, other: [u8; 6]) -> [u8; 6] {
    let [.., a, b, c, d] = group.octets();
    if group.is_multicast() { [0x33, 0x33, a, b, c, d] } else { other }
}

fn message(from: Ipv6Addr, to: Ipv6Addr, hops: u8, repr: &NdiscRepr<'_>) -> Vec<u8> {
    let repr = Icmpv6Repr::Ndisc(*repr);
    let mut bytes = vec![0; repr.buffer_len()];
    repr.emit(&from, &to, &mut Icmpv6Packet::new_unchecked(&mut bytes[..]), &checksums());
    ipv6(from, to, hops, IpProtocol::Icmpv6, &bytes)
}

/// A question by a station for an address, to a port of the router.
fn question(mac: [u8; 6], from: Ipv6Addr, to: Ipv6Addr, target: Ipv6Addr, port: usize) -> Bytes {
    let named = (!from.is_unspecified()).then(|| EthernetAddress(mac).into());
    let repr = NdiscRepr::NeighborSolicit { target_addr: target, lladdr: named };
    let packet = message(from, to, 255, &repr);
    Bytes::new(ethernet(mac, mac_of(to, OWN[port]), EthernetProtocol::Ipv6, &packet))
}

/// A word by a station about an address, to a port of the router.
fn word(
    mac: [u8; 6],
    about: Ipv6Addr,
    to: Ipv6Addr,
    flags: NdiscNeighborFlags,
    named: bool,
    port: usize,
) -> Bytes {
    let lladdr = named.then(|| EthernetAddress(mac).into());
    let repr = NdiscRepr::NeighborAdvert { flags, target_addr: about, lladdr };
    let packet = message(about, to, 255, &repr);
    Bytes::new(ethernet(mac, mac_of(to, OWN[port]), EthernetProtocol::Ipv6, &packet))
}

/// What a frame says of neighbours: who to whom, and the message.
fn discovery(frame: &[u8]) -> (Ipv6Addr, Ipv6Addr, NdiscRepr<'_>) {
    let ip = Ipv6Packet::new_checked(&frame[14..]).expect("a packet");
    assert_eq!((ip.hop_limit(), ip.next_header()), (255, IpProtocol::Icmpv6));
    let (from, to) = (ip.src_addr(), ip.dst_addr());
    assert_eq!(&frame[..6], mac_of(to, frame[..6].try_into().expect("six bytes")));
    let packet = Icmpv6Packet::new_checked(&frame[54..]).expect("a message");
    match Icmpv6Repr::parse(&from, &to, &packet, &checksums()).expect("a right checksum") {
        Icmpv6Repr::Ndisc(repr) => (from, to, repr),
        other => panic!("{other:?}"),
    }
}

/// A router that knows its neighbours.
fn acquainted() -> Node {
    let mut node = router();
    for (port, (mac, from), own) in [(SERVERS, WEB, GATEWAY), (TRANSIT, UPSTREAM, ROUTER)] {
        node.receive(NOW, port, question(mac, from, solicited_node(own), own, port));
        let (out, reply) = node.ports.sent.pop_front().expect("a reply");
        assert_eq!((out, &reply[..6], &reply[6..12]), (port, &mac[..], &OWN[port][..]));
        let flags = NdiscNeighborFlags::all();
        let lladdr = Some(EthernetAddress(OWN[port]).into());
        let answer = NdiscRepr::NeighborAdvert { flags, target_addr: own, lladdr };
        assert_eq!(discovery(&reply), (own, from, answer));
    }
    assert_eq!(node.ports.held, 0);
    node
}

/// The one packet that the node sends in answer to `packet` from upstream, and its port.
fn answer(node: &mut Node, packet: &[u8]) -> Option<(usize, Vec<u8>)> {
    node.receive(NOW, TRANSIT, inbound(packet));
    let answer = node.ports.sent.pop_front();
    assert!(node.ports.sent.is_empty());
    answer
}

/// The type, code, field and quotation of the error that answers `packet`.
fn error(node: &mut Node, packet: &[u8]) -> Option<(u8, u8, u32, Vec<u8>)> {
    let (port, frame) = answer(node, packet)?;
    assert_eq!((port, &frame[..6]), (TRANSIT, &UPSTREAM.0[..]));
    let ip = Ipv6Packet::new_checked(&frame[14..]).expect("a packet");
    assert_eq!((ip.src_addr(), ip.dst_addr()), (ROUTER, CLIENT));
    let message = Icmpv6Packet::new_checked(ip.payload()).expect("a message");
    assert!(message.verify_checksum(&ROUTER, &CLIENT));
    let field = u32::from_be_bytes(ip.payload()[4..8].try_into().expect("four bytes"));
    let kind = message.msg_type().into();
    Some((kind, message.msg_code(), field, ip.payload()[8..].to_vec()))
}

#[test]
fn a_packet_is_forwarded_with_two_addresses_and_a_hop_limit_changed() {
    let mut node = acquainted();
    for length in [0, 1, 100, 1452] {
        let packet = datagram(CLIENT, WEB.1, 64, length);
        let (port, frame) = answer(&mut node, &packet).expect("forwarded");
        let expected = datagram(CLIENT, WEB.1, 63, length);
        assert_eq!(port, SERVERS);
        assert_eq!(frame, ethernet(OWN[SERVERS], WEB.0, EthernetProtocol::Ipv6, &expected));
    }
    assert_eq!(node.counter("forwarded"), 4);
    assert_eq!(node.ports.held, 0);
}

#[test]
fn what_must_not_be_forwarded_is_dropped_without_a_word() {
    let good = datagram(CLIENT, WEB.1, 64, 20);
    let edit = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut packet = good.clone();
        change(&mut packet);
        packet
    };
    let text = |address: &str| address.parse::<Ipv6Addr>().expect("an address");
    let from = |source: &str| datagram(text(source), WEB.1, 64, 20);
    let to = |destination: &str| datagram(CLIENT, text(destination), 64, 20);
    let pad: &[u8] = &[0; 7];
    let table = [
        ("malformed", edit(&|packet| packet[0] = 0x45)),
        ("malformed", edit(&|packet| packet[5] += 1)),
        ("malformed", edit(&|packet| packet.truncate(39))),
        ("malformed", Vec::new()),
        ("malformed", extended(&[(60, pad); 9], 17, &good[40..])),
        ("malformed", extended(&[(60, pad), (0, pad)], 17, &good[40..])),
        ("malformed", extended(&[(60, &[9, 0, 0, 0, 0, 0, 0])], 17, &good[40..])),
        ("source_route", extended(&[(43, &[0, 0, 1, 0, 0, 0, 0])], 17, &good[40..])),
        ("martian", from("::")),
        ("martian", from("::1")),
        ("martian", from("::ffff:192.0.2.100")),
        ("martian", from("fe80::1")),
        ("martian", from("ff02::1")),
        ("martian", from("2001:db8:2::2")),
        ("martian", from("2001:db8:3::1")),
        ("martian", to("::1")),
        ("martian", to("::ffff:203.0.113.80")),
        ("martian", to("fe80::1")),
        ("martian", to("ff0e::1")),
    ];
    for (reason, packet) in table {
        let mut node = acquainted();
        assert_eq!(answer(&mut node, &packet), None, "{reason} {packet:02x?}");
        assert_eq!(node.counter(&format!("dropped.{reason}")), 1, "{packet:02x?}");
        assert_eq!(node.ports.held, 0);
    }
    // Harmless extension headers go through, and so do fragments, first and later.
    let mut node = acquainted();
    for headers in [
        [(0, pad)],
        [(60, pad)],
        [(43, pad)],
        [(44, &[0, 0, 1, 0, 0, 0, 7])],
        [(44, &[0, 5, 0, 0, 0, 0, 7])],
    ] {
        assert!(answer(&mut node, &extended(&headers, 17, &good[40..])).is_some());
    }
    // Groups that the node is not in, and frames to other stations.
    for mac in [[2, 9, 9, 9, 9, 9], [0xff; 6], mac_of(ALL_NODES, [0; 6]), [0x33, 0x33, 0, 0, 0, 2]]
    {
        let mut node = acquainted();
        let frame = ethernet(UPSTREAM.0, mac, EthernetProtocol::Ipv6, &good);
        node.receive(NOW, TRANSIT, Bytes::new(frame));
        assert!(node.ports.sent.is_empty());
        assert_eq!(node.counter("dropped.station"), 1);
    }
}

#[test]
fn senders_are_told_what_went_wrong() {
    let mut node = acquainted();
    let expired = datagram(CLIENT, WEB.1, 1, 20);
    assert_eq!(error(&mut node, &expired), Some((3, 0, 0, expired)));
    let closed = datagram(CLIENT, ROUTER, 64, 20);
    assert_eq!(error(&mut node, &closed), Some((1, 4, 0, closed)));
    let strange = ipv6(CLIENT, ROUTER, 64, IpProtocol::Unknown(47), &[0; 8]);
    assert_eq!(error(&mut node, &strange), Some((4, 1, 6, strange)));
    let large = datagram(CLIENT, WEB.1, 64, 1453);
    // The quotation is as much as was at hand. Nothing is divided on the way.
    assert_eq!(error(&mut node, &large), Some((2, 0, 1500, large[..114].to_vec())));
    assert_eq!(node.counter("dropped.oversize"), 1);
    assert_eq!(node.counter("icmp_errors"), 4);
    assert_eq!(node.ports.held, 0);
}

#[test]
fn no_error_answers_what_must_not_be_answered() {
    let expired = |protocol: u8, payload: &[u8]| ipv6(CLIENT, WEB.1, 1, protocol.into(), payload);
    let later = [58, 0, 0, 8, 0, 0, 0, 7, 128, 0, 0, 0];
    let mut quiet = vec![expired(58, &[]), expired(44, &later)];
    quiet.extend([1, 2, 3, 4, 100, 127, 137].map(|kind| expired(58, &[kind, 0, 0, 0, 0, 0, 0, 0])));
    for packet in quiet {
        let mut node = acquainted();
        assert_eq!(answer(&mut node, &packet), None, "{packet:02x?}");
        assert_eq!(node.counter("dropped.expired"), 1);
    }
    let mut node = acquainted();
    assert!(error(&mut node, &expired(58, &[128, 0, 0, 0, 0, 0, 0, 0])).is_some());
    let datagram = datagram(CLIENT, WEB.1, 1, 20);
    let answered = (0..1000).filter(|_| answer(&mut node, &datagram).is_some()).count();
    assert_eq!(answered + 1, limits::ERRORS.1 as usize);
}

#[test]
fn super_frames_are_measured_by_what_is_on_the_wire() {
    let mut node = acquainted();
    let packet = datagram(CLIENT, WEB.1, 64, 60_000);
    let frame = Bytes { wire: Some(1514), ..inbound(&packet) };
    let length = frame.len();
    node.receive(NOW, TRANSIT, frame);
    let (port, frame) = node.ports.sent.pop_front().expect("forwarded");
    assert_eq!((port, frame.len()), (SERVERS, length));
    node.receive(NOW, TRANSIT, Bytes { wire: Some(1515), ..inbound(&packet) });
    assert_eq!(node.ports.sent.pop_front().expect("an error").0, TRANSIT);
    assert_eq!(node.counter("dropped.oversize"), 1);
}

#[test]
fn a_connection_to_the_node_is_reset() {
    let mut syn = [0; 20];
    let mut segment = TcpPacket::new_unchecked(&mut syn[..]);
    segment.set_src_port(40_000);
    segment.set_dst_port(22);
    segment.set_seq_number(TcpSeqNumber(1000));
    segment.set_header_len(20);
    segment.set_syn(true);
    let mut node = acquainted();
    let packet = ipv6(CLIENT, ROUTER, 64, IpProtocol::Tcp, &syn);
    let (_, frame) = answer(&mut node, &packet).expect("a reset");
    let ip = Ipv6Packet::new_checked(&frame[14..]).expect("a packet");
    assert_eq!((ip.src_addr(), ip.dst_addr()), (ROUTER, CLIENT));
    let reset = TcpPacket::new_checked(ip.payload()).expect("a segment");
    assert!(reset.rst() && reset.verify_checksum(&ROUTER.into(), &CLIENT.into()));
    assert_eq!((reset.src_port(), reset.dst_port(), reset.ack_number().0), (22, 40_000, 1001));
}

#[test]
fn questions_are_answered_from_whichever_address_they_come() {
    let mut node = router();
    let mac = [2, 0, 0, 0, 3, 9];
    // A router of Linux asks from its link-local address for what it forwards.
    for to in [solicited_node(GATEWAY), GATEWAY] {
        node.receive(NOW, SERVERS, question(mac, LINK_LOCAL, to, GATEWAY, SERVERS));
        let (port, frame) = node.ports.sent.pop_front().expect("an answer");
        let (from, back, _) = discovery(&frame);
        assert_eq!((port, from, back, &frame[..6]), (SERVERS, GATEWAY, LINK_LOCAL, &mac[..]));
    }
    // Who looks for duplicates learns, with all others, that the address is taken.
    let probe = question(mac, Ipv6Addr::UNSPECIFIED, solicited_node(GATEWAY), GATEWAY, SERVERS);
    node.receive(NOW, SERVERS, probe);
    let (_, frame) = node.ports.sent.pop_front().expect("an answer");
    let (from, to, repr) = discovery(&frame);
    assert_eq!((from, to), (GATEWAY, ALL_NODES));
    let NdiscRepr::NeighborAdvert { flags, .. } = repr else { panic!("{repr:?}") };
    assert!(!flags.contains(NdiscNeighborFlags::SOLICITED));
    // Nothing is said for others, whether in the same group or not.
    let other = Ipv6Addr::new(0x2001, 0xdb8, 3, 0, 1, 0, 0, 1);
    node.receive(NOW, SERVERS, question(mac, WEB.1, solicited_node(other), other, SERVERS));
    node.receive(NOW, SERVERS, question(mac, WEB.1, solicited_node(WEB.1), WEB.1, SERVERS));
    assert!(node.ports.sent.is_empty());
    assert_eq!(node.ports.held, 0);
}

#[test]
fn a_message_that_fails_a_check_changes_nothing() {
    let to = solicited_node(GATEWAY);
    let ask = |from: Ipv6Addr, named: Option<[u8; 6]>, hops: u8| {
        let lladdr = named.map(|mac| EthernetAddress(mac).into());
        message(from, to, hops, &NdiscRepr::NeighborSolicit { target_addr: GATEWAY, lladdr })
    };
    let good = ask(WEB.1, Some(WEB.0), 255);
    let edit = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut packet = good.clone();
        change(&mut packet);
        // Whatever else is wrong, the checksum is right.
        let end = packet.len();
        Icmpv6Packet::new_unchecked(&mut packet[40..end]).fill_checksum(&WEB.1, &to);
        packet
    };
    let mut bad = good.clone();
    bad[43] ^= 1;
    let table = [
        ("checksum", "malformed", bad),
        ("hop limit", "malformed", ask(WEB.1, Some(WEB.0), 254)),
        ("another station", "malformed", ask(WEB.1, Some([2, 0, 0, 0, 3, 9]), 255)),
        ("a name for nobody", "malformed", ask(Ipv6Addr::UNSPECIFIED, Some(WEB.0), 255)),
        ("code", "malformed", edit(&|packet| packet[41] = 1)),
        ("option of no length", "malformed", edit(&|packet| packet[65] = 0)),
        ("target is a group", "malformed", edit(&|packet| packet[48] = 0xff)),
        ("truncated", "malformed", good[..60].to_vec()),
        ("not on the link", "martian", ask(CLIENT, Some(WEB.0), 255)),
        ("the node's own address", "martian", ask(GATEWAY, Some(WEB.0), 255)),
        ("the node's other address", "martian", ask(ROUTER, Some(WEB.0), 255)),
        ("no question", "station", datagram(CLIENT, to, 64, 9)),
    ];
    for (what, reason, packet) in table {
        let mut node = router();
        let frame = ethernet(WEB.0, mac_of(to, [0; 6]), EthernetProtocol::Ipv6, &packet);
        node.receive(NOW, SERVERS, Bytes::new(frame));
        assert!(node.ports.sent.is_empty(), "{what}");
        assert_eq!(node.counter(&format!("dropped.{reason}")), 1, "{what}");
        assert_eq!(node.ports.held, 0);
    }
    // A router's advertisement is for nobody here: routes are the configuration's.
    let mut node = router();
    let advertisement = ipv6(LINK_LOCAL, ALL_NODES, 255, IpProtocol::Icmpv6, &[134, 0, 0, 0]);
    let mac = mac_of(ALL_NODES, [0; 6]);
    let frame = ethernet(UPSTREAM.0, mac, EthernetProtocol::Ipv6, &advertisement);
    node.receive(NOW, TRANSIT, Bytes::new(frame));
    assert_eq!(node.counter("dropped.station"), 1);
}

#[test]
fn frames_wait_for_their_neighbour_in_order() {
    let mut node = acquainted();
    let absent = v6(3, 7);
    for length in 0..10 {
        node.receive(NOW, TRANSIT, inbound(&datagram(CLIENT, absent, 64, length)));
    }
    let (port, frame) = node.ports.sent.pop_front().expect("a question");
    let (from, to, repr) = discovery(&frame);
    let lladdr = Some(EthernetAddress(OWN[SERVERS]).into());
    assert_eq!((port, from, to), (SERVERS, GATEWAY, solicited_node(absent)));
    assert_eq!(repr, NdiscRepr::NeighborSolicit { target_addr: absent, lladdr });
    assert!(node.ports.sent.is_empty());
    assert_eq!(node.counter("dropped.unresolved"), 2);
    // Someone else's word changes nothing, nor one that does not say where it comes from.
    let mac = [2, 0, 0, 0, 3, 7];
    let solicited = NdiscNeighborFlags::SOLICITED;
    let both = solicited | NdiscNeighborFlags::OVERRIDE;
    node.receive(NOW, SERVERS, word([2, 0, 0, 0, 3, 9], v6(3, 9), GATEWAY, both, true, SERVERS));
    node.receive(NOW, SERVERS, word(mac, absent, GATEWAY, both, false, SERVERS));
    assert!(node.ports.sent.is_empty());
    node.receive(NOW, SERVERS, word(mac, absent, GATEWAY, solicited, true, SERVERS));
    for length in 0..limits::PENDING_EACH {
        let (_, frame) = node.ports.sent.pop_front().expect("released");
        let expected = datagram(CLIENT, absent, 63, length);
        assert_eq!(frame, ethernet(OWN[SERVERS], mac, EthernetProtocol::Ipv6, &expected));
    }
    assert_eq!(node.ports.held, 0);
}

#[test]
fn a_neighbour_is_asked_again_and_moves_only_by_its_own_strong_word() {
    let mut node = acquainted();
    let later = NOW + limits::REACHABLE;
    let packet = datagram(CLIENT, WEB.1, 64, 5);
    let sent_to = |node: &mut Node, now| {
        node.receive(now, TRANSIT, inbound(&packet));
        let (_, frame) = node.ports.sent.pop_front().expect("forwarded");
        frame[..6].to_vec()
    };
    assert_eq!(sent_to(&mut node, later), WEB.0);
    let (port, frame) = node.ports.sent.pop_front().expect("a question");
    // The station itself is asked, and need not say again where it is (section 7.2.4).
    assert_eq!((port, &frame[..6]), (SERVERS, &WEB.0[..]));
    assert_eq!(discovery(&frame).1, WEB.1);
    let confirmed = later + Duration::from_secs(1);
    let flags = NdiscNeighborFlags::SOLICITED;
    node.receive(confirmed, SERVERS, word(WEB.0, WEB.1, GATEWAY, flags, false, SERVERS));
    assert_eq!(sent_to(&mut node, confirmed + Duration::from_secs(29)), WEB.0);
    assert!(node.ports.sent.is_empty());
    let other = [2, 0, 0, 0, 3, 0x51];
    let now = confirmed + Duration::from_secs(2);
    node.receive(now, SERVERS, word(other, WEB.1, GATEWAY, flags, true, SERVERS));
    assert_eq!(sent_to(&mut node, now), WEB.0);
    // A node that took another's place says so to all.
    let flags = NdiscNeighborFlags::OVERRIDE;
    node.receive(now, SERVERS, word(other, WEB.1, GATEWAY, flags, true, SERVERS));
    assert_eq!(sent_to(&mut node, now), other);
}

#[test]
fn a_neighbour_that_does_not_answer_is_reported() {
    let mut node = acquainted();
    node.receive(NOW, TRANSIT, inbound(&datagram(CLIENT, v6(3, 7), 64, 20)));
    let mut now = NOW;
    while let Some(due) = node.forwarder.poll(now, &mut node.ports) {
        now = due;
    }
    assert_eq!(now, NOW + Duration::from_secs(3));
    let (port, frame) = node.ports.sent.pop_back().expect("an error");
    assert_eq!((port, frame[54], frame[55]), (TRANSIT, 1, 3));
    assert_eq!(node.ports.sent.len(), usize::from(limits::TRIES));
    assert_eq!(node.ports.held, 0);
}

proptest! {
    /// Behind a right checksum, so that every byte is looked at.
    #[test]
    fn any_message_about_neighbours_is_read(
        kind in 133u8..=137, tail in prop::collection::vec(any::<u8>(), 0..70), multicast: bool,
    ) {
        let mut node = acquainted();
        let to = if multicast { solicited_node(GATEWAY) } else { GATEWAY };
        let mut body = [&[kind, 0, 0, 0][..], &tail].concat();
        Icmpv6Packet::new_unchecked(&mut body[..]).fill_checksum(&WEB.1, &to);
        let packet = ipv6(WEB.1, to, 255, IpProtocol::Icmpv6, &body);
        let frame = ethernet(WEB.0, mac_of(to, OWN[SERVERS]), EthernetProtocol::Ipv6, &packet);
        node.receive(NOW, SERVERS, Bytes::new(frame));
        prop_assert!(node.ports.sent.len() <= 1);
        node.ports.sent.clear();
        prop_assert_eq!(node.ports.held, 0);
    }

    #[test]
    fn no_frame_is_lost_or_kept_for_ever(
        frames in prop::collection::vec(
            (0usize..2, any::<[u8; 2]>(), prop::collection::vec(any::<u8>(), 0..90), 0u8..5),
            1..80,
        ),
    ) {
        for mut node in [acquainted(), firewall()] {
            let mut now = NOW;
            for (port, edit, tail, kind) in &frames {
                let mut bytes = match kind {
                    0 => inbound(&datagram(CLIENT, WEB.1, edit[0], tail.len())).bytes,
                    1 => question(WEB.0, WEB.1, solicited_node(GATEWAY), GATEWAY, SERVERS).bytes,
                    2 => inbound(&ipv6(CLIENT, ROUTER, 255, edit[1].into(), tail)).bytes,
                    3 => inbound(&extended(&[(edit[1], tail)], 58, tail)).bytes,
                    _ => {
                        let flags = NdiscNeighborFlags::from_bits_truncate(edit[0]);
                        word(WEB.0, WEB.1, GATEWAY, flags, edit[1] & 1 == 0, SERVERS).bytes
                    }
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
