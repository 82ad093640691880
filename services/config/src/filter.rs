//! The policy of a node that filters.

use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::Prefix;

/// Ordered rules; the first that matches decides, `default` decides the rest.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// What happens to what no rule matches.
    pub default: Action,
    /// Whether packets of established flows pass before the rules are asked.
    pub stateful: bool,
    /// The rules in order.
    pub rules: Vec<Rule>,
}

/// What a rule does with what it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Lets it through.
    Permit,
    /// Drops it silently.
    Deny,
}

/// A rule; empty `from`, `to` and `match` mean any.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The rule's name, unique in its policy.
    pub name: String,
    /// What it does.
    pub action: Action,
    /// Whether drops are reported on the console.
    pub log: bool,
    /// Where the packet comes from; any one may match.
    pub from: Vec<Endpoint>,
    /// Where the packet goes; any one may match.
    pub to: Vec<Endpoint>,
    /// What the packet is; any one may match.
    #[serde(rename = "match")]
    pub matches: Vec<Match>,
}

/// One side of a packet's way through the node.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Endpoint {
    /// The interface that it enters (`from`) or leaves by (`to`), by name.
    Interface(String),
    /// The prefix that holds its source or destination.
    Prefix(Prefix),
}

/// One protocol with what is asked of its header.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// The protocol.
    pub protocol: Protocol,
    /// Destination ports, inclusive ranges; empty means all. TCP and UDP only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<(u16, u16)>,
    /// Message types; empty means all. ICMP and ICMPv6 only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<u8>,
}

/// A protocol that a rule can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// RFC 9293.
    Tcp,
    /// RFC 768.
    Udp,
    /// RFC 792.
    Icmp,
    /// RFC 4443.
    Icmpv6,
}
