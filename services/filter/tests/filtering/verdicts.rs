//! Verdicts on the policy of the proof of concept.

use proptest::prelude::*;
use service_config::{Action, Endpoint, Match, Protocol, Rule};
use service_core::{Duration, Instant};
use service_filter::{Cause, FLOWS, Filter, Packet, Transport, Verdict, timeouts};

use crate::packets::*;

const NOW: Instant = Instant::from_micros(1);
const DEFAULT: Verdict = Verdict::Drop { cause: Cause::Default, log: true };
const ECHO: Verdict = Verdict::Drop { cause: Cause::Rule(0), log: true };
const INVALID: Verdict = Verdict::Drop { cause: Cause::Invalid, log: false };

fn inward(filter: &mut Filter, now: Instant, packet: &[u8]) -> Verdict {
    filter.check(now, OUTSIDE, Some(TRANSIT), packet, packet.len())
}

fn outward(filter: &mut Filter, now: Instant, packet: &[u8]) -> Verdict {
    filter.check(now, TRANSIT, Some(OUTSIDE), packet, packet.len())
}

#[test]
fn first_packets_are_judged_by_the_rules() {
    let client = v4("192.0.2.100");
    let (web, dns) = (v4("203.0.113.80"), v4("203.0.113.53"));
    let client6 = v6("2001:db8:1::100");
    let (web6, dns6) = (v6("2001:db8:3::80"), v6("2001:db8:3::53"));
    let inside = [
        (tcp((client, 40_000), (web, 80), SYN), Verdict::Accept),
        (tcp((client6, 40_000), (web6, 80), SYN), Verdict::Accept),
        (udp((client, 40_000), (dns, 53)), Verdict::Accept),
        (udp((client6, 40_000), (dns6, 53)), Verdict::Accept),
        (tcp((client, 40_000), (dns, 53), SYN), Verdict::Accept),
        (tcp((client, 40_000), (web, 81), SYN), DEFAULT),
        (tcp((client, 40_000), (dns, 80), SYN), DEFAULT),
        (tcp((client6, 40_000), (dns6, 80), SYN), DEFAULT),
        (udp((client, 40_000), (web, 80)), DEFAULT),
        (udp((client, 53), (dns, 54)), DEFAULT),
        (icmp(client, web, 8, 1, &[]), ECHO),
        (icmp(client, web, 0, 1, &[]), ECHO),
        (icmp(client6, web6, 128, 1, &[]), ECHO),
        (icmp(client6, web6, 129, 1, &[]), ECHO),
        (icmp(client, web, 13, 1, &[]), DEFAULT),
        (icmp(client, web, 3, 0, &udp((web, 1), (client, 2))), DEFAULT),
        (ip(client, web, 47.into(), &[0; 20]), DEFAULT),
    ];
    for (packet, expected) in inside {
        assert_eq!(inward(&mut filter(), NOW, &packet), expected, "{packet:02x?}");
    }
    // Rules that name an interface hold for it alone, and none holds for the node's own address.
    let syn = tcp((client, 40_000), (web, 80), SYN);
    assert_eq!(outward(&mut filter(), NOW, &syn), DEFAULT);
    let own = tcp((client, 40_000), (v4("192.0.2.1"), 80), SYN);
    assert_eq!(filter().check(NOW, OUTSIDE, None, &own, own.len()), DEFAULT);
    let echo = icmp(client, v4("192.0.2.1"), 8, 1, &[]);
    assert_eq!(filter().check(NOW, OUTSIDE, None, &echo, echo.len()), ECHO);
}

#[test]
fn replies_pass_and_nothing_else_does() {
    for (client, web, other) in [
        (v4("192.0.2.100"), v4("203.0.113.80"), v4("203.0.113.81")),
        (v6("2001:db8:1::100"), v6("2001:db8:3::80"), v6("2001:db8:3::81")),
    ] {
        let mut filter = filter();
        let reply = tcp((web, 80), (client, 40_000), SYN_ACK);
        assert_eq!(outward(&mut filter, NOW, &reply), INVALID);
        inward(&mut filter, NOW, &tcp((client, 40_000), (web, 80), SYN));
        assert_eq!(outward(&mut filter, NOW, &reply), Verdict::Accept);
        for wrong in [
            tcp((web, 81), (client, 40_000), SYN_ACK),
            tcp((web, 80), (client, 40_001), SYN_ACK),
            tcp((other, 80), (client, 40_000), SYN_ACK),
        ] {
            assert_eq!(outward(&mut filter, NOW, &wrong), INVALID);
        }
        let wrong = udp((web, 80), (client, 40_000));
        assert_eq!(outward(&mut filter, NOW, &wrong), DEFAULT);
        assert_eq!(counter(&filter, "established"), 1);
        assert_eq!(counter(&filter, "rule.web-in"), 1);
        assert_eq!(counter(&filter, "rule.default"), 1);
        assert_eq!(counter(&filter, "invalid"), 4);
    }
}

#[test]
fn errors_about_a_flow_pass_to_who_began_it() {
    let (client, web, router) = (v4("192.0.2.100"), v4("203.0.113.80"), v4("198.51.100.2"));
    let mut filter = filter();
    let syn = tcp((client, 40_000), (web, 80), SYN);
    let quote = &syn[..28];
    let error = icmp(router, client, 3, 0, quote);
    assert_eq!(outward(&mut filter, NOW, &error), DEFAULT);
    inward(&mut filter, NOW, &syn);
    assert_eq!(outward(&mut filter, NOW, &error), Verdict::Accept);
    assert_eq!(counter(&filter, "related"), 1);
    for wrong in [
        icmp(router, v4("192.0.2.101"), 3, 0, quote),
        icmp(router, client, 5, 0, quote),
        icmp(router, client, 3, 0, &syn[..27]),
        icmp(router, client, 3, 0, &tcp((client, 40_001), (web, 80), SYN)[..28]),
        icmp(router, client, 3, 0, &[]),
    ] {
        assert_eq!(outward(&mut filter, NOW, &wrong), DEFAULT);
    }
    // The other way: the client cannot take a packet of that size.
    let reply = tcp((web, 80), (client, 40_000), SYN_ACK);
    assert_eq!(inward(&mut filter, NOW, &icmp(client, web, 3, 0, &reply)), Verdict::Accept);
}

#[test]
fn flows_are_forgotten_in_time() {
    let (client, web, dns) = (v4("192.0.2.100"), v4("203.0.113.80"), v4("203.0.113.53"));
    let before = |span: Duration| NOW + Duration::from_micros(span.micros() - 1);
    let syn = tcp((client, 40_000), (web, 80), SYN);
    let reply = tcp((web, 80), (client, 40_000), SYN_ACK);
    let ack = tcp((web, 80), (client, 40_000), ACK);
    let known = tcp((client, 40_000), (web, 80), ACK);
    for (state, span) in [
        (vec![], timeouts::TCP_OPENING),
        (vec![&reply], timeouts::TCP_OPENING),
        (vec![&reply, &known], timeouts::TCP_OPEN),
        (vec![&reply, &tcp((web, 80), (client, 40_000), FIN_ACK)], timeouts::TCP_CLOSING),
        (vec![&reply, &tcp((web, 80), (client, 40_000), RST)], timeouts::TCP_RESET),
    ] {
        for (at, expected) in [(before(span), Verdict::Accept), (NOW + span, DEFAULT)] {
            let mut filter = filter();
            inward(&mut filter, NOW, &syn);
            for packet in &state {
                let pass = if **packet == known { inward } else { outward };
                assert_eq!(pass(&mut filter, NOW, packet), Verdict::Accept);
            }
            assert_eq!(outward(&mut filter, at, &ack), expected, "{span:?}");
        }
    }
    let answer = udp((dns, 53), (client, 40_000));
    for (at, expected) in
        [(before(timeouts::OPENING), Verdict::Accept), (NOW + timeouts::OPENING, DEFAULT)]
    {
        let mut filter = filter();
        inward(&mut filter, NOW, &udp((client, 40_000), (dns, 53)));
        assert_eq!(outward(&mut filter, at, &answer), expected);
    }
}

#[test]
fn ports_of_a_closed_connection_can_be_used_again() {
    let (client, web) = (v4("192.0.2.100"), v4("203.0.113.80"));
    let mut filter = filter();
    let syn = tcp((client, 40_000), (web, 80), SYN);
    inward(&mut filter, NOW, &syn);
    outward(&mut filter, NOW, &tcp((web, 80), (client, 40_000), RST));
    assert_eq!(inward(&mut filter, NOW, &syn), Verdict::Accept);
    assert_eq!(counter(&filter, "rule.web-in"), 2);
    // The server's side cannot begin on them.
    outward(&mut filter, NOW, &tcp((web, 80), (client, 40_000), RST));
    assert_eq!(outward(&mut filter, NOW, &tcp((web, 80), (client, 40_000), SYN)), DEFAULT);
}

#[test]
fn a_flood_of_first_packets_leaves_open_connections_alone() {
    let (client, web) = (v4("192.0.2.100"), v4("203.0.113.80"));
    let mut filter = filter();
    for port in 0..1000 {
        inward(&mut filter, NOW, &tcp((client, port), (web, 80), SYN));
        outward(&mut filter, NOW, &tcp((web, 80), (client, port), SYN_ACK));
        inward(&mut filter, NOW, &tcp((client, port), (web, 80), ACK));
    }
    let open = |filter: &mut Filter| {
        let replies = (0..1000).map(|port| tcp((web, 80), (client, port), ACK));
        replies.filter(|reply| outward(filter, NOW, reply) == Verdict::Accept).count()
    };
    let opened = open(&mut filter);
    assert!(opened > 990, "{opened}");
    let attacker = v4("192.0.2.66");
    for port in 0..65_535 {
        let now = NOW + Duration::from_micros(u64::from(port));
        inward(&mut filter, now, &tcp((attacker, port), (web, 80), SYN));
        // The server answers, as servers do: that makes nobody a client.
        outward(&mut filter, now, &tcp((web, 80), (attacker, port), SYN_ACK));
    }
    assert_eq!(open(&mut filter), opened);
    // The last of them are there: the flood only ever displaced itself.
    let last = (60_000..65_535).map(|port| tcp((web, 80), (attacker, port), SYN_ACK));
    let kept = last.filter(|reply| outward(&mut filter, NOW, reply) == Verdict::Accept).count();
    assert!(kept > FLOWS / 4, "{kept}");
}

/// The fragments of a packet of this many bytes behind its IPv4 header.
fn fragments(packet: &[u8], cut: usize) -> Vec<Vec<u8>> {
    let (header, payload) = packet.split_at(20);
    let pieces = payload.chunks(cut).enumerate().map(|(index, piece)| {
        let mut fragment = [header, piece].concat();
        let length = fragment.len() as u16;
        fragment[2..4].copy_from_slice(&length.to_be_bytes());
        let more = if (index + 1) * cut < payload.len() { 0x2000 } else { 0 };
        let field = (index * cut / 8) as u16 | more;
        fragment[6..8].copy_from_slice(&field.to_be_bytes());
        fragment
    });
    pieces.collect()
}

#[test]
fn later_fragments_pass_only_where_ports_do_not_matter() {
    let (client, dns) = (v4("192.0.2.100"), v4("203.0.113.53"));
    let pieces = fragments(&udp((client, 40_000), (dns, 53)), 16);
    assert_eq!(pieces.len(), 2);
    let mut filter = filter();
    assert_eq!(inward(&mut filter, NOW, &pieces[0]), Verdict::Accept);
    assert_eq!(inward(&mut filter, NOW, &pieces[1]), DEFAULT);

    let rule = |name: &str, action, matches| Rule {
        name: name.into(),
        action,
        log: false,
        from: vec![],
        to: vec![],
        matches,
    };
    let one =
        |ports: Vec<(u16, u16)>| vec![Match { protocol: Protocol::Udp, ports, types: vec![] }];
    let table = [
        (vec![rule("all", Action::Permit, vec![])], Verdict::Accept),
        (vec![rule("udp", Action::Permit, one(vec![]))], Verdict::Accept),
        (
            vec![
                rule("some", Action::Deny, one(vec![(1, 9)])),
                rule("udp", Action::Permit, one(vec![])),
            ],
            Verdict::Drop { cause: Cause::Rule(0), log: false },
        ),
        (
            vec![
                rule("some", Action::Permit, one(vec![(1, 99)])),
                rule("udp", Action::Permit, one(vec![])),
            ],
            Verdict::Accept,
        ),
    ];
    let config = firewall();
    for (rules, expected) in table {
        let policy = service_config::Filter { default: Action::Deny, stateful: true, rules };
        let mut filter = Filter::new(&policy, &config.interfaces, 1).expect("fits");
        assert_eq!(inward(&mut filter, NOW, &pieces[1]), expected);
    }
}

#[test]
fn headers_that_lie_are_invalid() {
    let (client, web) = (v4("192.0.2.100"), v4("203.0.113.80"));
    let good = tcp((client, 40_000), (web, 80), SYN);
    let edit = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut packet = good.clone();
        change(&mut packet);
        inward(&mut filter(), NOW, &packet)
    };
    assert_eq!(edit(&|_| {}), Verdict::Accept);
    assert_eq!(edit(&|packet| packet.clear()), INVALID);
    assert_eq!(edit(&|packet| packet.truncate(19)), INVALID);
    assert_eq!(edit(&|packet| packet[0] = 0x55), INVALID, "version 5");
    assert_eq!(edit(&|packet| packet[0] = 0x44), INVALID, "a header of 16 bytes");
    assert_eq!(edit(&|packet| packet[0] = 0x4f), INVALID, "a header of 60 bytes");
    assert_eq!(edit(&|packet| packet[3] = 19), INVALID, "shorter than its header");
    assert_eq!(edit(&|packet| packet[3] = 41), INVALID, "longer than its frame");
    assert_eq!(edit(&|packet| packet[3] = 39), INVALID, "a part of a TCP header");
    assert_eq!(edit(&|packet| packet[7] = 1), INVALID, "a fragment over the TCP flags");
    assert_eq!(edit(&|packet| packet[32] = 0x40), INVALID, "a TCP header of 16 bytes");
    assert_eq!(edit(&|packet| packet[32] = 0x60), INVALID, "a TCP header beyond the packet");
    for flags in [0, SYN | 1, SYN | RST, 1, 1 | RST | ACK, 0x29, 0x3f] {
        assert_eq!(edit(&|packet| packet[33] = flags), INVALID, "flags {flags:#x}");
    }
    let datagram = udp((client, 1), (v4("203.0.113.53"), 53));
    for length in [7u8, 29] {
        let mut packet = datagram.clone();
        packet[25] = length;
        assert_eq!(inward(&mut filter(), NOW, &packet), INVALID, "UDP length {length}");
    }
    let mapped = tcp((v6("::ffff:192.0.2.100"), 1), (v6("::ffff:203.0.113.80"), 80), SYN);
    assert_eq!(inward(&mut filter(), NOW, &mapped), INVALID);
    let crossed = ip(client, web, 58.into(), &[128, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(inward(&mut filter(), NOW, &crossed), INVALID);
}

#[test]
fn extension_headers_are_skipped_and_bounded() {
    let (client, web) = (v6("2001:db8:1::100"), v6("2001:db8:3::80"));
    let segment = &tcp((client, 40_000), (web, 80), SYN)[40..];
    let wrap =
        |headers: &[u8], first: u8| ip(client, web, first.into(), &[headers, segment].concat());
    let hop = |next: u8| [next, 0, 1, 4, 0, 0, 0, 0];
    assert_eq!(inward(&mut filter(), NOW, &wrap(&hop(6), 0)), Verdict::Accept);
    let two = [hop(60), hop(6)].concat();
    assert_eq!(inward(&mut filter(), NOW, &wrap(&two, 0)), Verdict::Accept);
    let many: Vec<u8> = (0..9).flat_map(|index| hop(if index < 8 { 60 } else { 6 })).collect();
    assert_eq!(inward(&mut filter(), NOW, &wrap(&many, 60)), INVALID);
    let beyond = [6, 200, 1, 4, 0, 0, 0, 0];
    assert_eq!(inward(&mut filter(), NOW, &wrap(&beyond, 0)), INVALID);
    let later = wrap(&[6, 0, 0, 8, 0, 0, 0, 1], 44);
    let packet = Packet::parse(&later, later.len()).expect("a fragment");
    assert_eq!(packet.transport, Transport::Fragment);
    assert_eq!(inward(&mut filter(), NOW, &later), DEFAULT);
}

#[test]
fn a_policy_without_state_lets_nothing_back() {
    let (client, web) = (v4("192.0.2.100"), v4("203.0.113.80"));
    let config = firewall();
    let policy = service_config::Filter { stateful: false, ..config.filter.expect("a policy") };
    let mut filter = Filter::new(&policy, &config.interfaces, 1).expect("fits");
    let syn = tcp((client, 40_000), (web, 80), SYN);
    assert_eq!(inward(&mut filter, NOW, &syn), Verdict::Accept);
    let reply = tcp((web, 80), (client, 40_000), SYN_ACK);
    assert_eq!(outward(&mut filter, NOW, &reply), DEFAULT);
}

#[test]
fn a_rule_about_the_way_out_is_not_one_about_the_node() {
    let config = firewall();
    let to = vec![Endpoint::Interface("transit".into())];
    let rule = Rule {
        name: "out".into(),
        action: Action::Permit,
        log: false,
        from: vec![],
        to,
        matches: vec![],
    };
    let policy =
        service_config::Filter { default: Action::Deny, stateful: false, rules: vec![rule] };
    let mut filter = Filter::new(&policy, &config.interfaces, 1).expect("fits");
    let packet = udp((v4("192.0.2.100"), 1), (v4("198.51.100.1"), 2));
    let length = packet.len();
    assert_eq!(filter.check(NOW, OUTSIDE, Some(TRANSIT), &packet, length), Verdict::Accept);
    assert_eq!(filter.check(NOW, TRANSIT, Some(OUTSIDE), &packet, length), DEFAULT);
    assert_eq!(filter.check(NOW, OUTSIDE, None, &packet, length), DEFAULT);
}

proptest! {
    #[test]
    fn no_bytes_confuse_the_parser(
        mut bytes in prop::collection::vec(any::<u8>(), 0..120),
        version in prop_oneof![Just(0x45u8), Just(0x46), Just(0x60)],
        length in 0usize..200,
    ) {
        if let Some(first) = bytes.first_mut() {
            *first = version;
        }
        let mut filter = filter();
        filter.check(NOW, OUTSIDE, Some(TRANSIT), &bytes, length);
        filter.check(NOW, TRANSIT, None, &bytes, length);
    }

    #[test]
    fn a_reply_passes_exactly_if_its_request_did(
        client in any::<u32>(), server in any::<u32>(),
        client_port in any::<u16>(), server_port in prop_oneof![Just(53u16), Just(80), any::<u16>()],
    ) {
        let (client, server) = (std::net::Ipv4Addr::from(client).into(), if server & 1 == 0 {
            v4("203.0.113.53")
        } else {
            std::net::Ipv4Addr::from(server).into()
        });
        prop_assume!((client, client_port) != (server, server_port));
        let mut filter = filter();
        let request = udp((client, client_port), (server, server_port));
        let reply = udp((server, server_port), (client, client_port));
        let verdict = inward(&mut filter, NOW, &request);
        prop_assert_eq!(outward(&mut filter, NOW, &reply) == Verdict::Accept,
                        verdict == Verdict::Accept);
    }
}
