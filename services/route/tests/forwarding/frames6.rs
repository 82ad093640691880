//! One forwarder, IPv6 frame by frame.

use std::net::Ipv6Addr;

use service_route::{Frame, limits};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    EthernetAddress, EthernetProtocol, Icmpv6Packet, Icmpv6Repr, IpProtocol, Ipv6Packet,
    NdiscNeighborFlags, NdiscRepr, TcpPacket, TcpSeqNumber, UdpPacket, UdpRepr,
};

use crate::frames::{NOW, OWN, SERVERS, TRANSIT, ethernet};
use crate::ports::{Bytes, Node, router};

pub(crate) const fn v6(segment: u16, host: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, segment, 0, 0, 0, 0, host)
}

pub(crate) const WEB: ([u8; 6], Ipv6Addr) = ([2, 0, 0, 0, 3, 0x50], v6(3, 0x80));
pub(crate) const UPSTREAM: ([u8; 6], Ipv6Addr) = ([2, 0, 0, 0, 2, 1], v6(2, 1));
pub(crate) const CLIENT: Ipv6Addr = v6(1, 0x100);
pub(crate) const ROUTER: Ipv6Addr = v6(2, 2);
pub(crate) const GATEWAY: Ipv6Addr = v6(3, 1);
pub(crate) const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 9);
pub(crate) const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

fn checksums() -> ChecksumCapabilities {
    ChecksumCapabilities::default()
}

pub(crate) fn ipv6(
    from: Ipv6Addr,
    to: Ipv6Addr,
    hops: u8,
    protocol: IpProtocol,
    payload: &[u8],
) -> Vec<u8> {
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

pub(crate) fn datagram(from: Ipv6Addr, to: Ipv6Addr, hops: u8, length: usize) -> Vec<u8> {
    let mut payload = vec![0; 8 + length];
    let repr = UdpRepr { src_port: 40_000, dst_port: 53 };
    let mut packet = UdpPacket::new_unchecked(&mut payload[..]);
    let fill = |data: &mut [u8]| data.fill(0xa5);
    repr.emit(&mut packet, &from.into(), &to.into(), length, fill, &checksums());
    ipv6(from, to, hops, IpProtocol::Udp, &payload)
}

/// A packet with these extension headers: each its own number and its bytes but for the first.
pub(crate) fn extended(headers: &[(u8, &[u8])], last: u8, payload: &[u8]) -> Vec<u8> {
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
pub(crate) fn inbound(packet: &[u8]) -> Bytes {
    Bytes::new(ethernet(UPSTREAM.0, OWN[TRANSIT], EthernetProtocol::Ipv6, packet))
}

pub(crate) fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), u16::from_be_bytes([b, c]))
}

/// The hardware address of a group, or the one given.
pub(crate) fn mac_of(group: Ipv6Addr, other: [u8; 6]) -> [u8; 6] {
    let [.., a, b, c, d] = group.octets();
    if group.is_multicast() { [0x33, 0x33, a, b, c, d] } else { other }
}

pub(crate) fn message(from: Ipv6Addr, to: Ipv6Addr, hops: u8, repr: &NdiscRepr<'_>) -> Vec<u8> {
    let repr = Icmpv6Repr::Ndisc(*repr);
    let mut bytes = vec![0; repr.buffer_len()];
    repr.emit(&from, &to, &mut Icmpv6Packet::new_unchecked(&mut bytes[..]), &checksums());
    ipv6(from, to, hops, IpProtocol::Icmpv6, &bytes)
}

/// A question by a station for an address, to a port of the router.
pub(crate) fn question(
    mac: [u8; 6],
    from: Ipv6Addr,
    to: Ipv6Addr,
    target: Ipv6Addr,
    port: usize,
) -> Bytes {
    let named = (!from.is_unspecified()).then(|| EthernetAddress(mac).into());
    let repr = NdiscRepr::NeighborSolicit { target_addr: target, lladdr: named };
    let packet = message(from, to, 255, &repr);
    Bytes::new(ethernet(mac, mac_of(to, OWN[port]), EthernetProtocol::Ipv6, &packet))
}

/// A word by a station about an address, to a port of the router.
pub(crate) fn word(
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
pub(crate) fn discovery(frame: &[u8]) -> (Ipv6Addr, Ipv6Addr, NdiscRepr<'_>) {
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
pub(crate) fn acquainted() -> Node {
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
        ("martian", from("2001:db8:3::")),
        ("spoofed", from("2001:db8:3::50")),
        ("spoofed", from("2001:db8:3::9")),
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
