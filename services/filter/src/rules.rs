//! The rules, in order, as numbers.
//!
//! They are asked one after the other, which is enough for tens of them; `decide` is the seam
//! behind which a classifier can stand that stays flat for thousands.

use alloc::vec::Vec;
use service_config as config;

use crate::FilterError;
use crate::packet::{ICMP, ICMPV6, Packet, TCP, Transport, UDP, bits};

/// The most interfaces that a node with a policy can have.
const INTERFACES: usize = 64;

#[derive(Debug)]
pub(crate) struct Rules {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    permit: bool,
    from: Endpoints,
    to: Endpoints,
    /// Empty: any protocol.
    matches: Vec<Match>,
}

#[derive(Debug)]
struct Endpoints {
    any: bool,
    /// One bit an interface.
    interfaces: u64,
    prefixes: Vec<Prefix>,
}

#[derive(Debug)]
struct Prefix {
    network: u128,
    mask: u128,
}

#[derive(Debug)]
struct Match {
    protocol: u8,
    /// Inclusive ranges of destination ports or ICMP types; empty: all.
    ranges: Vec<(u16, u16)>,
}

/// Whether a condition holds for a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Yes,
    No,
    /// It asks for what only the first fragment says.
    Unknown,
}

impl Rules {
    pub(crate) fn new(
        policy: &config::Filter,
        interfaces: &[config::Interface],
    ) -> Result<Self, FilterError> {
        if interfaces.len() > INTERFACES {
            return Err(FilterError::Interfaces);
        }
        let rules = policy.rules.iter().map(|rule| Rule::new(rule, interfaces));
        Ok(Self { rules: rules.collect::<Result<_, _>>()? })
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
        let source = bits(packet.source);
        let destination = bits(packet.destination);
        self.rules.iter().position(|rule| {
            rule.from.hold(Some(ingress), source)
                && rule.to.hold(egress, destination)
                && match rule.holds(packet) {
                    Holds::Yes => true,
                    Holds::No => false,
                    Holds::Unknown => !rule.permit,
                }
        })
    }
}

impl Rule {
    fn new(rule: &config::Rule, interfaces: &[config::Interface]) -> Result<Self, FilterError> {
        Ok(Self {
            permit: rule.action == config::Action::Permit,
            from: Endpoints::new(&rule.from, interfaces)?,
            to: Endpoints::new(&rule.to, interfaces)?,
            matches: rule.matches.iter().map(Match::new).collect(),
        })
    }

    fn holds(&self, packet: &Packet) -> Holds {
        if self.matches.is_empty() {
            return Holds::Yes;
        }
        let mut unknown = false;
        for one in &self.matches {
            match one.holds(packet) {
                Holds::Yes => return Holds::Yes,
                Holds::No => {}
                Holds::Unknown => unknown = true,
            }
        }
        if unknown { Holds::Unknown } else { Holds::No }
    }
}

impl Endpoints {
    fn new(
        endpoints: &[config::Endpoint],
        interfaces: &[config::Interface],
    ) -> Result<Self, FilterError> {
        let mut these = Self { any: endpoints.is_empty(), interfaces: 0, prefixes: Vec::new() };
        for endpoint in endpoints {
            match endpoint {
                config::Endpoint::Interface(name) => {
                    let index = interfaces.iter().position(|interface| interface.name == *name);
                    these.interfaces |= 1 << index.ok_or(FilterError::Unknown)?;
                }
                config::Endpoint::Prefix(prefix) => these.prefixes.push(Prefix::new(*prefix)),
            }
        }
        Ok(these)
    }

    fn hold(&self, interface: Option<usize>, address: u128) -> bool {
        self.any
            || interface.is_some_and(|index| self.interfaces >> index & 1 != 0)
            || self.prefixes.iter().any(|prefix| address & prefix.mask == prefix.network)
    }
}

impl Prefix {
    fn new(prefix: config::Prefix) -> Self {
        let network = prefix.network();
        let length = u32::from(prefix.length()) + if network.is_ipv4() { 96 } else { 0 };
        let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
        Self { network: bits(network), mask }
    }
}

impl Match {
    fn new(one: &config::Match) -> Self {
        let protocol = match one.protocol {
            config::Protocol::Tcp => TCP,
            config::Protocol::Udp => UDP,
            config::Protocol::Icmp => ICMP,
            config::Protocol::Icmpv6 => ICMPV6,
        };
        let types = one.types.iter().map(|kind| (u16::from(*kind), u16::from(*kind)));
        Self { protocol, ranges: one.ports.iter().copied().chain(types).collect() }
    }

    fn holds(&self, packet: &Packet) -> Holds {
        if packet.protocol != self.protocol {
            return Holds::No;
        }
        if self.ranges.is_empty() {
            return Holds::Yes;
        }
        let value = match packet.transport {
            Transport::Tcp { destination, .. } | Transport::Udp { destination, .. } => destination,
            Transport::Icmp { kind, .. } => u16::from(kind),
            Transport::Fragment => return Holds::Unknown,
            Transport::Other => return Holds::No,
        };
        let inside = self.ranges.iter().any(|(first, last)| (*first..=*last).contains(&value));
        if inside { Holds::Yes } else { Holds::No }
    }
}
