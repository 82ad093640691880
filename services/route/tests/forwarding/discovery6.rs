//! Neighbour discovery, message by message (RFC 4861).

use std::net::Ipv6Addr;

use proptest::prelude::*;
use service_core::Duration;
use service_route::limits;
use smoltcp::wire::{
    EthernetAddress, EthernetProtocol, Icmpv6Packet, IpProtocol, NdiscNeighborFlags, NdiscRepr,
};

use crate::frames::{NOW, OWN, SERVERS, TRANSIT, ethernet};
use crate::frames6::{
    ALL_NODES, CLIENT, GATEWAY, LINK_LOCAL, ROUTER, UPSTREAM, WEB, acquainted, datagram, discovery,
    extended, inbound, ipv6, mac_of, message, question, solicited_node, v6, word,
};
use crate::ports::{Bytes, Node, firewall, router};

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
