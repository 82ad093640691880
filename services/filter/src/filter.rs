//! The filter: flows first, then the rules, then the default.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use service_config as config;
use service_core::{CounterName, Counters, Instant};

use crate::FLOWS;
use crate::flow::{Flows, Passage};
use crate::packet::Packet;
use crate::rules::Rules;

/// What happens to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Accept,
    /// It ends here.
    Drop {
        /// What decided.
        cause: Cause,
        /// Whether the console is told.
        log: bool,
    },
}

/// What decided that a packet is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The rule at this index.
    Rule(usize),
    /// No rule matched.
    Default,
    /// Its headers are invalid.
    Invalid,
    /// It is permitted, but there is no room to remember its flow.
    Full,
}

/// A policy in force at a node.
#[derive(Debug)]
pub struct Filter {
    rules: Rules,
    /// What the console and the counters call the rules, and what they do.
    facts: Vec<Fact>,
    permit_by_default: bool,
    flows: Option<Flows>,
    counts: Counts,
}

#[derive(Debug)]
struct Fact {
    name: String,
    permit: bool,
    log: bool,
    hits: u64,
}

#[derive(Debug, Default)]
struct Counts {
    default: u64,
    established: u64,
    related: u64,
    invalid: u64,
    full: u64,
}

impl Filter {
    /// Compiles a policy for a node with `interfaces`; `seed` is a number that outsiders cannot
    /// guess.
    pub fn new(
        policy: &config::Filter,
        interfaces: &[config::Interface],
        seed: u64,
    ) -> Result<Self, FilterError> {
        let fact = |rule: &config::Rule| Fact {
            name: rule.name.clone(),
            permit: rule.action == config::Action::Permit,
            log: rule.log,
            hits: 0,
        };
        Ok(Self {
            rules: Rules::new(policy, interfaces)?,
            facts: policy.rules.iter().map(fact).collect(),
            permit_by_default: policy.default == config::Action::Permit,
            flows: policy.stateful.then(|| Flows::new(FLOWS, seed)),
            counts: Counts::default(),
        })
    }

    /// Decides on the packet that begins in `bytes` (all headers at least, and of an ICMP error
    /// those that it quotes) and is at most `length` bytes long, which came in by interface
    /// `ingress` and would leave by `egress`, `None` if it is for the node itself.
    ///
    /// Interfaces are indices into those of [`new`](Self::new).
    pub fn check(
        &mut self,
        now: Instant,
        ingress: usize,
        egress: Option<usize>,
        bytes: &[u8],
        length: usize,
    ) -> Verdict {
        let Ok(packet) = Packet::parse(bytes, length) else {
            self.counts.invalid += 1;
            return Verdict::Drop { cause: Cause::Invalid, log: false };
        };
        if let Some(flows) = &mut self.flows {
            let segment = packet.segment(bytes);
            match flows.pass(now, &packet, segment.as_ref()) {
                Passage::Established => {
                    self.counts.established += 1;
                    return Verdict::Accept;
                }
                Passage::Invalid => {
                    self.counts.invalid += 1;
                    return Verdict::Drop { cause: Cause::Invalid, log: false };
                }
                Passage::New => {}
            }
            // A quotation begins behind the eight bytes of the error's own header.
            if packet.is_error()
                && let Some(quote) = bytes.get(packet.offset + 8..)
                && flows.is_related(now, &packet, quote)
            {
                self.counts.related += 1;
                return Verdict::Accept;
            }
        }
        let (permit, cause, log) = match self.rules.decide(ingress, egress, &packet) {
            Some(index) => {
                let fact = &mut self.facts[index];
                fact.hits += 1;
                (fact.permit, Cause::Rule(index), fact.log)
            }
            None => {
                self.counts.default += 1;
                (self.permit_by_default, Cause::Default, true)
            }
        };
        if !permit {
            return Verdict::Drop { cause, log };
        }
        if let Some(flows) = &mut self.flows
            && !flows.open(now, &packet, packet.segment(bytes).as_ref())
        {
            self.counts.full += 1;
            return Verdict::Drop { cause: Cause::Full, log: false };
        }
        Verdict::Accept
    }

    /// The name of what decided, for the console.
    pub fn cause_name(&self, cause: Cause) -> &str {
        match cause {
            Cause::Rule(index) => self.facts.get(index).map_or("", |fact| &fact.name),
            Cause::Default => "default",
            Cause::Invalid => "invalid",
            Cause::Full => "full",
        }
    }
}

impl Counters for Filter {
    fn visit(&self, visit: &mut dyn FnMut(CounterName<'_>, u64)) {
        for fact in &self.facts {
            visit(CounterName::of("rule.", &fact.name), fact.hits);
        }
        visit(CounterName::fixed("rule.default"), self.counts.default);
        visit(CounterName::fixed("established"), self.counts.established);
        visit(CounterName::fixed("related"), self.counts.related);
        visit(CounterName::fixed("invalid"), self.counts.invalid);
        visit(CounterName::fixed("full"), self.counts.full);
    }
}

/// A policy that does not fit the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterError {
    /// More interfaces than a policy can tell apart.
    Interfaces,
    /// A rule names an interface that the node does not have.
    Unknown,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interfaces => "a node with a policy has at most 64 interfaces",
            Self::Unknown => "a rule names an interface that the node does not have",
        })
    }
}

impl core::error::Error for FilterError {}
