//! The instructions of nftables' machine that load and compare what a rule asks for.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::ranges::{Range, prefix_length};
use super::ruleset::{Condition, Family, Selector};
use super::sets::{
    Elements, FAMILY, ICMP_TYPE, ICMPV6_TYPE, INTERFACE_NAME, IPV4_ADDRESS, IPV6_ADDRESS, KeyType,
    MAP_NAME, Member, NAME, PORT, PROTOCOL, SET_NAME, bytes, elements, padded, spans,
};
use super::wire::{GOTO, JUMP, VERDICT_REGISTER, element};
use crate::netlink::message::Attributes;

const REGISTER: u32 = 1;

const EQUAL: u32 = 0;
const NOT_EQUAL: u32 = 1;
const AT_MOST: u32 = 3;
const AT_LEAST: u32 = 5;

const NETWORK_HEADER: u32 = 1;
const TRANSPORT_HEADER: u32 = 2;
const META_INCOMING_NAME: u32 = 6;
const META_FAMILY: u32 = 15;
const META_PROTOCOL: u32 = 16;
const META_PACKET_TYPE: u32 = 19;

/// `NFT_FIB_RESULT_OIF`, and the flags `NFTA_FIB_F_SADDR`, `_IIF` and `_PRESENT`: whether the source's route leads
/// out by the interface it came in by.
const FIB_INTERFACE: u32 = 1;
const FIB_SOURCE_BACK: u32 = 1 | 1 << 3 | 1 << 5;
/// `NFT_FIB_RESULT_OIFNAME`, `NFT_FIB_RESULT_ADDRTYPE` and the flag `NFTA_FIB_F_DADDR`.
const FIB_NAME: u32 = 2;
const FIB_TYPE: u32 = 3;
const FIB_DESTINATION: u32 = 1 << 1;
/// `RTN_LOCAL`.
const LOCAL: u32 = 2;

/// The names of the interface that a packet came in by, and of the one that its route leads out by: judged as it comes
/// in, it has not been routed yet.
const INCOMING_NAME: Expression = Expression::Meta(META_INCOMING_NAME);
const OUTGOING_NAME: Expression = Expression::Fib { result: FIB_NAME, flags: FIB_DESTINATION };

/// One instruction of nftables' machine; all but loads work on the one register.
pub(super) enum Expression {
    Meta(u32),
    State(u32),
    Load { header: u32, offset: u32, length: u32 },
    Mask(Vec<u8>),
    Compare(u32, Vec<u8>),
    Lookup(u32),
    Map(u32),
    Fib { result: u32, flags: u32 },
}

impl Expression {
    pub(super) fn encode(&self, list: &mut Attributes<'_>) {
        match self {
            Self::Meta(key) => element(list, "meta", |a| {
                a.be32(2, *key);
                a.be32(1, REGISTER);
            }),
            Self::State(mask) => {
                element(list, "ct", |a| {
                    a.be32(2, 0);
                    a.be32(1, REGISTER);
                });
                Self::Mask(mask.to_ne_bytes().into()).encode(list);
                Self::Compare(NOT_EQUAL, vec![0; 4]).encode(list);
            }
            Self::Load { header, offset, length } => element(list, "payload", |a| {
                a.be32(1, REGISTER);
                a.be32(2, *header);
                a.be32(3, *offset);
                a.be32(4, *length);
            }),
            Self::Mask(mask) => element(list, "bitwise", |a| {
                a.be32(1, REGISTER);
                a.be32(2, REGISTER);
                a.be32(3, mask.len() as u32);
                a.nested(4, |a| a.bytes(1, mask));
                a.nested(5, |a| a.bytes(1, &vec![0; mask.len()]));
            }),
            Self::Compare(operation, value) => element(list, "cmp", |a| {
                a.be32(1, REGISTER);
                a.be32(2, *operation);
                a.nested(3, |a| a.bytes(1, value));
            }),
            Self::Lookup(set) => element(list, "lookup", |a| {
                a.be32(2, REGISTER);
                a.string(1, SET_NAME);
                a.be32(4, *set);
            }),
            Self::Map(map) => element(list, "lookup", |a| {
                a.be32(2, REGISTER);
                a.string(1, MAP_NAME);
                a.be32(3, VERDICT_REGISTER);
                a.be32(4, *map);
            }),
            Self::Fib { result, flags } => element(list, "fib", |a| {
                a.be32(1, REGISTER);
                a.be32(2, *result);
                a.be32(3, *flags);
            }),
        }
    }
}

/// The map of a selector; loads what it looks up.
pub(super) fn map(
    selector: &Selector,
    members: &[(Range, String)],
    list: &mut Vec<Expression>,
) -> Elements {
    let address = |family, offset| {
        let (key, length) = match family {
            Family::V4 => (IPV4_ADDRESS, 4),
            Family::V6 => (IPV6_ADDRESS, 16),
        };
        (key, length, Expression::Load { header: NETWORK_HEADER, offset, length })
    };
    let (key, length, load) = match selector {
        Selector::Family => (FAMILY, 1, Expression::Meta(META_FAMILY)),
        Selector::Source(family) => address(*family, source_offset(*family)),
        Selector::Destination(family) => address(*family, destination_offset(*family)),
        Selector::Port => (PORT, 2, DESTINATION_PORT),
        Selector::Protocol => (PROTOCOL, 1, Expression::Meta(META_PROTOCOL)),
        Selector::Incoming(_) => (NAME, 16, INCOMING_NAME),
        Selector::Outgoing(_) => (NAME, 16, OUTGOING_NAME),
    };
    list.push(load);
    let lead = if *selector == Selector::Family { JUMP } else { GOTO };
    if let Selector::Incoming(names) | Selector::Outgoing(names) = selector {
        let member = |(range, chain): &(Range, String)| {
            Member::begin(padded(&names[range.0 as usize]), Some(chain.clone()))
        };
        let values = members.iter().map(member).collect();
        return Elements {
            key,
            length: INTERFACE_NAME,
            interval: false,
            leads: Some(lead),
            values,
        };
    }
    let ranges = members.iter().map(|(range, chain)| (*range, Some(chain.clone())));
    Elements { leads: Some(lead), ..spans(key, length as usize, ranges) }
}

const DESTINATION_PORT: Expression =
    Expression::Load { header: TRANSPORT_HEADER, offset: 2, length: 2 };

const fn source_offset(family: Family) -> u32 {
    if matches!(family, Family::V4) { 12 } else { 8 }
}

const fn destination_offset(family: Family) -> u32 {
    if matches!(family, Family::V4) { 16 } else { 24 }
}

/// Adds what a condition asks for; `family` is the one that an earlier condition asked for.
pub(super) fn condition_expressions(
    condition: &Condition,
    family: Option<Family>,
    list: &mut Vec<Expression>,
    add_set: &mut impl FnMut(Elements) -> u32,
) {
    match condition {
        Condition::Incoming(names) => interfaces(INCOMING_NAME, names, list, add_set),
        Condition::Outgoing(names) => interfaces(OUTGOING_NAME, names, list, add_set),
        Condition::Family(family) => {
            let number = vec![family.number()];
            list.extend([Expression::Meta(META_FAMILY), Expression::Compare(EQUAL, number)]);
        }
        Condition::Source(family, ranges) => {
            addresses(*family, source_offset(*family), ranges, list, add_set);
        }
        Condition::Destination(family, ranges) => {
            addresses(*family, destination_offset(*family), ranges, list, add_set);
        }
        Condition::Protocol(numbers) => {
            list.push(Expression::Meta(META_PROTOCOL));
            list.push(one_of(PROTOCOL, numbers, add_set));
        }
        Condition::Ports(ranges) => {
            list.push(DESTINATION_PORT);
            match ranges[..] {
                [(low, high)] if low == high => {
                    list.push(Expression::Compare(EQUAL, bytes(low, 2)))
                }
                [range] => between(range, 2, list),
                _ => list.push(Expression::Lookup(add_set(elements(PORT, 2, ranges)))),
            }
        }
        Condition::Types(types) => {
            list.push(Expression::Load { header: TRANSPORT_HEADER, offset: 0, length: 1 });
            let key = if family == Some(Family::V6) { ICMPV6_TYPE } else { ICMP_TYPE };
            list.push(one_of(key, types, add_set));
        }
        Condition::State(mask) => list.push(Expression::State(*mask)),
        Condition::ToMany => {
            list.extend([
                Expression::Meta(META_PACKET_TYPE),
                Expression::Compare(NOT_EQUAL, vec![0]),
            ]);
        }
        Condition::ToOne => {
            list.extend([Expression::Meta(META_PACKET_TYPE), Expression::Compare(EQUAL, vec![0])]);
        }
        Condition::NoWayBack => list.extend([
            Expression::Fib { result: FIB_INTERFACE, flags: FIB_SOURCE_BACK },
            Expression::Compare(EQUAL, vec![0; 4]),
        ]),
        Condition::ToItself => list.extend([
            Expression::Fib { result: FIB_TYPE, flags: FIB_DESTINATION },
            Expression::Compare(EQUAL, LOCAL.to_ne_bytes().into()),
        ]),
        Condition::HopLimit(limit) => {
            list.push(Expression::Load { header: NETWORK_HEADER, offset: 7, length: 1 });
            list.push(Expression::Compare(EQUAL, vec![*limit]));
        }
    }
}

fn one_of(key: KeyType, values: &[u8], add_set: &mut impl FnMut(Elements) -> u32) -> Expression {
    if let [value] = values {
        return Expression::Compare(EQUAL, vec![*value]);
    }
    let ranges: Vec<Range> =
        values.iter().map(|value| (u128::from(*value), u128::from(*value))).collect();
    Expression::Lookup(add_set(elements(key, 1, &ranges)))
}

fn interfaces(
    load: Expression,
    names: &[String],
    list: &mut Vec<Expression>,
    add_set: &mut impl FnMut(Elements) -> u32,
) {
    list.push(load);
    if let [name] = names {
        list.push(Expression::Compare(EQUAL, padded(name)));
        return;
    }
    let values = names.iter().map(|name| Member::begin(padded(name), None)).collect();
    list.push(Expression::Lookup(add_set(Elements {
        key: NAME,
        length: INTERFACE_NAME,
        interval: false,
        leads: None,
        values,
    })));
}

/// Loads as few bytes as a prefix needs, as nft does: only then does it print the prefix again.
fn addresses(
    family: Family,
    offset: u32,
    ranges: &[Range],
    list: &mut Vec<Expression>,
    add_set: &mut impl FnMut(Elements) -> u32,
) {
    let length = family.bits() / 8;
    let load = |length| Expression::Load { header: NETWORK_HEADER, offset, length };
    let [range] = ranges[..] else {
        let key = if family == Family::V4 { IPV4_ADDRESS } else { IPV6_ADDRESS };
        list.extend([
            load(length),
            Expression::Lookup(add_set(elements(key, length as usize, ranges))),
        ]);
        return;
    };
    let Some(prefix) = prefix_length(range, family.bits()) else {
        list.push(load(length));
        return between(range, length as usize, list);
    };
    let value = bytes(range.0, length as usize);
    if prefix % 8 == 0 {
        let kept = prefix / 8;
        list.extend([load(kept), Expression::Compare(EQUAL, value[..kept as usize].into())]);
    } else {
        let mask = bytes(u128::MAX << (family.bits() - prefix), length as usize);
        list.extend([load(length), Expression::Mask(mask), Expression::Compare(EQUAL, value)]);
    }
}

/// Compares what is loaded with both ends of a range.
fn between((low, high): Range, length: usize, list: &mut Vec<Expression>) {
    list.push(Expression::Compare(AT_LEAST, bytes(low, length)));
    list.push(Expression::Compare(AT_MOST, bytes(high, length)));
}
