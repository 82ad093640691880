//! A node's policy as chains of nftables rules.
//!
//! `topology/render/nftables.py` writes the same ruleset as text; a test holds what this loads against that text.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use service_config::{Action, Filter, Interface, NodeConfig};
use service_console::REVERSE_PATH;

use super::branches::branches;
use super::lines::{Line, lines};
use super::ranges::Range;
use super::tree::LIST;
use crate::network::names;

/// The table's name.
pub const TABLE: &str = "topology";
/// The chain that every packet is judged by, once, whichever way it takes.
pub const RULES: &str = "rules";
/// The chain of packets whose source routes lead elsewhere than where they came in.
pub const SPOOFED: &str = "spoofed";
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

pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const ICMPV6: u8 = 58;
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
    /// The interface that its route leads out by, by name; any one of them (`fib daddr oifname`).
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
    /// Sent to this node alone.
    ToOne,
    /// No route leads back to the source by the interface it came in by (`fib saddr . iif oif missing`).
    NoWayBack,
    /// For an address of this node (`fib daddr type local`).
    ToItself,
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
    /// The interface that its route leads out by; ranges are places among these names.
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
    /// All that comes in, before connections are tracked and routes looked at.
    Arrival,
    /// All that comes in, with its connection, before routes are looked at.
    Judged,
    /// Packets for the node itself.
    Input,
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

/// The ruleset of a node: what its sources go through, then its policy, a list of few rules or a tree of many.
#[must_use]
pub fn ruleset(config: &NodeConfig) -> Ruleset {
    let mut all = Ruleset { shared: Vec::new(), chains: Vec::new() };
    if config.checks_sources() {
        all.chains.extend(sources());
    }
    if let Some(policy) = &config.filter {
        decisions(policy, &config.interfaces, &mut all);
    }
    all
}

/// What drops packets that claim to be from where they did not come from (RFC 3704 section 2.2).
fn sources() -> [Chain; 2] {
    let outcome = Outcome::Log(REVERSE_PATH.into());
    let log = NftRule { conditions: Vec::new().into(), outcome };
    // What is sent to many is not forwarded, and neighbours without an address yet ask all for it.
    let forged = NftRule {
        conditions: vec![Condition::ToOne, Condition::NoWayBack].into(),
        outcome: Outcome::Jump(SPOOFED),
    };
    let rules = vec![log, decide(Vec::new(), Action::Deny, REVERSE_PATH)];
    let arrival = Some((Hook::Arrival, Action::Permit));
    [
        Chain { name: SPOOFED.into(), hook: None, rules },
        Chain { name: "arrival".into(), hook: arrival, rules: vec![forged] },
    ]
}

/// Adds the chains of a policy.
fn decisions(policy: &Filter, interfaces: &[Interface], all: &mut Ruleset) {
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
    let mut tree = Vec::new();
    if lines.len() <= LIST {
        rules.extend(lines.iter().flat_map(Line::own));
    } else {
        for line in &lines {
            if all.shared.last().is_none_or(|last| last.rule != line.place) {
                let name = line.rule.name.clone();
                all.shared.push(Shared { rule: line.place, name, logs: line.logs() });
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
    all.chains.push(Chain { name: RULES.into(), hook: None, rules });
    all.chains.append(&mut tree);
    all.chains.extend(hooks(policy.default));
}

/// The chains that the kernel enters.
///
/// A packet is judged before the kernel looks for a route, at the hops left and at what fits, since it answers of
/// itself where one of these fails: what is denied is not told what lies behind.
fn hooks(default: Action) -> [Chain; 2] {
    let neighbours = vec![
        Condition::Family(Family::V6),
        Condition::Protocol(vec![ICMPV6]),
        Condition::Types(vec![NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT]),
        Condition::HopLimit(255),
    ];
    let own_neighbours = [&neighbours[..], &[Condition::ToItself]].concat();
    let to_many = || vec![Condition::ToMany];
    let rule =
        |conditions: Vec<Condition>, outcome| NftRule { conditions: conditions.into(), outcome };
    let unnamed = |conditions, action| rule(conditions, Outcome::Decide(action, None));
    let judged = vec![
        // Not forwarded: the kernel does not pass on what was sent to many on a link.
        unnamed(to_many(), Action::Permit),
        unnamed(own_neighbours, Action::Permit),
        rule(Vec::new(), Outcome::Jump(RULES)),
    ];
    let own = vec![
        unnamed(neighbours, Action::Permit),
        // Nothing here listens to them, and they are no attempt at this node either: neither judged nor reported.
        unnamed(to_many(), Action::Deny),
    ];
    [
        Chain { name: "judged".into(), hook: Some((Hook::Judged, default)), rules: judged },
        Chain { name: "input".into(), hook: Some((Hook::Input, Action::Permit)), rules: own },
    ]
}

fn decide(conditions: Vec<Condition>, action: Action, name: &str) -> NftRule {
    let outcome = Outcome::Decide(action, Some(name.into()));
    NftRule { conditions: conditions.into(), outcome }
}
