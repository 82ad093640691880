//! The document itself: identity, interfaces, routes, and what the node serves.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;
use serde::{Deserialize, Serialize};

use crate::{ConfigError, Dns, Filter, InterfaceAddress, Mac, Prefix, Web, check};

/// Everything that a node is told.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    version: u32,
    /// The topology's name.
    pub topology: String,
    /// The node's name.
    pub node: String,
    /// What the node does.
    pub kind: Kind,
    /// Who forwards, in a container; unikernels forward themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataplane: Option<Dataplane>,
    /// The attachments, sorted by name; other parts refer to them by index or name.
    pub interfaces: Vec<Interface>,
    /// Static routes; those to attached prefixes follow from the addresses.
    pub routes: Vec<Route>,
    /// The policy, on nodes that filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// What a web node serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web: Option<Web>,
    /// What a DNS node serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<Dns>,
}

impl NodeConfig {
    /// The version of the document that this code reads.
    pub const VERSION: u32 = 1;

    /// Reads a document; trailing NULs (a boot module's padding) and white space are allowed.
    pub fn parse(document: &[u8]) -> Result<Self, ConfigError> {
        let end = document.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let mut reader = serde_json::Deserializer::from_slice(&document[..end]);
        let config: Self = serde_path_to_error::deserialize(&mut reader)
            .map_err(|error| ConfigError::new(error.path().to_string(), error.inner()))?;
        reader.end().map_err(|error| ConfigError::new(".", error))?;
        if config.version != Self::VERSION {
            return Err(ConfigError::new("version", "this reader knows version 1 only"));
        }
        check::check(&config)?;
        Ok(config)
    }

    /// The index of the interface called `name`.
    pub fn interface(&self, name: &str) -> Option<usize> {
        self.interfaces.iter().position(|interface| interface.name == name)
    }
}

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Serves web resources.
    Web,
    /// Answers for its zones.
    Dns,
    /// Forwards.
    Router,
    /// Forwards what its policy permits.
    Firewall,
}

impl Kind {
    /// The word in the document and on the console.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Dns => "dns",
            Self::Router => "router",
            Self::Firewall => "firewall",
        }
    }
}

/// Who forwards packets in a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dataplane {
    /// The host's kernel.
    Kernel,
    /// The code that unikernels run, over packet sockets.
    Shared,
}

/// A node's attachment to a segment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Interface {
    /// The segment's name.
    pub name: String,
    /// The segment's zone.
    pub zone: String,
    /// The interface's own address on the segment.
    pub mac: Mac,
    /// The longest IP packet, in bytes.
    pub mtu: u16,
    /// Own addresses of both families.
    pub addresses: Vec<InterfaceAddress>,
}

/// A static route.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Where it leads.
    pub prefix: Prefix,
    /// The next hop.
    pub via: IpAddr,
    /// The name of the interface on which the next hop lives.
    pub interface: String,
}
