//! A policy as it reads: one rule after the other.

use service_config::{Action, Endpoint, Filter, Interface, Match, Protocol, Rule};
use service_filter::{Packet, Transport};

/// A policy on the interfaces of a node.
pub struct Linear<'a> {
    rules: &'a [Rule],
    interfaces: Vec<&'a str>,
}

impl<'a> Linear<'a> {
    /// The rules of `policy` for a node with `interfaces`.
    pub fn new(policy: &'a Filter, interfaces: &'a [Interface]) -> Self {
        let interfaces = interfaces.iter().map(|interface| interface.name.as_str()).collect();
        Self { rules: &policy.rules, interfaces }
    }

    /// The index of the first rule that matches a packet which came in by interface `ingress`
    /// and would leave by `egress`, `None` if it is for the node.
    pub fn first(&self, ingress: usize, egress: Option<usize>, packet: &Packet) -> Option<usize> {
        let from = self.interfaces.get(ingress).copied();
        let to = egress.and_then(|index| self.interfaces.get(index)).copied();
        self.rules.iter().position(|rule| {
            holds(&rule.from, from, packet.source)
                && holds(&rule.to, to, packet.destination)
                && says(rule, packet)
        })
    }
}

fn holds(endpoints: &[Endpoint], interface: Option<&str>, address: std::net::IpAddr) -> bool {
    endpoints.is_empty()
        || endpoints.iter().any(|endpoint| match endpoint {
            Endpoint::Interface(name) => interface == Some(name),
            Endpoint::Prefix(prefix) => prefix.contains(address),
        })
}

/// Whether a rule's matches hold. What a later fragment does not say counts as a match for rules
/// that deny, and as none for rules that permit.
fn says(rule: &Rule, packet: &Packet) -> bool {
    let holds = |one: &Match| {
        let ranges = &one.ports;
        packet.protocol == number(one.protocol)
            && match packet.transport {
                _ if ranges.is_empty() && one.types.is_empty() => true,
                Transport::Fragment => rule.action == Action::Deny,
                _ => packet.port().is_some_and(|port| {
                    ranges.iter().any(|(low, high)| (*low..=*high).contains(&port))
                        || one.types.iter().any(|kind| u16::from(*kind) == port)
                }),
            }
    };
    rule.matches.is_empty() || rule.matches.iter().any(holds)
}

/// The number that IP headers have for a protocol.
const fn number(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Icmp => 1,
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
        Protocol::Icmpv6 => 58,
    }
}
