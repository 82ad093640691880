//! A node's policy as chains of nftables rules.
//!
//! `topology/render/nftables.py` writes the same ruleset as text; a test holds what this loads against that text.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;

use service_config::{Action, Endpoint, Filter, Interface, Match, Prefix, Protocol, Rule};

use super::ranges::{Range, merge};
use crate::network::names;

/// The table's name.
pub const TABLE: &str = "topology";
/// The chain that both hooks jump to: every packet is counted by one rule, whichever way it takes.
pub const RULES: &str = "rules";
/// The NFLOG group of logged drops.
pub const LOG_GROUP: u16 = 1;
/// Bytes of a logged packet: all headers that a console line is made of.
pub const LOG_LENGTH: u32 = 128;
/// Logged drops a second, on average and at once.
pub const LOG_RATE: (u64, u32) = (10, 20);

/// Bits of conntrack's state, `ct state`.
pub const INVALID: u32 = 1;
/// See [`INVALID`].
pub const ESTABLISHED: u32 = 2;
/// See [`INVALID`].
pub const RELATED: u32 = 4;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;

/// An IP version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Bits of an address.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
}

/// One condition of a rule; all must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The interface it came in by, by name; any one of them.
    Incoming(Vec<String>),
    /// The interface it leaves by, by name; any one of them.
    Outgoing(Vec<String>),
    /// The IP version.
    Family(Family),
    /// The source address.
    Source(Family, Vec<Range>),
    /// The destination address.
    Destination(Family, Vec<Range>),
    /// What the IP header carries; any one of them.
    Protocol(Vec<u8>),
    /// The destination port of TCP or UDP.
    Ports(Vec<Range>),
    /// The ICMP or ICMPv6 type; any one of them.
    Types(Vec<u8>),
    /// Conntrack's state, a mask.
    State(u32),
    /// The IPv6 hop limit.
    HopLimit(u8),
    /// Not sent to this node alone: broadcast or multicast.
    ToMany,
}

/// What ends a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Counts and decides, under the name of what decided.
    Decide(Action, Option<String>),
    /// Reports to the NFLOG group, no more often than [`LOG_RATE`]; the next rule decides.
    Log(String),
    /// Goes through another chain.
    Jump(&'static str),
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NftRule {
    /// When it applies.
    pub conditions: Vec<Condition>,
    /// What it does.
    pub outcome: Outcome,
}

/// Where the kernel enters a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// Packets for the node itself.
    Input,
    /// Packets for others.
    Forward,
}

/// A chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Its name.
    pub name: &'static str,
    /// Where it is entered, and what happens at its end; `None` for a chain that others jump to.
    pub hook: Option<(Hook, Action)>,
    /// Its rules.
    pub rules: Vec<NftRule>,
}

/// The chains of a policy.
#[must_use]
pub fn chains(policy: &Filter, interfaces: &[Interface]) -> Vec<Chain> {
    let mut rules = Vec::new();
    if policy.stateful {
        rules.push(decide(vec![Condition::State(ESTABLISHED)], Action::Permit, "established"));
        rules.push(decide(vec![Condition::State(RELATED)], Action::Permit, "related"));
        // Conntrack calls an unasked echo reply invalid, too: of ICMP the rules decide.
        let suspect = vec![Condition::Protocol(vec![TCP, UDP]), Condition::State(INVALID)];
        rules.push(decide(suspect, Action::Deny, "invalid"));
    }
    let names = names(interfaces);
    let named = |wanted: &str| {
        interfaces
            .iter()
            .position(|interface| interface.name == wanted)
            .map(|index| names[index].clone())
    };
    for rule in &policy.rules {
        for conditions in alternatives(rule, &named) {
            if rule.log && rule.action == Action::Deny {
                rules.push(NftRule {
                    conditions: conditions.clone(),
                    outcome: Outcome::Log(rule.name.clone()),
                });
            }
            rules.push(decide(conditions, rule.action, &rule.name));
        }
    }
    if policy.default == Action::Deny {
        rules.push(NftRule { conditions: Vec::new(), outcome: Outcome::Log("default".into()) });
    }
    rules.push(decide(Vec::new(), policy.default, "default"));
    let jump = || NftRule { conditions: Vec::new(), outcome: Outcome::Jump(RULES) };
    let neighbours = NftRule {
        conditions: vec![
            Condition::Family(Family::V6),
            Condition::Protocol(vec![ICMPV6]),
            Condition::Types(vec![NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT]),
            Condition::HopLimit(255),
        ],
        outcome: Outcome::Decide(Action::Permit, None),
    };
    // Nothing here listens to them, and they are no attempt at this node either: neither judged nor reported.
    let to_many = NftRule {
        conditions: vec![Condition::ToMany],
        outcome: Outcome::Decide(Action::Deny, None),
    };
    vec![
        Chain { name: RULES, hook: None, rules },
        Chain { name: "forward", hook: Some((Hook::Forward, policy.default)), rules: vec![jump()] },
        Chain {
            name: "input",
            hook: Some((Hook::Input, policy.default)),
            rules: vec![neighbours, to_many, jump()],
        },
    ]
}

fn decide(conditions: Vec<Condition>, action: Action, name: &str) -> NftRule {
    NftRule { conditions, outcome: Outcome::Decide(action, Some(name.into())) }
}

/// One side of a rule: any, some interfaces, or prefixes of one family.
#[derive(Clone)]
enum Side {
    Any,
    Interfaces(Vec<String>),
    Prefixes(Family, Vec<Range>),
}

impl Side {
    const fn family(&self) -> Option<Family> {
        match self {
            Self::Prefixes(family, _) => Some(*family),
            _ => None,
        }
    }
}

/// What a rule says of the packet itself: protocol, its family where it has one, what its header must say.
struct Content {
    protocol: Option<u8>,
    family: Option<Family>,
    detail: Option<Condition>,
}

/// The combinations of sources, destinations and contents that a rule stands for, each a list of conditions.
fn alternatives(rule: &Rule, named: &impl Fn(&str) -> Option<String>) -> Vec<Vec<Condition>> {
    let mut found = Vec::new();
    for content in contents(&rule.matches) {
        for source in sides(&rule.from, named) {
            for destination in sides(&rule.to, named) {
                let families = [content.family, source.family(), destination.family()];
                let mut families = families.into_iter().flatten();
                let family = families.next();
                if families.all(|other| Some(other) == family) {
                    found.push(conditions(&content, &source, &destination, family));
                }
            }
        }
    }
    found
}

fn conditions(
    content: &Content,
    source: &Side,
    destination: &Side,
    family: Option<Family>,
) -> Vec<Condition> {
    let mut all = Vec::new();
    if let Side::Interfaces(names) = source {
        all.push(Condition::Incoming(names.clone()));
    }
    if let Side::Interfaces(names) = destination {
        all.push(Condition::Outgoing(names.clone()));
    }
    all.extend(family.map(Condition::Family));
    let partial =
        |family: Family, ranges: &[Range]| *ranges != [(0, u128::MAX >> (128 - family.bits()))];
    if let Side::Prefixes(family, ranges) = source
        && partial(*family, ranges)
    {
        all.push(Condition::Source(*family, ranges.clone()));
    }
    if let Side::Prefixes(family, ranges) = destination
        && partial(*family, ranges)
    {
        all.push(Condition::Destination(*family, ranges.clone()));
    }
    all.extend(content.protocol.map(|protocol| Condition::Protocol(vec![protocol])));
    all.extend(content.detail.clone());
    all
}

/// The contents of a rule, one for each protocol that it names, in the order of first mention.
fn contents(matches: &[Match]) -> Vec<Content> {
    if matches.is_empty() {
        return vec![Content { protocol: None, family: None, detail: None }];
    }
    let mut order: Vec<Protocol> = Vec::new();
    for one in matches {
        if !order.contains(&one.protocol) {
            order.push(one.protocol);
        }
    }
    let content = |protocol: Protocol| {
        let of_it = || matches.iter().filter(|one| one.protocol == protocol);
        let (number, family) = match protocol {
            Protocol::Tcp => (TCP, None),
            Protocol::Udp => (UDP, None),
            Protocol::Icmp => (ICMP, Some(Family::V4)),
            Protocol::Icmpv6 => (ICMPV6, Some(Family::V6)),
        };
        let detail = if family.is_none() { ports(of_it()) } else { types(of_it()) };
        Content { protocol: Some(number), family, detail }
    };
    order.into_iter().map(content).collect()
}

fn ports<'a>(mut matches: impl Iterator<Item = &'a Match> + Clone) -> Option<Condition> {
    if matches.clone().any(|one| one.ports.is_empty()) {
        return None;
    }
    let wide = |(low, high): &(u16, u16)| (u128::from(*low), u128::from(*high));
    let merged = merge(matches.by_ref().flat_map(|one| one.ports.iter().map(wide)).collect());
    (merged != [(0, u16::MAX.into())]).then_some(Condition::Ports(merged))
}

fn types<'a>(matches: impl Iterator<Item = &'a Match> + Clone) -> Option<Condition> {
    if matches.clone().any(|one| one.types.is_empty()) {
        return None;
    }
    let mut types: Vec<u8> = matches.flat_map(|one| one.types.iter().copied()).collect();
    types.sort_unstable();
    types.dedup();
    Some(Condition::Types(types))
}

/// The sides that endpoints stand for: interfaces first, then IPv4, then IPv6 prefixes.
fn sides(endpoints: &[Endpoint], named: &impl Fn(&str) -> Option<String>) -> Vec<Side> {
    if endpoints.is_empty() {
        return vec![Side::Any];
    }
    let mut interfaces: Vec<String> = Vec::new();
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for endpoint in endpoints {
        match endpoint {
            Endpoint::Interface(name) => interfaces.extend(named(name)),
            Endpoint::Prefix(prefix) => match range(*prefix) {
                (Family::V4, range) => v4.push(range),
                (Family::V6, range) => v6.push(range),
            },
        }
    }
    interfaces.sort_unstable();
    interfaces.dedup();
    let mut sides = Vec::new();
    if !interfaces.is_empty() {
        sides.push(Side::Interfaces(interfaces));
    }
    for (family, ranges) in [(Family::V4, v4), (Family::V6, v6)] {
        if !ranges.is_empty() {
            sides.push(Side::Prefixes(family, merge(ranges)));
        }
    }
    sides
}

fn range(prefix: Prefix) -> (Family, Range) {
    let (family, low) = match prefix.network() {
        IpAddr::V4(v4) => (Family::V4, v4.to_bits().into()),
        IpAddr::V6(v6) => (Family::V6, v6.to_bits()),
    };
    let free = family.bits() - u32::from(prefix.length());
    let span = u128::MAX.checked_shr(128 - free).unwrap_or(0);
    (family, (low, low | span))
}
