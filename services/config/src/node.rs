//! The document itself: identity, interfaces, routes, and what the node serves.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;
use serde::Serialize;

use crate::read::{Object, Path, Read, read_word};
use crate::value::Value;
use crate::{ConfigError, Dns, Filter, InterfaceAddress, Mac, Metrics, Prefix, Web, check, json};

/// Everything that a node is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeConfig {
    version: u32,
    /// The topology's name.
    pub topology: String,
    /// The node's name.
    pub node: String,
    /// What the node does.
    pub kind: Kind,
    /// Who forwards, in a container; unikernels forward themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataplane: Option<Dataplane>,
    /// What a node that forwards makes of sources that it would send to by another interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reverse_path: Option<ReversePath>,
    /// The attachments, sorted by name; other parts refer to them by index or name.
    pub interfaces: Vec<Interface>,
    /// Static routes; those to attached prefixes follow from the addresses.
    pub routes: Vec<Route>,
    /// Where the node shows what it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Metrics>,
    /// The policy, on nodes that filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// What a web node serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web: Option<Web>,
    /// What a DNS node serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns: Option<Dns>,
}

impl NodeConfig {
    /// The version of the document that this code reads.
    pub const VERSION: u32 = 1;

    /// Reads a document of any kind; trailing NULs (a boot module's padding) and white space are
    /// allowed.
    pub fn parse(document: &[u8]) -> Result<Self, ConfigError> {
        let mut document = Document::open(document)?;
        let kind = document.kind()?;
        document.node(kind)
    }

    /// Likewise, where a node of this kind reads its own: what is compiled for one kind has no code
    /// for what others serve.
    pub fn parse_for(kind: Kind, document: &[u8]) -> Result<Self, ConfigError> {
        let mut document = Document::open(document)?;
        let other = document.kind()?;
        if other != kind {
            let (given, own) = (other.name(), kind.name());
            let reason = format_args!("the document of a {given} node, given to a {own} node");
            return Err(Path::Member(&Path::Document, "kind").error(&reason));
        }
        document.node(kind)
    }

    /// Whether the node drops what comes in by another interface than it would send to its source by.
    pub fn checks_sources(&self) -> bool {
        self.reverse_path == Some(ReversePath::Strict)
    }

    /// The index of the interface called `name`.
    pub fn interface(&self, name: &str) -> Option<usize> {
        self.interfaces.iter().position(|interface| interface.name == name)
    }
}

/// A document whose version is known.
struct Document<'a>(Object<'a>);

impl<'a> Document<'a> {
    fn open(document: &'a [u8]) -> Result<Self, ConfigError> {
        let path = &Path::Document;
        let value = json::read_bytes(document).map_err(|error| path.error(&error))?;
        let mut object = Object::new(value, path)?;
        if object.required::<u32>("version")? != NodeConfig::VERSION {
            return Err(Path::Member(path, "version").error(&"this reader knows version 1 only"));
        }
        Ok(Self(object))
    }

    fn kind(&mut self) -> Result<Kind, ConfigError> {
        self.0.required("kind")
    }

    /// The rest of it. Where the kind is a constant, the readers of other kinds' parts fall away.
    fn node(mut self, kind: Kind) -> Result<NodeConfig, ConfigError> {
        let object = &mut self.0;
        let forwards = matches!(kind, Kind::Router | Kind::Firewall);
        let config = NodeConfig {
            version: NodeConfig::VERSION,
            topology: object.required("topology")?,
            node: object.required("node")?,
            kind,
            dataplane: object.optional("dataplane")?,
            reverse_path: object.optional("reverse_path")?,
            interfaces: object.required("interfaces")?,
            routes: object.required("routes")?,
            metrics: if forwards { None } else { object.optional("metrics")? },
            filter: if forwards { object.optional("filter")? } else { None },
            web: if kind == Kind::Web { object.optional("web")? } else { None },
            dns: if kind == Kind::Dns { object.optional("dns")? } else { None },
        };
        self.0.finish()?;
        check::check(&config)?;
        Ok(config)
    }
}

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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

read_word!(Kind, "web" => Web, "dns" => Dns, "router" => Router, "firewall" => Firewall);

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dataplane {
    /// The host's kernel.
    Kernel,
    /// The code that unikernels run, over packet sockets.
    Shared,
}

read_word!(Dataplane, "kernel" => Kernel, "shared" => Shared);

/// What happens to packets whose source's own route leads elsewhere than where they came in
/// (RFC 3704).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ReversePath {
    /// They are dropped (section 2.2).
    Strict,
    /// They are packets like any other.
    Off,
}

read_word!(ReversePath, "strict" => Strict, "off" => Off);

/// A node's attachment to a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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

impl Read for Interface {
    fn read(value: Value<'_>, path: &Path<'_>) -> Result<Self, ConfigError> {
        let mut object = Object::new(value, path)?;
        let interface = Self {
            name: object.required("name")?,
            zone: object.required("zone")?,
            mac: object.required("mac")?,
            mtu: object.required("mtu")?,
            addresses: object.required("addresses")?,
        };
        object.finish()?;
        Ok(interface)
    }
}

/// A static route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Route {
    /// Where it leads.
    pub prefix: Prefix,
    /// The next hop.
    pub via: IpAddr,
    /// The name of the interface on which the next hop lives.
    pub interface: String,
}

impl Read for Route {
    fn read(value: Value<'_>, path: &Path<'_>) -> Result<Self, ConfigError> {
        let mut object = Object::new(value, path)?;
        let route = Self {
            prefix: object.required("prefix")?,
            via: object.required("via")?,
            interface: object.required("interface")?,
        };
        object.finish()?;
        Ok(route)
    }
}
