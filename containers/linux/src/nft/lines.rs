//! The combinations of contents, sources and destinations that a policy's rules stand for, each a list of conditions.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;

use service_config::{Action, Endpoint, Filter, Interface, Match, Prefix, Protocol, Rule};

use super::ranges::{Range, merge};
use super::ruleset::{Condition, Family, ICMPV6, NftRule, Outcome, TCP, UDP};

const ICMP: u8 = 1;

/// One of the combinations that a rule stands for.
pub struct Line<'a> {
    pub(super) place: usize,
    pub(super) rule: &'a Rule,
    pub(super) conditions: Rc<[Condition]>,
}

impl<'a> Line<'a> {
    /// A combination that the rule at `place` stands for.
    pub(super) fn new(place: usize, rule: &'a Rule, conditions: Vec<Condition>) -> Self {
        Self { place, rule, conditions: conditions.into() }
    }

    pub(super) fn logs(&self) -> bool {
        self.rule.log && self.rule.action == Action::Deny
    }

    /// The kernel's rules for it, with a counter and a limit of their own.
    pub(super) fn own(&self) -> impl Iterator<Item = NftRule> {
        let name = || self.rule.name.clone();
        self.rules(Outcome::Log(name()), Outcome::Decide(self.rule.action, Some(name())))
    }

    /// The kernel's rules for a copy of it.
    pub(super) fn shared(&self) -> impl Iterator<Item = NftRule> {
        let name = || self.rule.name.clone();
        self.rules(Outcome::LogShared(name()), Outcome::DecideShared(self.rule.action, name()))
    }

    fn rules(&self, log: Outcome, decide: Outcome) -> impl Iterator<Item = NftRule> + use<> {
        let conditions = self.conditions.clone();
        let outcomes = self.logs().then_some(log).into_iter().chain([decide]);
        outcomes.map(move |outcome| NftRule { conditions: conditions.clone(), outcome })
    }
}

/// The combinations that a policy's rules stand for, in order.
pub(super) fn lines<'a>(
    policy: &'a Filter,
    interfaces: &[Interface],
    names: &[String],
) -> Vec<Line<'a>> {
    let named = |wanted: &str| {
        interfaces
            .iter()
            .position(|interface| interface.name == wanted)
            .map(|index| names[index].clone())
    };
    let mut lines = Vec::new();
    for (place, rule) in policy.rules.iter().enumerate() {
        let all = alternatives(rule, &named).into_iter();
        lines.extend(all.map(|conditions| Line::new(place, rule, conditions)));
    }
    lines
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
