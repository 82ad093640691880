//! The rules, compiled: in blocks that are asked in order.
//!
//! One block holds all rules where its vectors stay small, which is so unless many of the ranges
//! that rules ask for overlap. Where they do, the rules are halved until each block does: memory
//! stays a multiple of what the policy itself takes, and the price is paid in time.

use alloc::vec::Vec;
use service_config as config;

use crate::FilterError;
use crate::ask;
use crate::block::{Block, Facts};
use crate::packet::Packet;

/// The most interfaces that a node with a policy can have.
const INTERFACES: usize = 64;
/// Words of a block's vectors for each edge of a range, on average, and for any block.
const WORDS_AN_EDGE: usize = 3;
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
        let named = policy.rules.iter().flat_map(|rule| rule.from.iter().chain(&rule.to));
        let known = |endpoint: &config::Endpoint| match endpoint {
            config::Endpoint::Interface(name) => interfaces.iter().any(|one| one.name == *name),
            config::Endpoint::Prefix(_) => true,
        };
        if !named.into_iter().all(known) {
            return Err(FilterError::Unknown);
        }
        let mut rules = Self { blocks: Vec::new() };
        rules.compile(0, &policy.rules, interfaces);
        rules.blocks.shrink_to_fit();
        Ok(rules)
    }

    fn compile(&mut self, first: usize, rules: &[config::Rule], interfaces: &[config::Interface]) {
        // A vector of one word is never the problem.
        let last = rules.len() <= u64::BITS as usize;
        let limit = if last { usize::MAX } else { WORDS + WORDS_AN_EDGE * edges(rules) };
        if let Ok(block) = Block::new(rules, interfaces, limit) {
            self.blocks.push((first, block));
        } else {
            let middle = rules.len() / 2;
            self.compile(first, &rules[..middle], interfaces);
            self.compile(first + middle, &rules[middle..], interfaces);
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
        let facts = Facts { ingress, egress, source, destination, content: ask::content(packet) };
        let found = |(first, block): &(usize, Block)| Some(first + block.first(&facts)?);
        self.blocks.iter().find_map(found)
    }
}

/// Where the ranges that rules ask for begin and end, about: those of one rule may touch.
fn edges(rules: &[config::Rule]) -> usize {
    let edges = |rule: &config::Rule| {
        let contents = rule.matches.iter().map(|one| (one.ports.len() + one.types.len()).max(1));
        2 * (rule.from.len() + rule.to.len() + contents.sum::<usize>())
    };
    rules.iter().map(edges).sum()
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::packet::{Transport, UDP};
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
