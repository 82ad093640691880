//! The compiled rules decide as the list of them does, whatever the policy and the packet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use service_config::{
    Action, Endpoint, Filter as Policy, Interface, Match, Prefix, Protocol, Rule,
};
use service_core::{Counters, Instant};
use service_filter::{Cause, Filter, Packet, Verdict};
use service_oracle::Linear;

use crate::packets::{self, firewall};

/// Few addresses, so that prefixes and packets meet; the first and last of all among them.
fn address() -> impl Strategy<Value = IpAddr> {
    let bits = prop_oneof![0u32..8, Just(0x0a00_0000), 0x0a00_00f8u32..0x0a00_0108, any::<u32>()];
    let ends = prop_oneof![Just(0u32), Just(u32::MAX), Just(0x7fff_ffff), Just(0x8000_0000)];
    let v4 = prop_oneof![bits, ends];
    let high = prop_oneof![Just(0u128), Just(0x2001_0db8 << 96), Just(u128::MAX << 64)];
    prop_oneof![
        3 => v4.clone().prop_map(|bits| Ipv4Addr::from(bits).into()),
        2 => (high, v4).prop_map(|(high, low)| {
            let address = Ipv6Addr::from(high | u128::from(low));
            // Mapped addresses are refused before any rule is asked.
            address.to_ipv4_mapped().map_or(address, |_| Ipv6Addr::UNSPECIFIED).into()
        }),
    ]
}

fn endpoint(interfaces: usize) -> impl Strategy<Value = Endpoint> {
    let interface = (0..interfaces).prop_map(|index| Endpoint::Interface(format!("port{index}")));
    let prefix = (address(), 0u8..=128).prop_map(|(address, length)| {
        let most = if address.is_ipv4() { 32 } else { 128 };
        Endpoint::Prefix(Prefix::holding(address, length % (most + 1)))
    });
    prop_oneof![1 => interface, 3 => prefix]
}

fn port() -> impl Strategy<Value = u16> {
    prop_oneof![0u16..6, Just(80), Just(81), 65_530u16.., any::<u16>()]
}

fn one_match() -> impl Strategy<Value = Match> {
    let ranges = prop::collection::vec((port(), port()), 0..4)
        .prop_map(|ends| ends.into_iter().map(|(a, b)| (a.min(b), a.max(b))).collect());
    let ported = (prop_oneof![Just(Protocol::Tcp), Just(Protocol::Udp)], ranges)
        .prop_map(|(protocol, ports)| Match { protocol, ports, types: vec![] });
    let kind = prop_oneof![Just(0u8), Just(3), Just(8), Just(128), any::<u8>()];
    let typed = (
        prop_oneof![Just(Protocol::Icmp), Just(Protocol::Icmpv6)],
        prop::collection::vec(kind, 0..4),
    )
        .prop_map(|(protocol, types)| Match { protocol, ports: vec![], types });
    prop_oneof![2 => ported, 1 => typed]
}

const INTERFACES: usize = 3;

fn policy(rules: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Policy> {
    let sides = || prop::collection::vec(endpoint(INTERFACES), 0..3);
    let action = prop_oneof![Just(Action::Permit), Just(Action::Deny)];
    let matches = prop::collection::vec(one_match(), 0..3);
    let rule = (action, sides(), sides(), matches).prop_map(|(action, from, to, matches)| Rule {
        name: String::new(),
        action,
        log: false,
        from,
        to,
        matches,
    });
    prop::collection::vec(rule, rules).prop_map(|mut rules| {
        name(&mut rules);
        Policy { default: Action::Deny, stateful: false, rules }
    })
}

fn name(rules: &mut [Rule]) {
    for (index, rule) in rules.iter_mut().enumerate() {
        rule.name = format!("r{index}");
    }
}

fn packet() -> impl Strategy<Value = Vec<u8>> {
    (address(), address(), port(), port(), 0u8..6).prop_map(|(source, other, port, kind, which)| {
        let destination = if source.is_ipv4() == other.is_ipv4() { other } else { source };
        match which {
            0 | 1 => packets::udp((source, 1), (destination, port)),
            2 => packets::tcp((source, 1), (destination, port), packets::SYN),
            3 => packets::icmp(source, destination, kind as u8, 1, &[]),
            4 => packets::ip(source, destination, 47.into(), &[0; 8]),
            _ => later_fragment(source, destination, kind),
        }
    })
}

/// A fragment of some protocol that does not say its ports.
fn later_fragment(source: IpAddr, destination: IpAddr, kind: u16) -> Vec<u8> {
    let protocol: u8 = match kind % 3 {
        0 => 6,
        1 => 17,
        _ if source.is_ipv4() => 1,
        _ => 58,
    };
    if source.is_ipv4() {
        let mut packet = packets::ip(source, destination, protocol.into(), &[0; 32]);
        packet[6..8].copy_from_slice(&[0, 4]);
        packet
    } else {
        let header = [protocol, 0, 0, 32, 0, 0, 0, 1];
        packets::ip(source, destination, 44.into(), &[&header[..], &[0; 16]].concat())
    }
}

fn interfaces() -> Vec<Interface> {
    let one = |index: usize| Interface {
        name: format!("port{index}"),
        ..firewall().interfaces[0].clone()
    };
    (0..INTERFACES).map(one).collect()
}

fn compare(policy: &Policy, arrivals: &[Arrival]) {
    let interfaces = interfaces();
    let mut filter = Filter::new(policy, &interfaces, 1).expect("fits");
    let linear = Linear::new(policy, &interfaces);
    let mut hits = vec![0; policy.rules.len()];
    for (bytes, ingress, egress) in arrivals {
        let packet = Packet::parse(bytes, bytes.len()).expect("well-formed");
        let first = linear.first(*ingress, *egress, &packet);
        let expected = match first {
            Some(index) if policy.rules[index].action == Action::Permit => Verdict::Accept,
            Some(index) => Verdict::Drop { cause: Cause::Rule(index), log: false },
            None => Verdict::Drop { cause: Cause::Default, log: true },
        };
        let found = filter.check(Instant::ZERO, *ingress, *egress, bytes, bytes.len());
        assert_eq!(found, expected, "{packet:?} from {ingress} to {egress:?}");
        if let Some(index) = first {
            hits[index] += 1;
        }
    }
    // A verdict that permits does not say which rule did: the counters do.
    let mut counted = Vec::new();
    filter.visit(&mut |name, value| {
        if name.to_string().starts_with("rule.r") {
            counted.push(value);
        }
    });
    assert_eq!(counted, hits);
}

/// A packet, where it came in and where it would leave.
type Arrival = (Vec<u8>, usize, Option<usize>);

fn arrivals(count: usize) -> impl Strategy<Value = Vec<Arrival>> {
    let egress = prop::option::of(0..INTERFACES);
    prop::collection::vec((packet(), 0..INTERFACES, egress), count)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn few_rules(policy in policy(0..12), arrivals in arrivals(60)) {
        compare(&policy, &arrivals);
    }
}

/// Rules about nested ranges of ports, and each about an address of its own.
fn fill(rules: &mut Vec<Rule>, count: u16) {
    let address = |index: u16| Ipv4Addr::from(0xc612_0000 + u32::from(index)).into();
    let fill = (0..count).map(|index| Rule {
        name: String::new(),
        action: Action::Deny,
        log: false,
        from: vec![Endpoint::Prefix(Prefix::holding(address(index), 32))],
        to: vec![],
        matches: vec![Match {
            protocol: Protocol::Udp,
            ports: vec![(index, u16::MAX - index)],
            types: vec![],
        }],
    });
    rules.splice(0..0, fill);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    /// Two words of summary, and blocks that were halved.
    #[test]
    fn many_rules(policy in policy(1..80), arrivals in arrivals(60)) {
        let mut policy = policy;
        fill(&mut policy.rules, 5000);
        name(&mut policy.rules);
        compare(&policy, &arrivals);
    }
}

#[test]
fn a_prefix_of_one_family_says_nothing_of_the_other() {
    for (prefix, other) in [("::/0", "192.0.2.1"), ("0.0.0.0/0", "2001:db8::1")] {
        let from = vec![Endpoint::Prefix(prefix.parse().expect("a prefix"))];
        let rule = Rule {
            name: "r0".into(),
            action: Action::Permit,
            log: false,
            from,
            to: vec![],
            matches: vec![],
        };
        let policy = Policy { default: Action::Deny, stateful: false, rules: vec![rule] };
        let mut filter = Filter::new(&policy, &interfaces(), 1).expect("fits");
        let address: IpAddr = other.parse().expect("an address");
        let packet = packets::udp((address, 1), (address, 2));
        let verdict = filter.check(Instant::ZERO, 0, Some(1), &packet, packet.len());
        assert_eq!(verdict, Verdict::Drop { cause: Cause::Default, log: true }, "{prefix}");
    }
}
