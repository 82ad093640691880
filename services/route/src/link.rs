//! What a forwarder knows of one of its ports.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use service_config::{Interface, Prefix};

use crate::ethernet::Mac;

/// A port: its own addresses and those attached to it.
#[derive(Debug)]
pub(crate) struct Link {
    pub name: String,
    pub mac: Mac,
    pub mtu: usize,
    pub addresses: Vec<IpAddr>,
    prefixes: Vec<Prefix>,
}

impl Link {
    pub(crate) fn new(interface: &Interface) -> Self {
        let own = interface.addresses.iter();
        Self {
            name: interface.name.clone(),
            mac: interface.mac.octets(),
            mtu: usize::from(interface.mtu),
            addresses: own.clone().map(|own| own.address()).collect(),
            prefixes: own.map(|own| own.prefix()).collect(),
        }
    }

    /// Whether `address` is one of the port's own.
    pub(crate) fn owns(&self, address: impl Into<IpAddr>) -> bool {
        self.addresses.contains(&address.into())
    }

    /// Whether `address` belongs to the port's segment.
    pub(crate) fn is_attached(&self, address: impl Into<IpAddr>) -> bool {
        let address = address.into();
        self.prefixes.iter().any(|prefix| prefix.contains(address))
    }

    /// The port's first address of the family of `peer`.
    pub(crate) fn speaks_to(&self, peer: IpAddr) -> Option<IpAddr> {
        self.addresses.iter().copied().find(|own| own.is_ipv4() == peer.is_ipv4())
    }
}
