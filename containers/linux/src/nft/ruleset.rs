//! A node's policy as chains of nftables rules.
//!
//! `topology/render/nftables.py` writes the same ruleset as text; a test holds what this loads against that text.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;

use service_config::{Action, Endpoint, Filter, Interface, Match, Prefix, Protocol, Rule};

use super::branches::branches;
use super::ranges::{Range, merge};
use super::tree::LIST;
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

    /// The kernel's number of it, `NFPROTO_IPV4` or `NFPROTO_IPV6`.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::V4 => 2,
            Self::V6 => 10,
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
    /// Decides, counted by the object that all copies of a rule share.
    DecideShared(Action, String),
    /// Reports, no more often than the limit that all copies of a rule share lets it.
    LogShared(String),
    /// Goes through another chain.
    Jump(&'static str),
    /// Goes on in the chain that stands by the packet's value, and not in this one.
    Map(Selector, Vec<(Range, String)>),
}

/// What a map looks up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// The IP version; comes back, unlike the others.
    Family,
    /// The destination address.
    Destination(Family),
    /// The source address.
    Source(Family),
    /// The destination port of TCP, UDP and what else has one there.
    Port,
    /// What the IP header carries.
    Protocol,
    /// The interface it came in by; ranges are places among these names.
    Incoming(Vec<String>),
    /// The interface it leaves by; ranges are places among these names.
    Outgoing(Vec<String>),
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NftRule {
    /// When it applies.
    pub conditions: Rc<[Condition]>,
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
    pub name: String,
    /// Where it is entered, and what happens at its end; `None` for a chain that others jump to.
    pub hook: Option<(Hook, Action)>,
    /// Its rules.
    pub rules: Vec<NftRule>,
}

/// Counter and limit that the copies of a rule share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// The rule's place in the policy.
    pub rule: usize,
    /// Its name.
    pub name: String,
    /// Whether its drops are reported.
    pub logs: bool,
}

/// A policy as the kernel has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruleset {
    /// What copies share; nothing where each rule has its own.
    pub shared: Vec<Shared>,
    /// The chains.
    pub chains: Vec<Chain>,
}

/// One of the combinations that a rule stands for.
pub struct Line<'a> {
    place: usize,
    rule: &'a Rule,
    pub(super) conditions: Rc<[Condition]>,
}

impl<'a> Line<'a> {
    /// A combination that the rule at `place` stands for.
    pub(super) fn new(place: usize, rule: &'a Rule, conditions: Vec<Condition>) -> Self {
        Self { place, rule, conditions: conditions.into() }
    }

    fn logs(&self) -> bool {
        self.rule.log && self.rule.action == Action::Deny
    }

    /// The kernel's rules for it, with a counter and a limit of their own.
    fn own(&self) -> impl Iterator<Item = NftRule> {
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

/// The ruleset of a policy: a list of few rules, a tree of many.
#[must_use]
pub fn ruleset(policy: &Filter, interfaces: &[Interface]) -> Ruleset {
    let mut rules = Vec::new();
    if policy.stateful {
        rules.push(decide(vec![Condition::State(ESTABLISHED)], Action::Permit, "established"));
        rules.push(decide(vec![Condition::State(RELATED)], Action::Permit, "related"));
        // Conntrack calls an unasked echo reply invalid, too: of ICMP the rules decide.
        let suspect = vec![Condition::Protocol(vec![TCP, UDP]), Condition::State(INVALID)];
        rules.push(decide(suspect, Action::Deny, "invalid"));
    }
    let mut names = names(interfaces);
    let lines = lines(policy, interfaces, &names);
    let (mut shared, mut tree): (Vec<Shared>, _) = (Vec::new(), Vec::new());
    if lines.len() <= LIST {
        rules.extend(lines.iter().flat_map(Line::own));
    } else {
        for line in &lines {
            if shared.last().is_none_or(|last| last.rule != line.place) {
                let name = line.rule.name.clone();
                shared.push(Shared { rule: line.place, name, logs: line.logs() });
            }
        }
        names.sort_unstable();
        let (entry, chains) = branches(&lines, &names);
        rules.push(entry);
        tree = chains;
    }
    if policy.default == Action::Deny {
        let outcome = Outcome::Log("default".into());
        rules.push(NftRule { conditions: Vec::new().into(), outcome });
    }
    rules.push(decide(Vec::new(), policy.default, "default"));
    let mut chains = vec![Chain { name: RULES.into(), hook: None, rules }];
    chains.append(&mut tree);
    chains.extend(hooks(policy.default));
    Ruleset { shared, chains }
}

/// The combinations that a policy's rules stand for, in order.
fn lines<'a>(policy: &'a Filter, interfaces: &[Interface], names: &[String]) -> Vec<Line<'a>> {
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

/// The chains that the kernel enters.
fn hooks(default: Action) -> [Chain; 2] {
    let jump = || NftRule { conditions: Vec::new().into(), outcome: Outcome::Jump(RULES) };
    let neighbours = NftRule {
        conditions: vec![
            Condition::Family(Family::V6),
            Condition::Protocol(vec![ICMPV6]),
            Condition::Types(vec![NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT]),
            Condition::HopLimit(255),
        ]
        .into(),
        outcome: Outcome::Decide(Action::Permit, None),
    };
    // Nothing here listens to them, and they are no attempt at this node either: neither judged nor reported.
    let to_many = NftRule {
        conditions: vec![Condition::ToMany].into(),
        outcome: Outcome::Decide(Action::Deny, None),
    };
    let rules = vec![neighbours, to_many, jump()];
    [
        Chain { name: "forward".into(), hook: Some((Hook::Forward, default)), rules: vec![jump()] },
        Chain { name: "input".into(), hook: Some((Hook::Input, default)), rules },
    ]
}

fn decide(conditions: Vec<Condition>, action: Action, name: &str) -> NftRule {
    let outcome = Outcome::Decide(action, Some(name.into()));
    NftRule { conditions: conditions.into(), outcome }
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
