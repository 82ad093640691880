//! Anonymous sets and maps of nftables, and how their members are written.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::ranges::Range;
use super::ruleset::TABLE;
use super::wire::{INET, SUBSYSTEM, decided, generic};
use crate::netlink::message::{Attributes, Batch, flags};

const NEW_SET: u16 = SUBSYSTEM | 9;
const NEW_ELEMENTS: u16 = SUBSYSTEM | 12;

const SET_ANONYMOUS: u32 = 1;
const SET_CONSTANT: u32 = 2;
const SET_INTERVAL: u32 = 4;
const SET_MAP: u32 = 8;
const VERDICTS: u32 = 0xffff_ff00;
/// The name under which the kernel makes up one.
pub(super) const SET_NAME: &str = "__set%d";
/// The same for a map.
pub(super) const MAP_NAME: &str = "__map%d";
pub(super) const INTERFACE_NAME: usize = 16;
/// Elements in one message: its list must stay below 64 kB.
const ELEMENTS: usize = 500;

/// A type of nft's, and the byte order of its values, by which nft prints a set's elements.
#[derive(Clone, Copy)]
pub(super) struct KeyType {
    number: u32,
    host_order: bool,
}

pub(super) const FAMILY: KeyType = KeyType { number: 2, host_order: true };
pub(super) const IPV4_ADDRESS: KeyType = KeyType { number: 7, host_order: false };
pub(super) const IPV6_ADDRESS: KeyType = KeyType { number: 8, host_order: false };
pub(super) const PROTOCOL: KeyType = KeyType { number: 12, host_order: false };
pub(super) const PORT: KeyType = KeyType { number: 13, host_order: false };
pub(super) const ICMP_TYPE: KeyType = KeyType { number: 14, host_order: false };
pub(super) const ICMPV6_TYPE: KeyType = KeyType { number: 29, host_order: false };
pub(super) const NAME: KeyType = KeyType { number: 41, host_order: true };

/// The members of an anonymous set or map.
pub(super) struct Elements {
    pub(super) key: KeyType,
    pub(super) length: usize,
    pub(super) interval: bool,
    /// How a map's values lead to their chains: by jump or goto.
    pub(super) leads: Option<u32>,
    pub(super) values: Vec<Member>,
}

pub(super) struct Member {
    value: Vec<u8>,
    /// Whether it is the first value that is no longer in the set.
    ends: bool,
    chain: Option<String>,
}

impl Member {
    pub(super) const fn begin(value: Vec<u8>, chain: Option<String>) -> Self {
        Self { value, ends: false, chain }
    }

    const fn end(value: Vec<u8>) -> Self {
        Self { value, ends: true, chain: None }
    }
}

/// An interface's name as the kernel compares it.
pub(super) fn padded(name: &String) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.resize(INTERFACE_NAME, 0);
    bytes
}

/// The last `length` bytes of a number in network order.
pub(super) fn bytes(value: u128, length: usize) -> Vec<u8> {
    value.to_be_bytes()[16 - length..].to_vec()
}

/// A set of ranges.
pub(super) fn elements(key: KeyType, length: usize, ranges: &[Range]) -> Elements {
    spans(key, length, ranges.iter().map(|range| (*range, None)))
}

/// A set or map of ranges: single values if that is all they are, else where they begin and where they have ended.
pub(super) fn spans(
    key: KeyType,
    length: usize,
    ranges: impl Iterator<Item = (Range, Option<String>)> + Clone,
) -> Elements {
    let interval = ranges.clone().any(|((low, high), _)| low != high);
    let mut values = Vec::new();
    if interval && ranges.clone().next().is_some_and(|((low, _), _)| low > 0) {
        values.push(Member::end(bytes(0, length)));
    }
    let greatest = u128::MAX >> (128 - 8 * length);
    let mut following = ranges.clone().skip(1).map(|((low, _), _)| low);
    for ((low, high), chain) in ranges {
        values.push(Member::begin(bytes(low, length), chain));
        let next = following.next();
        if interval && high < greatest && next != Some(high + 1) {
            values.push(Member::end(bytes(high + 1, length)));
        }
    }
    Elements { key, length, interval, leads: None, values }
}

/// Adds an anonymous set or map with the transaction's number `id` for it.
pub(super) fn set(batch: &mut Batch, id: u32, elements: &Elements) {
    let Elements { key, length, interval, leads, values } = elements;
    let name = if leads.is_some() { MAP_NAME } else { SET_NAME };
    let interval_flag = if *interval { SET_INTERVAL } else { 0 };
    let map_flag = if leads.is_some() { SET_MAP } else { 0 };
    batch.message(NEW_SET, flags::CREATE, &generic(INET, 0), |a| {
        a.string(1, TABLE);
        a.string(2, name);
        a.be32(3, SET_ANONYMOUS | SET_CONSTANT | interval_flag | map_flag);
        a.be32(4, key.number);
        a.be32(5, *length as u32);
        if leads.is_some() {
            a.be32(6, VERDICTS);
            a.be32(7, 0);
        }
        a.be32(10, id);
        a.nested(9, |a| a.be32(1, values.len() as u32));
        // For nft alone: the byte order of keys (type 0), in the machine's own order; 1 is the host's, 2 the network's.
        let order: u32 = if key.host_order { 1 } else { 2 };
        let mut user = vec![0, 4];
        user.extend_from_slice(&order.to_ne_bytes());
        a.bytes(13, &user);
    });
    for part in values.chunks(ELEMENTS) {
        batch.message(NEW_ELEMENTS, flags::CREATE, &generic(INET, 0), |a| {
            a.string(1, TABLE);
            a.string(2, name);
            a.be32(4, id);
            a.nested(3, |a| part.iter().for_each(|one| member(a, one, *leads)));
        });
    }
}

fn member(list: &mut Attributes<'_>, member: &Member, leads: Option<u32>) {
    list.nested(1, |a| {
        a.nested(1, |a| a.bytes(1, &member.value));
        if let (Some(lead), Some(chain)) = (leads, &member.chain) {
            a.nested(2, |a| decided(a, lead, Some(chain)));
        }
        if member.ends {
            a.be32(3, 1);
        }
    });
}
