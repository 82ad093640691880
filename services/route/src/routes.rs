//! Longest-prefix match.
//!
//! The table is a list, the longest prefixes first, which is enough for tens of routes; `lookup`
//! is the seam behind which a trie can stand that stays flat for thousands.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use service_config::NodeConfig;

/// Where packets to a destination go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// IPv4's and IPv6's.
    tables: [Vec<Entry>; 2],
}

/// A prefix; an IPv4 address is the first 32 bits of its number.
#[derive(Debug)]
struct Entry {
    network: u128,
    mask: u128,
    hop: Hop,
}

impl Routes {
    /// The routes of a node: its own addresses, its attached prefixes, its static routes.
    pub(crate) fn new(config: &NodeConfig) -> Self {
        let mut routes = Self { tables: [Vec::new(), Vec::new()] };
        for (port, interface) in config.interfaces.iter().enumerate() {
            for own in &interface.addresses {
                let (network, length) = (own.prefix().network(), own.length());
                routes.add(own.address(), 128, Hop::Local);
                routes.add(network, length, Hop::Neighbour { port, gateway: None });
                // RFC 3021: a prefix of 31 or 32 bits has no broadcast; IPv6 has none at all.
                if let IpAddr::V4(v4) = network
                    && length < 31
                {
                    let broadcast = Ipv4Addr::from_bits(v4.to_bits() | u32::MAX >> length);
                    routes.add(network, 128, Hop::Broadcast);
                    routes.add(broadcast.into(), 128, Hop::Broadcast);
                }
            }
        }
        for route in &config.routes {
            if let Some(port) = config.interface(&route.interface) {
                let hop = Hop::Neighbour { port, gateway: Some(route.via) };
                routes.add(route.prefix.network(), route.prefix.length(), hop);
            }
        }
        routes.sort();
        routes
    }

    fn add(&mut self, network: IpAddr, length: u8, hop: Hop) {
        let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
        let table = &mut self.tables[usize::from(network.is_ipv6())];
        table.push(Entry { network: bits(network), mask, hop });
    }

    /// A stable sort: of equal prefixes the attached one goes before a static route.
    fn sort(&mut self) {
        for table in &mut self.tables {
            table.sort_by_key(|entry| core::cmp::Reverse(entry.mask));
        }
    }

    /// The addresses that no neighbour may claim: the node's own, and broadcasts.
    pub(crate) fn reserved(&self) -> Vec<IpAddr> {
        let [v4, v6] = &self.tables;
        let reserved = |entry: &&Entry| matches!(entry.hop, Hop::Local | Hop::Broadcast);
        let v4 = v4.iter().filter(reserved).map(|entry| v4_of(entry.network).into());
        let v6 = v6.iter().filter(reserved).map(|entry| Ipv6Addr::from_bits(entry.network).into());
        v4.chain(v6).collect()
    }

    /// Where packets to `address` go.
    pub(crate) fn lookup(&self, address: IpAddr) -> Option<Hop> {
        let number = bits(address);
        let table = &self.tables[usize::from(address.is_ipv6())];
        table.iter().find(|entry| number & entry.mask == entry.network).map(|entry| entry.hop)
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn v4_of(bits: u128) -> Ipv4Addr {
    Ipv4Addr::from_bits((bits >> 96) as u32)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use proptest::prelude::*;

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
        assert_eq!(reserved.len(), 8);
    }

    proptest! {
        #[test]
        fn lookup_finds_the_longest_of_any_prefixes(
            prefixes in prop::collection::vec((any::<u128>(), 0u8..=128), 0..40),
            probes in prop::collection::vec(any::<u128>(), 20),
        ) {
            let mask = |length: u8| u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            let mut routes = Routes { tables: [Vec::new(), Vec::new()] };
            for (port, (bits, length)) in prefixes.iter().enumerate() {
                let network = Ipv6Addr::from(bits & mask(*length)).into();
                routes.add(network, *length, Hop::Neighbour { port, gateway: None });
            }
            routes.sort();
            let inside = prefixes.iter().map(|(bits, _)| *bits);
            for probe in probes.into_iter().chain(inside) {
                let longest = prefixes.iter()
                    .filter(|(bits, length)| (bits ^ probe) & mask(*length) == 0)
                    .map(|(_, length)| *length)
                    .max();
                let found = match routes.lookup(Ipv6Addr::from(probe).into()) {
                    Some(Hop::Neighbour { port, .. }) => Some(prefixes[port].1),
                    _ => None,
                };
                prop_assert_eq!(found, longest);
            }
        }
    }
}
