//! What a forwarder knows of one of its ports.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

use service_config::{Interface, Prefix};

use crate::ethernet::Mac;

/// A port: its own addresses and those attached to it.
#[derive(Debug)]
pub(crate) struct Link {
    pub name: String,
    pub mac: Mac,
    pub mtu: usize,
    pub addresses: Vec<Ipv4Addr>,
    pub prefixes: Vec<Prefix>,
}

impl Link {
    pub(crate) fn new(interface: &Interface) -> Self {
        let v4 = |address| match address {
            IpAddr::V4(v4) => Some(v4),
            IpAddr::V6(_) => None,
        };
        let own = interface.addresses.iter();
        Self {
            name: interface.name.clone(),
            mac: interface.mac.octets(),
            mtu: usize::from(interface.mtu),
            addresses: own.clone().filter_map(|own| v4(own.address())).collect(),
            prefixes: own.map(|own| own.prefix()).collect(),
        }
    }
}
