//! The policy of a node that filters.

use alloc::string::String;
use alloc::vec::Vec;
use serde::Serialize;

use crate::read::{Object, Path, Read, read_word};
use crate::value::Value;
use crate::{ConfigError, Prefix};

/// Ordered rules; the first that matches decides, `default` decides the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Filter {
    /// What happens to what no rule matches.
    pub default: Action,
    /// Whether packets of established flows pass before the rules are asked.
    pub stateful: bool,
    /// The rules in order.
    pub rules: Vec<Rule>,
}

impl Read for Filter {
    fn read(value: Value<'_>, path: &Path<'_>) -> Result<Self, ConfigError> {
        let mut object = Object::new(value, path)?;
        let filter = Self {
            default: object.required("default")?,
            stateful: object.required("stateful")?,
            rules: object.required("rules")?,
        };
        object.finish()?;
        Ok(filter)
    }
}

/// What a rule does with what it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Lets it through.
    Permit,
    /// Drops it silently.
    Deny,
}

read_word!(Action, "permit" => Permit, "deny" => Deny);

/// A rule; empty `from`, `to` and `match` mean any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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

impl Read for Rule {
    fn read(value: Value<'_>, path: &Path<'_>) -> Result<Self, ConfigError> {
        let mut object = Object::new(value, path)?;
        let rule = Self {
            name: object.required("name")?,
            action: object.required("action")?,
            log: object.required("log")?,
            from: object.required("from")?,
            to: object.required("to")?,
            matches: object.required("match")?,
        };
        object.finish()?;
        Ok(rule)
    }
}

/// One side of a packet's way through the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Endpoint {
    /// The interface that it enters (`from`) or leaves by (`to`), by name.
    Interface(String),
    /// The prefix that holds its source or destination.
    Prefix(Prefix),
}

impl Read for Endpoint {
    fn read(value: Value<'_>, path: &Path<'_>) -> Result<Self, ConfigError> {
        let mut object = Object::new(value, path)?;
        let interface = object.optional("interface")?.map(Self::Interface);
        let prefix = object.optional("prefix")?.map(Self::Prefix);
        object.finish()?;
        match (interface, prefix) {
            (Some(endpoint), None) | (None, Some(endpoint)) => Ok(endpoint),
            _ => Err(path.error(&"expected either `interface` or `prefix`")),
        }
    }
}

/// One protocol with what is asked of its header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Match {
    /// The protocol.
    pub protocol: Protocol,
    /// Destination ports, inclusive ranges; empty means all. TCP and UDP only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<(u16, u16)>,
    /// Message types; empty means all. ICMP and ICMPv6 only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<u8>,
}

impl Read for Match {
    fn read(value: Value<'_>, path: &Path<'_>) -> Result<Self, ConfigError> {
        let mut object = Object::new(value, path)?;
        let one = Self {
            protocol: object.required("protocol")?,
            ports: object.optional("ports")?.unwrap_or_default(),
            types: object.optional("types")?.unwrap_or_default(),
        };
        object.finish()?;
        Ok(one)
    }
}

/// A protocol that a rule can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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

read_word!(Protocol, "tcp" => Tcp, "udp" => Udp, "icmp" => Icmp, "icmpv6" => Icmpv6);
