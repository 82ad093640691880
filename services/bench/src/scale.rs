//! What grows: rules and routes by the thousand, and how much of it a packet feels.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use service_config::{Action, Endpoint, Filter as Policy, Match, Prefix, Protocol, Route, Rule};
use service_core::Instant;
use service_filter::{Filter, Packet, Verdict};
use service_oracle::{Linear, longest};
use service_route::Forwarder;

use service_bench::packets::{self, Pool};

use crate::{OPERATIONS, document, measure_some};

const RULES: [u16; 4] = [10, 100, 1_000, 5_000];
const ROUTES: [u16; 4] = [10, 100, 1_000, 10_000];
/// How often what looks at every rule is done: less, since it takes so long.
const FEW: u32 = 2_000;

fn holding(bits: u32, length: u8) -> Prefix {
    Prefix::holding(Ipv4Addr::from(bits).into(), length)
}

/// Rules as a firewall before many servers has them: from outside, to one host's port each.
fn policy(count: u16) -> Policy {
    let rule = |index: u16| Rule {
        name: format!("rule-{index}"),
        action: Action::Permit,
        log: false,
        from: vec![Endpoint::Interface("external".into())],
        to: vec![Endpoint::Prefix(holding(0xc612_0000 + 3 * u32::from(index), 32))],
        matches: vec![Match {
            protocol: Protocol::Tcp,
            ports: vec![(8000 + index % 50, 8000 + index % 50)],
            types: vec![],
        }],
    };
    Policy { default: Action::Deny, stateful: false, rules: (0..count).map(rule).collect() }
}

/// The first packet of a flow that rule `index` permits.
fn first_packet(index: u16) -> Vec<u8> {
    let mut packet = packets::tcp(1, 8000 + index % 50, packets::SYN);
    packet[16..20].copy_from_slice(&(0xc612_0000 + 3 * u32::from(index)).to_be_bytes());
    packet
}

/// Prints what the greatest costs of what the least does.
fn ratio(name: &str, medians: &[f64]) {
    if let [first, .., last] = medians {
        println!("{name:<44} {:>17.2}", last / first);
    }
}

/// Packets that all rules are asked about, and any of them may permit.
pub fn rules() {
    let interfaces = document("firewall").interfaces;
    let now = Instant::from_micros(1);
    let (mut compiled, mut listed) = (Vec::new(), Vec::new());
    for count in RULES {
        let policy = policy(count);
        let mut filter = Filter::new(&policy, &interfaces, 42).expect("it fits");
        // In no order that a processor could guess.
        let packets: Vec<Vec<u8>> = (0..4096u32)
            .map(|step| first_packet((step * 2_654_435 % u32::from(count)) as u16))
            .collect();
        let one = |index: u32| packets[index as usize % packets.len()].as_slice();
        let name = format!("filter: a first packet, {count} rules");
        compiled.push(measure_some(&name, OPERATIONS, |index| {
            let packet = black_box(one(index));
            assert_eq!(filter.check(now, 0, Some(1), packet, packet.len()), Verdict::Accept);
        }));
        let denied = packets::tcp(1, 81, packets::SYN);
        let name = format!("filter: denied by default, {count} rules");
        measure_some(&name, OPERATIONS, |_| {
            let packet = black_box(&denied);
            assert_ne!(filter.check(now, 0, Some(1), packet, packet.len()), Verdict::Accept);
        });
        let list = Linear::new(&policy, &interfaces);
        let name = format!("one rule after the other, {count} rules");
        listed.push(measure_some(&name, FEW, |index| {
            let packet = black_box(one(index));
            let packet = Packet::parse(packet, packet.len()).expect("well-formed");
            assert!(list.first(0, Some(1), &packet).is_some());
        }));
    }
    ratio("filter: 5000 rules to 10", &compiled);
    ratio("one rule after the other: 5000 rules to 10", &listed);
}

/// Packets to destinations behind routes that nest, all by neighbours that are known.
pub fn routes() {
    let now = Instant::from_micros(1);
    let (mut compiled, mut listed) = (Vec::new(), Vec::new());
    for count in ROUTES {
        let mut config = document("router");
        // Only the way there is measured, and the routes that are added lead back to nobody.
        config.reverse_path = None;
        let via: IpAddr = [198, 51, 100, 1].into();
        let prefix = |index: u16| {
            holding(0x0a00_0000 + (u32::from(index) << 10), [16, 22, 24][usize::from(index % 3)])
        };
        let added = (0..count).map(|index| Route {
            prefix: prefix(index),
            interface: "transit".into(),
            via,
        });
        config.routes.extend(added);
        let mut forwarder = Forwarder::new(&config, 42).expect("it fits");
        let mut pool = Pool::default();
        pool.introduce(&config, &mut forwarder, now);
        let destinations: Vec<[u8; 4]> = (0..4096u32)
            .map(|step| (0x0a00_0000 + step * 2_654_435 % (u32::from(count) << 10)).to_be_bytes())
            .collect();
        let frames: Vec<Vec<u8>> = destinations
            .iter()
            .map(|destination| packets::frame(&config, 0, &packets::to(*destination)))
            .collect();
        let mut owned = frames[0].clone();
        let before = pool.sent;
        let name = format!("route: forward, {count} routes");
        compiled.push(measure_some(&name, OPERATIONS, |index| {
            let frame = &frames[index as usize % frames.len()];
            owned[..frame.len()].copy_from_slice(frame);
            let taken = core::mem::take(&mut owned);
            forwarder.receive(now, 0, packets::Buffer(taken), &mut pool);
            owned = pool.back.take().map(|buffer| buffer.0).unwrap_or_default();
        }));
        assert!(pool.sent > before);
        let entries: Vec<(Prefix, u16)> = (0..count).map(|index| (prefix(index), index)).collect();
        let name = format!("one route after the other, {count} routes");
        listed.push(measure_some(&name, FEW, |index| {
            let destination = destinations[index as usize % destinations.len()];
            black_box(longest(&entries, black_box(destination).into()));
        }));
    }
    ratio("route: 10000 routes to 10", &compiled);
    ratio("one route after the other: 10000 to 10", &listed);
}
