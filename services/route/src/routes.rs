//! Where packets go: to the node's own addresses, its attached prefixes, by its static routes.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

use service_config::{NodeConfig, Prefix};

use crate::table::Table;

/// Where packets to a destination go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hop {
    /// To the node itself.
    Local,
    /// Nowhere: the broadcast or network address of an attached prefix.
    Broadcast,
    /// To a neighbour by a port: a gateway, or the destination itself.
    Neighbour { port: usize, gateway: Option<IpAddr> },
}

#[derive(Debug)]
pub(crate) struct Routes {
    table: Table<Hop>,
    reserved: Vec<IpAddr>,
}

impl Routes {
    /// The routes of a node: of equal prefixes its own address goes before an attached prefix,
    /// and that before a static route.
    pub(crate) fn new(config: &NodeConfig) -> Self {
        let mut entries = Vec::new();
        let (mut reserved, mut anycast) = (Vec::new(), Vec::new());
        let mut reserve = |address: IpAddr, hop: Hop, entries: &mut Vec<(Prefix, Hop)>| {
            entries.push((Prefix::holding(address, u8::MAX), hop));
            reserved.push(address);
        };
        for (port, interface) in config.interfaces.iter().enumerate() {
            for own in &interface.addresses {
                reserve(own.address(), Hop::Local, &mut entries);
                entries.push((own.prefix(), Hop::Neighbour { port, gateway: None }));
                // Every router of a prefix is its anycast address, too (RFC 4291 section 2.6.1, RFC
                // 6164): no source of anybody else's.
                if own.prefix().network().is_ipv6() && own.length() < 127 {
                    anycast.push(own.prefix().network());
                }
                // RFC 3021: a prefix of 31 or 32 bits has no broadcast; IPv6 has none at all.
                if let IpAddr::V4(network) = own.prefix().network()
                    && own.length() < 31
                {
                    let last = Ipv4Addr::from_bits(network.to_bits() | u32::MAX >> own.length());
                    reserve(network.into(), Hop::Broadcast, &mut entries);
                    reserve(last.into(), Hop::Broadcast, &mut entries);
                }
            }
        }
        for route in &config.routes {
            if let Some(port) = config.interface(&route.interface) {
                let hop = Hop::Neighbour { port, gateway: Some(route.via) };
                entries.push((route.prefix, hop));
            }
        }
        reserved.append(&mut anycast);
        Self { table: Table::new(&entries), reserved }
    }

    /// The addresses that no neighbour may claim: the node's own, and broadcasts.
    pub(crate) fn reserved(&self) -> Vec<IpAddr> {
        self.reserved.clone()
    }

    /// Whether packets to `address` leave by `port`.
    pub(crate) fn lead_by(&self, port: usize, address: IpAddr) -> bool {
        matches!(self.lookup(address), Some(Hop::Neighbour { port: own, .. }) if own == port)
    }

    /// Where packets to `address` go.
    pub(crate) fn lookup(&self, address: IpAddr) -> Option<Hop> {
        self.table.lookup(address)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    fn router() -> Routes {
        let document = include_bytes!("../../config/tests/documents/router.json");
        Routes::new(&NodeConfig::parse(document).expect("valid"))
    }

    #[test]
    fn the_longest_prefix_decides() {
        let (servers, transit) = (0, 1);
        let attached = |port| Some(Hop::Neighbour { port, gateway: None });
        let by = |gateway: &str| {
            let gateway = Some(gateway.parse().expect("an address"));
            Some(Hop::Neighbour { port: transit, gateway })
        };
        let default = by("198.51.100.1");
        for (address, expected) in [
            ("203.0.113.80", attached(servers)),
            ("203.0.113.1", Some(Hop::Local)),
            ("198.51.100.2", Some(Hop::Local)),
            ("198.51.100.1", attached(transit)),
            ("203.0.113.0", Some(Hop::Broadcast)),
            ("203.0.113.255", Some(Hop::Broadcast)),
            ("192.0.2.100", default),
            ("203.0.114.1", default),
            ("2001:db8:3::50", attached(servers)),
            ("2001:db8:3::1", Some(Hop::Local)),
            ("2001:db8:3::", attached(servers)),
            ("2001:db8:1::64", by("2001:db8:2::1")),
            ("cb00:7150::", by("2001:db8:2::1")),
        ] {
            let address = address.parse().expect("an address");
            assert_eq!(router().lookup(address), expected, "{address}");
        }
        let reserved = router().reserved();
        assert!(reserved.contains(&Ipv4Addr::new(203, 0, 113, 255).into()));
        assert_eq!(reserved.len(), 10);
    }
}
