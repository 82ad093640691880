//! A policy's tree decides as its list does, for random rules and packets.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::branches::branches;
use super::lines::Line;
use super::ranges::{Range, merge};
use super::ruleset::{Chain, Condition, Family, NftRule, Outcome, Selector};
use service_config::{Action, Rule};

/// Numbers from a seed (Marsaglia's xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn range(&mut self, end: u64) -> Range {
        let low = self.below(end);
        let width = [0, 0, 1, 7, end / 3][self.below(5) as usize];
        (low.into(), (low + self.below(width + 1)).into())
    }

    fn ranges(&mut self, end: u64) -> Vec<Range> {
        merge((0..=self.below(3)).map(|_| self.range(end)).collect())
    }
}

const ADDRESSES: u64 = 200;
const PORTS: u64 = 60;

/// What rules may ask of a packet; a later fragment has no port, and one for the node leaves by no interface.
struct Packet {
    family: Family,
    source: u128,
    destination: u128,
    protocol: u8,
    port: Option<u128>,
    incoming: String,
    outgoing: Option<String>,
}

fn interfaces() -> Vec<String> {
    (0..3).map(|one| format!("eth{one}")).collect()
}

fn conditions(numbers: &mut Numbers) -> Vec<Condition> {
    let mut all = Vec::new();
    let interface = |numbers: &mut Numbers| Vec::from([format!("eth{}", numbers.below(3))]);
    if numbers.below(6) == 0 {
        all.push(Condition::Incoming(interface(numbers)));
    }
    if numbers.below(6) == 0 {
        all.push(Condition::Outgoing(interface(numbers)));
    }
    if numbers.below(5) > 0 {
        let family = if numbers.below(2) == 0 { Family::V4 } else { Family::V6 };
        all.push(Condition::Family(family));
        if numbers.below(5) > 0 {
            all.push(Condition::Source(family, numbers.ranges(ADDRESSES)));
        }
        if numbers.below(3) > 0 {
            all.push(Condition::Destination(family, numbers.ranges(ADDRESSES)));
        }
    }
    if numbers.below(2) == 0 {
        all.push(Condition::Protocol([[6], [17]][numbers.below(2) as usize].into()));
        if numbers.below(4) > 0 {
            all.push(Condition::Ports(numbers.ranges(PORTS)));
        }
    }
    all
}

fn packet(numbers: &mut Numbers) -> Packet {
    Packet {
        family: if numbers.below(2) == 0 { Family::V4 } else { Family::V6 },
        source: numbers.below(ADDRESSES + 9).into(),
        destination: numbers.below(ADDRESSES + 9).into(),
        protocol: [6, 17, 1][numbers.below(3) as usize],
        port: (numbers.below(9) > 0).then(|| numbers.below(PORTS + 9).into()),
        incoming: format!("eth{}", numbers.below(3)),
        outgoing: (numbers.below(5) > 0).then(|| format!("eth{}", numbers.below(3))),
    }
}

fn within(ranges: &[Range], value: u128) -> bool {
    ranges.iter().any(|(low, high)| (*low..=*high).contains(&value))
}

fn holds(condition: &Condition, packet: &Packet) -> bool {
    match condition {
        Condition::Incoming(names) => names.contains(&packet.incoming),
        Condition::Outgoing(names) => packet.outgoing.as_ref().is_some_and(|it| names.contains(it)),
        Condition::Family(family) => *family == packet.family,
        Condition::Source(_, ranges) => within(ranges, packet.source),
        Condition::Destination(_, ranges) => within(ranges, packet.destination),
        Condition::Protocol(numbers) => numbers.contains(&packet.protocol),
        Condition::Ports(ranges) => packet.port.is_some_and(|port| within(ranges, port)),
        other => panic!("not asked here: {other:?}"),
    }
}

/// The value that a map looks up.
fn value(selector: &Selector, packet: &Packet) -> Option<u128> {
    let place = |names: &[String], name: &String| {
        names.iter().position(|one| one == name).map(|place| place as u128)
    };
    match selector {
        Selector::Family => Some(packet.family.number().into()),
        Selector::Destination(_) => Some(packet.destination),
        Selector::Source(_) => Some(packet.source),
        Selector::Port => packet.port,
        Selector::Protocol => Some(packet.protocol.into()),
        Selector::Incoming(names) => place(names, &packet.incoming),
        Selector::Outgoing(names) => packet.outgoing.as_ref().and_then(|it| place(names, it)),
    }
}

/// Goes through rules as the kernel does; the name of what decides, and how many rules were asked.
fn decided(
    rules: &[NftRule],
    chains: &[Chain],
    packet: &Packet,
    asked: &mut usize,
) -> Option<String> {
    for rule in rules {
        *asked += 1;
        if !rule.conditions.iter().all(|condition| holds(condition, packet)) {
            continue;
        }
        match &rule.outcome {
            Outcome::DecideShared(_, name) => return Some(name.clone()),
            Outcome::Map(selector, members) => {
                let Some(value) = value(selector, packet) else { continue };
                if let Some((_, name)) = members.iter().find(|(range, _)| within(&[*range], value))
                {
                    let chain = chains.iter().find(|chain| chain.name == *name).unwrap();
                    return decided(&chain.rules, chains, packet, asked);
                }
            }
            other => panic!("not here: {other:?}"),
        }
    }
    None
}

#[test]
fn the_first_match_in_the_tree_is_that_of_the_list() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for round in 0..40 {
        let count = [40, 80, 200, 500][round % 4];
        let rule = |number| Rule {
            name: format!("rule{number}"),
            action: Action::Permit,
            log: false,
            from: Vec::new(),
            to: Vec::new(),
            matches: Vec::new(),
        };
        let rules: Vec<Rule> = (0..count).map(rule).collect();
        let lines: Vec<Line<'_>> = rules
            .iter()
            .enumerate()
            .map(|(place, rule)| Line::new(place, rule, conditions(&mut numbers)))
            .collect();
        let (entry, chains) = branches(&lines, &interfaces());
        let copies: usize = chains.iter().map(|chain| chain.rules.len()).sum();
        assert!(copies <= 4 * count + chains.len(), "{copies} copies of {count}");
        for _ in 0..500 {
            let packet = packet(&mut numbers);
            let first = lines
                .iter()
                .position(|line| line.conditions.iter().all(|one| holds(one, &packet)))
                .map(|place| rules[place].name.clone());
            let entry = core::slice::from_ref(&entry);
            assert_eq!(decided(entry, &chains, &packet, &mut 0), first);
        }
    }
}

#[test]
fn rules_that_can_be_told_apart_are_told_apart() {
    let rule = Rule {
        name: "one".into(),
        action: Action::Deny,
        log: false,
        from: Vec::new(),
        to: Vec::new(),
        matches: Vec::new(),
    };
    let line = |number: u128| {
        let source = Condition::Source(Family::V4, [(number << 8, number << 8 | 255)].into());
        Line::new(0, &rule, [Condition::Family(Family::V4), source].into())
    };
    let lines: Vec<Line<'_>> = (1..=5000).map(line).collect();
    let (entry, chains) = branches(&lines, &interfaces());
    for address in [0, 1 << 8, 2500 << 8, 5000 << 8, 5001 << 8] {
        let mut packet = packet(&mut Numbers(7));
        (packet.family, packet.source) = (Family::V4, address);
        let mut asked = 0;
        decided(core::slice::from_ref(&entry), &chains, &packet, &mut asked);
        assert!(asked <= 12, "{asked} rules asked for {address:x}");
    }
}
