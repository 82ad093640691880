//! Membership in groups (RFC 3810).

use std::net::Ipv6Addr;

use service_core::Duration;
use service_route::{MEMBERSHIP, asks_for_groups, limits};
use smoltcp::wire::{EthernetProtocol, Icmpv6Packet, IpProtocol};

use crate::frames::{NOW, SERVERS, ethernet};
use crate::frames6::{ALL_NODES, GATEWAY, LINK_LOCAL, WEB, ipv6, mac_of, solicited_node};
use crate::ports::{Bytes, router};

const REPORTS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);
const ALERT: [u8; 8] = [58, 0, 5, 2, 0, 0, 1, 0];

/// A switch's question, with its parts open to change before its checksum is filled in.
fn question(from: Ipv6Addr, to: Ipv6Addr, hops: u8, kind: u8, length: usize) -> Vec<u8> {
    let mut message = vec![0; length];
    message[0] = kind;
    Icmpv6Packet::new_unchecked(&mut message[..]).fill_checksum(&from, &to);
    let payload = [&ALERT[..], &message].concat();
    let packet = ipv6(from, to, hops, IpProtocol::HopByHop, &payload);
    ethernet(WEB.0, mac_of(to, [0; 6]), EthernetProtocol::Ipv6, &packet)
}

#[test]
fn who_asks_is_told_the_group_of_each_address() {
    let mut node = router();
    for to in [ALL_NODES, solicited_node(GATEWAY)] {
        node.receive(NOW, SERVERS, Bytes::new(question(LINK_LOCAL, to, 1, 130, 28)));
        let (port, frame) = node.ports.sent.pop_front().expect("a report");
        assert!(node.ports.sent.is_empty(), "one address of IPv6, one group");
        assert_eq!((port, frame.len()), (SERVERS, MEMBERSHIP));
        assert_eq!(frame[..6], mac_of(REPORTS, [0; 6]));
        // From nobody, to all routers, one hop far, to be looked at.
        assert_eq!((frame[20], frame[21]), (0, 1));
        assert_eq!(frame[22..38], [0; 16]);
        assert_eq!(frame[38..54], REPORTS.octets());
        assert_eq!(frame[54..62], ALERT);
        let report = &frame[62..];
        let sum = Icmpv6Packet::new_unchecked(report);
        assert!(sum.verify_checksum(&Ipv6Addr::UNSPECIFIED, &REPORTS));
        assert_eq!((report[0], &report[4..12]), (143, &[0, 0, 0, 1, 4, 0, 0, 0][..]));
        assert_eq!(report[12..], solicited_node(GATEWAY).octets());
    }
    assert_eq!((node.counter("dropped"), node.ports.held), (0, 0));
}

#[test]
fn who_asks_without_end_is_told_once_a_second() {
    let mut node = router();
    let ask = || Bytes::new(question(LINK_LOCAL, ALL_NODES, 1, 130, 24));
    for _ in 0..1000 {
        node.receive(NOW, SERVERS, ask());
    }
    assert_eq!(node.ports.sent.len(), limits::GROUPS.1 as usize);
    node.receive(NOW + Duration::from_secs(1), SERVERS, ask());
    assert_eq!(node.ports.sent.len(), limits::GROUPS.1 as usize + 1);
}

#[test]
fn what_fails_a_check_asks_nothing() {
    let good = question(LINK_LOCAL, ALL_NODES, 1, 130, 28);
    assert!(asks_for_groups(&good));
    let mut sum = good.clone();
    sum[70] ^= 1;
    let table = [
        ("checksum", sum),
        ("hop limit", question(LINK_LOCAL, ALL_NODES, 64, 130, 28)),
        ("a report", question(LINK_LOCAL, ALL_NODES, 1, 143, 28)),
        ("not from this link", question(WEB.1, ALL_NODES, 1, 130, 28)),
        ("to no group", question(LINK_LOCAL, GATEWAY, 1, 130, 28)),
        ("short", question(LINK_LOCAL, ALL_NODES, 1, 130, 20)),
        ("truncated", good[..80].to_vec()),
    ];
    for (what, frame) in table {
        assert!(!asks_for_groups(&frame), "{what}");
    }
    for length in 0..good.len() {
        assert!(!asks_for_groups(&good[..length]), "{length} bytes");
    }
}
