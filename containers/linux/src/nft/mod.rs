//! The kernel's packet filter: loading what a node drops into it, and reading its counters back.

mod branches;
pub mod encode;
mod expression;
mod lines;
mod ranges;
pub mod ruleset;
mod sets;
#[cfg(test)]
mod tests;
mod tree;
pub mod wire;

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use rustix::net::netlink::NETFILTER;
use service_config::NodeConfig;
use service_core::{CounterName, Counters};

use crate::Fatal;
use crate::netlink::Socket;
use crate::netlink::message::{Attribute, Batch, flags};
use ruleset::{
    Chain, Condition, ESTABLISHED, NftRule, Outcome, RELATED, RULES, SPOOFED, TABLE, ruleset,
};

const GET_RULE: u16 = 10 << 8 | 7;
const GET_OBJECT: u16 = 10 << 8 | 19;
const OBJECT_DATA: u16 = 4;
const RULE_EXPRESSIONS: u16 = 4;
const EXPRESSION_NAME: u16 = 1;
const EXPRESSION_DATA: u16 = 2;
const COUNTER_PACKETS: u16 = 2;

/// Whom a rule of the kernel counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counted {
    Nobody,
    Established,
    Related,
    Invalid,
    /// A rule of the policy, by its index; the default is behind the last.
    Rule(usize),
    Spoofed,
}

/// What drops packets in the kernel: the check of sources, the policy.
pub struct Policy {
    socket: Socket,
    /// The chains whose rules count, and whom each rule counts for, in order.
    counted: Vec<(String, Vec<Counted>)>,
    /// For each counter that copies of a rule share, in order, the rule's index.
    shared: Vec<usize>,
    counters: PolicyCounters,
}

/// What the policy's rules have counted.
#[derive(Debug)]
pub struct PolicyCounters {
    /// `None` where sources are not looked at.
    spoofed: Option<u64>,
    /// Whether there are rules.
    filters: bool,
    established: u64,
    related: u64,
    invalid: u64,
    /// The rules' names, and `default`.
    names: Vec<String>,
    packets: Vec<u64>,
}

impl Counters for PolicyCounters {
    fn visit(&self, visit: &mut dyn FnMut(CounterName<'_>, u64)) {
        if let Some(spoofed) = self.spoofed {
            visit(CounterName::of("dropped.", "spoofed"), spoofed);
        }
        if !self.filters {
            return;
        }
        for (name, packets) in self.names.iter().zip(&self.packets) {
            visit(CounterName::of("rule.", name), *packets);
        }
        visit(CounterName::fixed("established"), self.established);
        visit(CounterName::fixed("related"), self.related);
        visit(CounterName::fixed("invalid"), self.invalid);
    }
}

impl Policy {
    /// Loads what a node drops in one transaction; `None` if that is nothing.
    pub fn load(config: &NodeConfig) -> Result<Option<Self>, Fatal> {
        let ruleset = ruleset(config);
        if ruleset.chains.is_empty() {
            return Ok(None);
        }
        let mut socket = Socket::open(Some(NETFILTER))?;
        let batch = encode::table(&ruleset);
        socket.make_room(batch.as_bytes().len())?;
        socket.request("load the packet filter", &batch)?;
        let rules = config.filter.iter().flat_map(|policy| &policy.rules);
        let mut names: Vec<String> = rules.map(|rule| rule.name.clone()).collect();
        names.push("default".into());
        let counted = counted(&ruleset.chains, &names);
        let counters = PolicyCounters {
            spoofed: config.checks_sources().then_some(0),
            filters: config.filter.is_some(),
            established: 0,
            related: 0,
            invalid: 0,
            packets: vec![0; names.len()],
            names,
        };
        let shared = ruleset.shared.iter().map(|one| one.rule).collect();
        Ok(Some(Self { socket, counted, shared, counters }))
    }

    /// Reads the counters from the kernel; it takes CAP_NET_ADMIN.
    pub fn read(&mut self) -> Result<&PolicyCounters, Fatal> {
        let header = wire::generic(wire::INET, 0);
        let counters = &mut self.counters;
        (counters.established, counters.related, counters.invalid) = (0, 0, 0);
        counters.packets.fill(0);
        for (chain, counted) in &self.counted {
            let request = Batch::one(GET_RULE, flags::DUMP, &header, |a| {
                a.string(1, TABLE);
                a.string(2, chain);
            });
            let mut counted = counted.iter();
            self.socket.dump("read counters", &request, |message| {
                let packets = packets(message.attributes(4)).unwrap_or_default();
                match counted.next() {
                    Some(Counted::Established) => counters.established = packets,
                    Some(Counted::Related) => counters.related = packets,
                    Some(Counted::Invalid) => counters.invalid = packets,
                    Some(Counted::Rule(index)) => counters.packets[*index] += packets,
                    Some(Counted::Spoofed) => counters.spoofed = Some(packets),
                    Some(Counted::Nobody) | None => {}
                }
            })?;
        }
        if !self.shared.is_empty() {
            let request = Batch::one(GET_OBJECT, flags::DUMP, &header, |a| {
                a.string(1, TABLE);
                a.be32(3, encode::OBJECT_COUNTER);
            });
            let mut shared = self.shared.iter();
            self.socket.dump("read shared counters", &request, |message| {
                let data = message.attributes(4).find(OBJECT_DATA);
                if let (Some(data), Some(rule)) = (data, shared.next()) {
                    counters.packets[*rule] = packets_in(data).unwrap_or_default();
                }
            })?;
        }
        Ok(&self.counters)
    }
}

/// Makes the kernel's own stack deaf on interfaces that this program serves by packet sockets.
pub fn deafen(interfaces: &[String]) -> Result<(), Fatal> {
    let mut socket = Socket::open(Some(NETFILTER))?;
    socket.request("keep frames from the kernel's stack", &encode::deaf(interfaces))
}

/// Whom the rules of the chains that count do it for. A rule of the policy may be several of the kernel's.
fn counted(chains: &[Chain], names: &[String]) -> Vec<(String, Vec<Counted>)> {
    let counting = chains.iter().filter(|chain| [RULES, SPOOFED].contains(&chain.name.as_str()));
    counting
        .map(|chain| {
            let of_it = chain.rules.iter().map(|rule| whose(&chain.name, rule, names));
            (chain.name.clone(), of_it.collect())
        })
        .collect()
}

fn whose(chain: &str, rule: &NftRule, names: &[String]) -> Counted {
    match (&rule.outcome, rule.conditions.last()) {
        (Outcome::Decide(..), _) if chain == SPOOFED => Counted::Spoofed,
        (Outcome::Decide(..), Some(Condition::State(ESTABLISHED))) => Counted::Established,
        (Outcome::Decide(..), Some(Condition::State(RELATED))) => Counted::Related,
        (Outcome::Decide(..), Some(Condition::State(_))) => Counted::Invalid,
        (Outcome::Decide(_, Some(name)), _) => {
            names.iter().position(|own| own == name).map_or(Counted::Nobody, Counted::Rule)
        }
        _ => Counted::Nobody,
    }
}

/// The packets of a rule's counter.
fn packets(rule: Attribute<'_>) -> Option<u64> {
    let counter =
        Attribute::nested(rule.find(RULE_EXPRESSIONS)?).find_map(|(_, expression)| {
            let expression = Attribute::nested(expression);
            (expression.find(EXPRESSION_NAME) == Some(b"counter\0"))
                .then(|| expression.find(EXPRESSION_DATA))
        })??;
    packets_in(counter)
}

/// The packets in what the kernel tells of a counter.
fn packets_in(counter: &[u8]) -> Option<u64> {
    let packets = Attribute::nested(counter).find(COUNTER_PACKETS)?;
    Some(u64::from_be_bytes(packets.try_into().ok()?))
}
