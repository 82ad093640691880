//! The configuration document of a node: canonical JSON, version 1, one document a node, the
//! same for a unikernel's boot module and for the file bound into a container.
//!
//! [`NodeConfig::parse`] is the only way in. A value that it returns is complete and consistent:
//! every key was read, names resolve, addresses fit their interfaces.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod check;
mod dns;
mod error;
mod filter;
mod json;
mod metrics;
mod net;
mod node;
mod read;
mod trial;
mod value;
mod web;

pub use dns::{Dns, Record, RecordData, RecordType, Soa, Zone};
pub use error::ConfigError;
pub use filter::{Action, Endpoint, Filter, Match, Protocol, Rule};
pub use metrics::Metrics;
pub use net::{InterfaceAddress, Mac, NetError, Prefix};
pub use node::{Dataplane, Interface, Kind, NodeConfig, Route};
pub use trial::{Pattern, Trial};
pub use web::{Body, Resource, Web};
