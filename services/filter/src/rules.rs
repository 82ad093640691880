//! The rules, compiled: what each asks as ranges of numbers, and in blocks that are asked in order.
//!
//! One block holds all rules where its vectors stay small, which is so unless many of the ranges
//! that rules ask for overlap. Where they do, the rules are halved until each block does: memory
//! stays a multiple of what the policy itself takes, and the price is paid in time.

use alloc::vec::Vec;
use service_config as config;

use crate::FilterError;
use crate::block::{Block, Content, Facts, Question, Side};
use crate::packet::{ICMP, ICMPV6, Packet, TCP, Transport, UDP};

/// The most interfaces that a node with a policy can have.
const INTERFACES: usize = 64;
/// Words of a block's vectors for each edge of a range, on average, and for any block.
const WORDS_AN_EDGE: usize = 8;
const WORDS: usize = 1024;

#[derive(Debug)]
pub(crate) struct Rules {
    /// Blocks with the index of their first rule, in order.
    blocks: Vec<(usize, Block)>,
}

impl Rules {
    pub(crate) fn new(
        policy: &config::Filter,
        interfaces: &[config::Interface],
    ) -> Result<Self, FilterError> {
        if interfaces.len() > INTERFACES {
            return Err(FilterError::Interfaces);
        }
        let questions = policy.rules.iter().map(|rule| Question::new(rule, interfaces));
        let questions = questions.collect::<Result<Vec<_>, _>>()?;
        let mut rules = Self { blocks: Vec::new() };
        rules.compile(0, &questions, interfaces.len());
        rules.blocks.shrink_to_fit();
        Ok(rules)
    }

    fn compile(&mut self, first: usize, questions: &[Question], interfaces: usize) {
        // A vector of one word is never the problem.
        let last = questions.len() <= u64::BITS as usize;
        let limit = if last { usize::MAX } else { WORDS + WORDS_AN_EDGE * edges(questions) };
        if let Ok(block) = Block::new(questions, interfaces, limit) {
            self.blocks.push((first, block));
        } else {
            let middle = questions.len() / 2;
            self.compile(first, &questions[..middle], interfaces);
            self.compile(first + middle, &questions[middle..], interfaces);
        }
    }

    /// The first rule that matches.
    ///
    /// A later fragment does not say its ports or ICMP type. A rule that denies by those is taken
    /// to match it, a rule that permits by those is not: no fragment passes where some packet of
    /// its kind would not.
    pub(crate) fn decide(
        &self,
        ingress: usize,
        egress: Option<usize>,
        packet: &Packet,
    ) -> Option<usize> {
        let (source, destination) = (packet.source, packet.destination);
        let facts = Facts { ingress, egress, source, destination, content: content(packet) };
        let found = |(first, block): &(usize, Block)| Some(first + block.first(&facts)?);
        self.blocks.iter().find_map(found)
    }
}

fn edges(questions: &[Question]) -> usize {
    let side = |side: &Side| 2 * (side.v4.len() + side.v6.len());
    let edges = |one: &Question| side(&one.from) + side(&one.to) + 2 * one.content.ranges.len();
    questions.iter().map(edges).sum()
}

/// The protocols that rules can name.
const PROTOCOLS: [u8; 4] = [TCP, UDP, ICMP, ICMPV6];
/// Numbers of contents: 65,536 for each of these protocols, then one for the later fragments of
/// each, then one for all else.
const FRAGMENTS: u32 = (PROTOCOLS.len() as u32) << 16;
const OTHER: u32 = FRAGMENTS + PROTOCOLS.len() as u32;

/// The number of a packet's content: its protocol with its destination port or ICMP type.
fn content(packet: &Packet) -> u32 {
    let Some(which) = PROTOCOLS.iter().position(|one| *one == packet.protocol) else {
        return OTHER;
    };
    let which = which as u32;
    match packet.transport {
        Transport::Fragment => FRAGMENTS + which,
        Transport::Other => OTHER,
        Transport::Tcp { .. } | Transport::Udp { .. } | Transport::Icmp { .. } => {
            which << 16 | packet.port().map_or(0, u32::from)
        }
    }
}

impl Question {
    fn new(rule: &config::Rule, interfaces: &[config::Interface]) -> Result<Self, FilterError> {
        Ok(Self {
            from: Side::new(&rule.from, interfaces)?,
            to: Side::new(&rule.to, interfaces)?,
            content: Content::new(&rule.matches, rule.action),
        })
    }
}

impl Side {
    fn new(
        endpoints: &[config::Endpoint],
        interfaces: &[config::Interface],
    ) -> Result<Self, FilterError> {
        let mut these = Self { any: endpoints.is_empty(), ..Self::default() };
        for endpoint in endpoints {
            match endpoint {
                config::Endpoint::Interface(name) => {
                    let index = interfaces.iter().position(|interface| interface.name == *name);
                    these.interfaces |= 1 << index.ok_or(FilterError::Unknown)?;
                }
                config::Endpoint::Prefix(prefix) => these.add(*prefix),
            }
        }
        these.v4 = merged(these.v4);
        these.v6 = merged(these.v6);
        Ok(these)
    }

    fn add(&mut self, prefix: config::Prefix) {
        let length = u32::from(prefix.length());
        match prefix.network() {
            core::net::IpAddr::V4(network) => {
                let low = network.to_bits();
                self.v4.push((low, low | u32::MAX.checked_shr(length).unwrap_or(0)));
            }
            core::net::IpAddr::V6(network) => {
                let low = network.to_bits();
                self.v6.push((low, low | u128::MAX.checked_shr(length).unwrap_or(0)));
            }
        }
    }
}

impl Content {
    fn new(matches: &[config::Match], action: config::Action) -> Self {
        let mut ranges = Vec::new();
        for (which, protocol) in (0u32..).zip(PROTOCOLS) {
            let base = which << 16;
            for one in matches.iter().filter(|one| number(one.protocol) == protocol) {
                let all = one.ports.is_empty() && one.types.is_empty();
                let types = one.types.iter().map(|kind| (u16::from(*kind), u16::from(*kind)));
                let named = one.ports.iter().copied().chain(types);
                let every = all.then_some((0, u16::MAX));
                let absolute = |(low, high)| (base + u32::from(low), base + u32::from(high));
                ranges.extend(named.chain(every).map(absolute));
                if all || action == config::Action::Deny {
                    ranges.push((FRAGMENTS + which, FRAGMENTS + which));
                }
            }
        }
        Self { any: matches.is_empty(), ranges: merged(ranges) }
    }
}

const fn number(protocol: config::Protocol) -> u8 {
    match protocol {
        config::Protocol::Tcp => TCP,
        config::Protocol::Udp => UDP,
        config::Protocol::Icmp => ICMP,
        config::Protocol::Icmpv6 => ICMPV6,
    }
}

/// Sorts ranges and joins those that overlap or touch; empty ones are left out.
fn merged<K>(mut ranges: Vec<(K, K)>) -> Vec<(K, K)>
where
    K: Copy + Ord + core::ops::Sub<Output = K> + From<u8>,
{
    ranges.retain(|(low, high)| low <= high);
    ranges.sort_unstable();
    ranges.dedup_by(|next, last| {
        let joined = next.0 <= last.1 || next.0 - last.1 == K::from(1);
        if joined {
            last.1 = last.1.max(next.1);
        }
        joined
    });
    ranges.shrink_to_fit();
    ranges
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::format;

    /// Rules whose port ranges nest: each has its own edges inside all the ones before.
    fn nested(count: u16) -> config::Filter {
        let rule = |index: u16| config::Rule {
            name: format!("r{index}"),
            action: config::Action::Permit,
            log: false,
            from: Vec::new(),
            to: Vec::new(),
            matches: Vec::from([config::Match {
                protocol: config::Protocol::Udp,
                ports: Vec::from([(index, u16::MAX - index)]),
                types: Vec::new(),
            }]),
        };
        config::Filter {
            default: config::Action::Deny,
            stateful: false,
            // The narrowest first, so that each can match.
            rules: (0..count).rev().map(rule).collect(),
        }
    }

    #[test]
    fn rules_that_overlap_without_end_cost_time_and_not_memory() {
        let rules = Rules::new(&nested(5000), &[]).expect("it fits");
        assert!(rules.blocks.len() > 1);
        let size: usize = rules.blocks.iter().map(|(_, block)| block.size()).sum();
        assert!(size <= 8 * (WORDS_AN_EDGE * 2 * 5000 + WORDS * rules.blocks.len()), "{size}");
        let packet = |port| Packet {
            source: [192, 0, 2, 1].into(),
            destination: [192, 0, 2, 2].into(),
            protocol: UDP,
            transport: Transport::Udp { source: 1, destination: port },
            offset: 20,
            end: 28,
        };
        for port in [0, 1, 4998, 4999, 5000, 30_000, 60_535, 60_536, 60_537, 65_535] {
            let edge = usize::from(port.min(u16::MAX - port)).min(4999);
            assert_eq!(rules.decide(0, None, &packet(port)), Some(4999 - edge), "{port}");
        }
    }

    #[test]
    fn a_small_policy_is_small() {
        let rules = Rules::new(&nested(3), &[]).expect("it fits");
        assert_eq!(rules.blocks.len(), 1);
        assert!(rules.blocks[0].1.size() < 200);
    }
}
