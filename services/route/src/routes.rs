//! Longest-prefix match.
//!
//! The table is a list, the longest prefixes first, which is enough for tens of routes; `lookup`
//! is the seam behind which a trie can stand that stays flat for thousands.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

use service_config::{NodeConfig, Prefix};

/// Where packets to a destination go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hop {
    /// To the node itself.
    Local,
    /// Nowhere: the broadcast or network address of an attached prefix.
    Broadcast,
    /// To a neighbour by a port: a gateway, or the destination itself.
    Neighbour { port: usize, gateway: Option<Ipv4Addr> },
}

#[derive(Debug)]
pub(crate) struct Routes {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    network: u32,
    mask: u32,
    hop: Hop,
}

impl Routes {
    /// The routes of a node: its own addresses, its attached prefixes, its static routes.
    pub(crate) fn new(config: &NodeConfig) -> Self {
        let mut routes = Self { entries: Vec::new() };
        for (port, interface) in config.interfaces.iter().enumerate() {
            for own in &interface.addresses {
                let IpAddr::V4(address) = own.address() else { continue };
                routes.add(address, 32, Hop::Local);
                let IpAddr::V4(network) = own.prefix().network() else { continue };
                routes.add(network, own.length(), Hop::Neighbour { port, gateway: None });
                // RFC 3021: a prefix of 31 or 32 bits has no broadcast.
                if own.length() < 31 {
                    let broadcast = network.to_bits() | !mask(own.length());
                    routes.add(network, 32, Hop::Broadcast);
                    routes.add(broadcast.into(), 32, Hop::Broadcast);
                }
            }
        }
        for route in &config.routes {
            let (IpAddr::V4(network), IpAddr::V4(gateway)) = (route.prefix.network(), route.via)
            else {
                continue;
            };
            if let Some(port) = config.interface(&route.interface) {
                let gateway = Some(gateway);
                routes.add(network, route.prefix.length(), Hop::Neighbour { port, gateway });
            }
        }
        // A stable sort: of equal prefixes the attached one goes before a static route.
        routes.entries.sort_by_key(|entry| core::cmp::Reverse(entry.mask));
        routes
    }

    fn add(&mut self, network: Ipv4Addr, length: u8, hop: Hop) {
        self.entries.push(Entry { network: network.to_bits(), mask: mask(length), hop });
    }

    /// The addresses that no neighbour may claim: the node's own, and broadcasts.
    pub(crate) fn reserved(&self) -> Vec<Ipv4Addr> {
        let reserved = |entry: &&Entry| matches!(entry.hop, Hop::Local | Hop::Broadcast);
        self.entries.iter().filter(reserved).map(|entry| entry.network.into()).collect()
    }

    /// Where packets to `address` go.
    pub(crate) fn lookup(&self, address: Ipv4Addr) -> Option<Hop> {
        let bits = address.to_bits();
        self.entries.iter().find(|entry| bits & entry.mask == entry.network).map(|entry| entry.hop)
    }
}

fn mask(length: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0)
}

/// Whether `address` is attached to a port with these prefixes.
pub(crate) fn is_attached(prefixes: &[Prefix], address: Ipv4Addr) -> bool {
    prefixes.iter().any(|prefix| prefix.contains(address.into()))
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
        let gateway = Some(Ipv4Addr::new(198, 51, 100, 1));
        let default = Some(Hop::Neighbour { port: transit, gateway });
        for (address, expected) in [
            ([203, 0, 113, 80], attached(servers)),
            ([203, 0, 113, 1], Some(Hop::Local)),
            ([198, 51, 100, 2], Some(Hop::Local)),
            ([198, 51, 100, 1], attached(transit)),
            ([203, 0, 113, 0], Some(Hop::Broadcast)),
            ([203, 0, 113, 255], Some(Hop::Broadcast)),
            ([192, 0, 2, 100], default),
            ([203, 0, 114, 1], default),
        ] {
            assert_eq!(router().lookup(address.into()), expected, "{address:?}");
        }
    }

    proptest! {
        #[test]
        fn lookup_finds_the_longest_of_any_prefixes(
            prefixes in prop::collection::vec((any::<u32>(), 0u8..=32), 0..40),
            probes in prop::collection::vec(any::<u32>(), 20),
        ) {
            let mut routes = Routes { entries: Vec::new() };
            for (port, (bits, length)) in prefixes.iter().enumerate() {
                let network = Ipv4Addr::from(bits & mask(*length));
                routes.add(network, *length, Hop::Neighbour { port, gateway: None });
            }
            routes.entries.sort_by_key(|entry| core::cmp::Reverse(entry.mask));
            let inside = prefixes.iter().map(|(bits, _)| *bits);
            for probe in probes.into_iter().chain(inside) {
                let longest = prefixes.iter()
                    .filter(|(bits, length)| (bits ^ probe) & mask(*length) == 0)
                    .map(|(_, length)| *length)
                    .max();
                let found = match routes.lookup(probe.into()) {
                    Some(Hop::Neighbour { port, .. }) => Some(prefixes[port].1),
                    _ => None,
                };
                prop_assert_eq!(found, longest);
            }
        }
    }
}
