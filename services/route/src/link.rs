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

    /// The port's address to speak to `peer` from: of the same prefix, or the first of the family.
    pub(crate) fn speaks_to(&self, peer: IpAddr) -> Option<IpAddr> {
        let near = self.addresses.iter().zip(&self.prefixes).find(|(_, to)| to.contains(peer));
        let first = || self.addresses.iter().find(|own| own.is_ipv4() == peer.is_ipv4());
        near.map(|(own, _)| own).or_else(first).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbour_is_spoken_to_from_its_own_prefix() {
        let own = ["192.0.2.1/24", "2001:db8:1::1/64", "2001:db8:2::1/64"];
        let link = Link::new(&Interface {
            name: String::new(),
            zone: String::new(),
            mac: "02:00:00:00:00:01".parse().expect("a MAC address"),
            mtu: 1500,
            addresses: own.map(|own| own.parse().expect("an address")).into(),
        });
        let from = |peer: &str| link.speaks_to(peer.parse().expect("an address"));
        for (peer, expected) in [
            ("2001:db8:2::5", "2001:db8:2::1"),
            ("2001:db8:1::5", "2001:db8:1::1"),
            ("2001:db8:9::5", "2001:db8:1::1"),
            ("203.0.113.5", "192.0.2.1"),
        ] {
            assert_eq!(from(peer), Some(expected.parse().expect("an address")), "{peer}");
        }
    }
}
