//! Longest-prefix match whose cost hardly grows: for each family the stretches of addresses
//! between the ends of prefixes, each with the longest prefix that covers it.
//!
//! Nesting prefixes are flattened once, when the table is made (the ranges of Zec, Rizzo and
//! Mikuc, "DXR: Towards a Billion Routing Lookups per Second in Software", CCR 2012): a lookup
//! halves a sorted array. Two stretches a prefix at most, of 8 bytes for IPv4 and 20 for IPv6.

use alloc::collections::{BTreeMap, BinaryHeap};
use alloc::vec::Vec;
use core::net::IpAddr;

use service_config::Prefix;
use service_core::Intervals;

/// No prefix.
const NONE: u32 = 0;

/// What is said of prefixes of both families.
#[derive(Debug)]
pub(crate) struct Table<V> {
    /// Indices into the values, from 1.
    v4: Intervals<u32, u32>,
    v6: Intervals<u128, u32>,
    values: Vec<V>,
}

impl<V: Copy + Ord> Table<V> {
    /// The table of these entries; of equal prefixes the first counts.
    pub(crate) fn new(entries: &[(Prefix, V)]) -> Self {
        let all: BinaryHeap<V> = entries.iter().map(|(_, value)| *value).collect();
        let mut values = all.into_sorted_vec();
        values.dedup();
        values.shrink_to_fit();
        let index = |value: &V| values.binary_search(value).map_or(NONE, |index| index as u32 + 1);
        let (mut v4, mut v6) = (BTreeMap::new(), BTreeMap::new());
        for (prefix, value) in entries {
            let length = prefix.length();
            match prefix.network() {
                // Shorter prefixes first: those inside come after.
                IpAddr::V4(network) => {
                    let low = network.to_bits();
                    let high = low | u32::MAX.checked_shr(length.into()).unwrap_or(0);
                    v4.entry((low, length)).or_insert((high, index(value)));
                }
                IpAddr::V6(network) => {
                    let low = network.to_bits();
                    let high = low | u128::MAX.checked_shr(length.into()).unwrap_or(0);
                    v6.entry((low, length)).or_insert((high, index(value)));
                }
            }
        }
        let v4 = flatten(v4, |high| high.checked_add(1));
        let v6 = flatten(v6, |high| high.checked_add(1));
        Self { v4, v6, values }
    }

    /// What is said of the longest prefix that holds `address`.
    pub(crate) fn lookup(&self, address: IpAddr) -> Option<V> {
        let index = match address {
            IpAddr::V4(v4) => self.v4.get(v4.to_bits()),
            IpAddr::V6(v6) => self.v6.get(v6.to_bits()),
        };
        self.values.get((index as usize).wrapping_sub(1)).copied()
    }
}

/// Intervals of ranges that nest or are apart, sorted by where they begin and then the widest
/// first; the innermost counts.
fn flatten<K: Copy + Ord>(
    ranges: BTreeMap<(K, u8), (K, u32)>,
    next: impl Fn(K) -> Option<K>,
) -> Intervals<K, u32> {
    let mut intervals = Intervals::new(NONE);
    let mut around: Vec<(K, u32)> = Vec::new();
    let close = |around: &mut Vec<(K, u32)>, intervals: &mut Intervals<K, u32>| {
        if let Some((high, _)) = around.pop()
            && let Some(beyond) = next(high)
        {
            intervals.append(beyond, around.last().map_or(NONE, |(_, value)| *value));
        }
    };
    for ((low, _), (high, value)) in ranges {
        while around.last().is_some_and(|(end, _)| *end < low) {
            close(&mut around, &mut intervals);
        }
        intervals.append(low, value);
        around.push((high, value));
    }
    while !around.is_empty() {
        close(&mut around, &mut intervals);
    }
    intervals.shrink();
    intervals
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use core::net::{Ipv4Addr, Ipv6Addr};
    use proptest::prelude::*;
    use service_oracle::longest;

    /// Addresses that are often near each other, of both families.
    fn address() -> impl Strategy<Value = IpAddr> {
        let near = prop_oneof![0u32..16, Just(u32::MAX), 0xc000_0200..0xc000_0210u32, any::<u32>()];
        let high = prop_oneof![Just(0u128), Just(0x2001_0db8 << 96), Just(u128::MAX << 32)];
        prop_oneof![
            near.clone().prop_map(|bits| Ipv4Addr::from(bits).into()),
            (high, near).prop_map(|(high, low)| Ipv6Addr::from(high | u128::from(low)).into()),
        ]
    }

    fn entries() -> impl Strategy<Value = Vec<(Prefix, usize)>> {
        let prefix = (address(), 0u8..=128).prop_map(|(address, length)| {
            let most = if address.is_ipv4() { 33 } else { 129 };
            Prefix::holding(address, length % most)
        });
        // Few values: neighbouring stretches often have the same.
        prop::collection::vec((prefix, 0usize..5), 0..60)
    }

    proptest! {
        #[test]
        fn lookup_finds_the_longest_of_any_prefixes(
            entries in entries(),
            probes in prop::collection::vec(address(), 20),
        ) {
            let table = Table::new(&entries);
            let inside = entries.iter().map(|(prefix, _)| prefix.network());
            for probe in probes.into_iter().chain(inside) {
                prop_assert_eq!(table.lookup(probe), longest(&entries, probe), "{}", probe);
            }
        }
    }

    #[test]
    fn of_equal_prefixes_the_first_counts() {
        let prefix = |text: &str| text.parse::<Prefix>().expect("a prefix");
        let table = Table::new(&[
            (prefix("192.0.2.0/24"), 1),
            (prefix("192.0.2.0/24"), 2),
            (prefix("::/0"), 3),
        ]);
        assert_eq!(table.lookup([192, 0, 2, 1].into()), Some(1));
        assert_eq!(table.lookup([192, 0, 3, 1].into()), None);
        assert_eq!(table.lookup("::ffff:192.0.2.1".parse().expect("an address")), Some(3));
    }
}
