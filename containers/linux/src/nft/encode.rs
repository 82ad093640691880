//! nftables rules as netlink messages (`linux/netfilter/nf_tables.h`), as nft(8) itself would send them.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use service_config::Action;

use super::ranges::{Range, prefix_length};
use super::ruleset::{
    Chain, Condition, Family, Hook, LOG_GROUP, LOG_LENGTH, LOG_RATE, NftRule, Outcome, TABLE,
};
use crate::netlink::message::{Attributes, Batch, flags};

const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;
const SUBSYSTEM: u16 = 10 << 8;
const NEW_TABLE: u16 = SUBSYSTEM;
const NEW_CHAIN: u16 = SUBSYSTEM | 3;
const NEW_RULE: u16 = SUBSYSTEM | 6;
const NEW_SET: u16 = SUBSYSTEM | 9;
const NEW_ELEMENTS: u16 = SUBSYSTEM | 12;

/// `NFPROTO_INET`: rules for both IP versions.
pub const INET: u8 = 1;
/// `NFPROTO_NETDEV`: rules for one interface, before the kernel looks at a packet.
const NETDEV: u8 = 5;

const REGISTER: u32 = 1;
const VERDICT_REGISTER: u32 = 0;
const DROP: u32 = 0;
const ACCEPT: u32 = 1;
const JUMP: u32 = -3i32 as u32;

const EQUAL: u32 = 0;
const NOT_EQUAL: u32 = 1;
const AT_MOST: u32 = 3;
const AT_LEAST: u32 = 5;

const NETWORK_HEADER: u32 = 1;
const TRANSPORT_HEADER: u32 = 2;
const META_INCOMING_NAME: u32 = 6;
const META_OUTGOING_NAME: u32 = 7;
const META_FAMILY: u32 = 15;
const META_PROTOCOL: u32 = 16;
const META_PACKET_TYPE: u32 = 19;

const SET_ANONYMOUS: u32 = 1;
const SET_CONSTANT: u32 = 2;
const SET_INTERVAL: u32 = 4;
/// The name under which the kernel makes up one.
const SET_NAME: &str = "__set%d";
const INTERFACE_NAME: usize = 16;
/// Elements in one message: its list must stay below 64 kB.
const ELEMENTS: usize = 1000;

/// A type of nft's, and the byte order of its values, by which nft prints a set's elements.
#[derive(Clone, Copy)]
struct KeyType {
    number: u32,
    host_order: bool,
}

const IPV4_ADDRESS: KeyType = KeyType { number: 7, host_order: false };
const IPV6_ADDRESS: KeyType = KeyType { number: 8, host_order: false };
const PROTOCOL: KeyType = KeyType { number: 12, host_order: false };
const PORT: KeyType = KeyType { number: 13, host_order: false };
const ICMP_TYPE: KeyType = KeyType { number: 14, host_order: false };
const ICMPV6_TYPE: KeyType = KeyType { number: 29, host_order: false };
const NAME: KeyType = KeyType { number: 41, host_order: true };

/// `struct nfgenmsg`.
pub const fn generic(family: u8, resource: u16) -> [u8; 4] {
    let [high, low] = resource.to_be_bytes();
    [family, 0, high, low]
}

/// A transaction that makes the policy's table; `chains` in an order in which jumps lead back.
#[must_use]
pub fn table(chains: &[Chain]) -> Batch {
    let mut batch = begin(INET);
    for chain in chains {
        batch.message(NEW_CHAIN, flags::CREATE, &generic(INET, 0), |a| {
            a.string(1, TABLE);
            a.string(3, chain.name);
            if let Some((hook, policy)) = chain.hook {
                a.string(7, "filter");
                a.be32(5, verdict(policy));
                a.nested(4, |a| {
                    a.be32(1, if hook == Hook::Forward { 2 } else { 1 });
                    a.be32(2, 0);
                });
            }
        });
    }
    let mut sets = 0;
    for chain in chains {
        for rule in &chain.rules {
            encode_rule(&mut batch, chain.name, rule, &mut sets);
        }
    }
    end(batch)
}

/// A transaction that makes a table which drops all that comes in by the named interfaces before the kernel's own
/// stack sees it; packet sockets get it all the same.
#[must_use]
pub fn deaf(interfaces: &[String]) -> Batch {
    let mut batch = begin(NETDEV);
    for (index, interface) in interfaces.iter().enumerate() {
        batch.message(NEW_CHAIN, flags::CREATE, &generic(NETDEV, 0), |a| {
            a.string(1, TABLE);
            a.string(3, &alloc::format!("ingress{index}"));
            a.string(7, "filter");
            a.be32(5, DROP);
            a.nested(4, |a| {
                a.be32(1, 0);
                a.be32(2, 0);
                a.string(3, interface);
            });
        });
    }
    end(batch)
}

fn begin(family: u8) -> Batch {
    let mut batch = Batch::new();
    batch.message(BATCH_BEGIN, 0, &generic(0, 10), |_| ());
    batch.message(NEW_TABLE, flags::CREATE, &generic(family, 0), |a| {
        a.string(1, TABLE);
        a.be32(2, 0);
    });
    batch
}

fn end(mut batch: Batch) -> Batch {
    batch.end(BATCH_END, &generic(0, 10));
    batch
}

const fn verdict(action: Action) -> u32 {
    match action {
        Action::Permit => ACCEPT,
        Action::Deny => DROP,
    }
}

fn encode_rule(batch: &mut Batch, chain: &str, rule: &NftRule, sets: &mut u32) {
    let mut expressions = Vec::new();
    let mut family = None;
    for condition in &rule.conditions {
        if let Condition::Family(one) = condition {
            family = Some(*one);
        }
        condition_expressions(condition, family, &mut expressions, &mut |elements| {
            *sets += 1;
            set(batch, *sets, &elements);
            *sets
        });
    }
    batch.message(NEW_RULE, flags::CREATE | flags::APPEND, &generic(INET, 0), |a| {
        a.string(1, TABLE);
        a.string(2, chain);
        a.nested(4, |a| {
            for expression in &expressions {
                expression.encode(a);
            }
            outcome(a, &rule.outcome);
        });
        if let Outcome::Decide(_, Some(name)) = &rule.outcome {
            a.bytes(7, &comment(name));
        }
    });
}

/// A rule's comment as nft stores it: type 0, length, text with NUL.
fn comment(name: &str) -> Vec<u8> {
    let mut bytes = vec![0, (name.len() + 1) as u8];
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(0);
    bytes
}

/// One instruction of nftables' machine; all but loads work on the one register.
enum Expression {
    Meta(u32),
    State(u32),
    Load { header: u32, offset: u32, length: u32 },
    Mask(Vec<u8>),
    Compare(u32, Vec<u8>),
    Lookup(u32),
}

impl Expression {
    fn encode(&self, list: &mut Attributes<'_>) {
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
        }
    }
}

fn element(list: &mut Attributes<'_>, name: &str, data: impl FnOnce(&mut Attributes<'_>)) {
    list.nested(1, |a| {
        a.string(1, name);
        a.nested(2, data);
    });
}

fn outcome(list: &mut Attributes<'_>, outcome: &Outcome) {
    match outcome {
        Outcome::Decide(action, name) => {
            if name.is_some() {
                element(list, "counter", |_| ());
            }
            decision(list, verdict(*action), None);
        }
        Outcome::Log(prefix) => {
            let (rate, burst) = LOG_RATE;
            element(list, "limit", |a| {
                a.be64(1, rate);
                a.be64(2, 1);
                a.be32(3, burst);
                a.be32(4, 0);
                a.be32(5, 0);
            });
            element(list, "log", |a| {
                a.string(2, prefix);
                a.bytes(1, &LOG_GROUP.to_be_bytes());
                a.be32(3, LOG_LENGTH);
            });
        }
        Outcome::Jump(chain) => decision(list, JUMP, Some(chain)),
    }
}

fn decision(list: &mut Attributes<'_>, code: u32, chain: Option<&str>) {
    element(list, "immediate", |a| {
        a.be32(1, VERDICT_REGISTER);
        a.nested(2, |a| {
            a.nested(2, |a| {
                a.be32(1, code);
                if let Some(chain) = chain {
                    a.string(2, chain);
                }
            });
        });
    });
}

/// The members of an anonymous set.
struct Elements {
    key: KeyType,
    length: usize,
    interval: bool,
    /// A value, and whether it is the first that is no longer in the set.
    values: Vec<(Vec<u8>, bool)>,
}

fn condition_expressions(
    condition: &Condition,
    family: Option<Family>,
    list: &mut Vec<Expression>,
    add_set: &mut impl FnMut(Elements) -> u32,
) {
    match condition {
        Condition::Incoming(names) => interfaces(META_INCOMING_NAME, names, list, add_set),
        Condition::Outgoing(names) => interfaces(META_OUTGOING_NAME, names, list, add_set),
        Condition::Family(family) => {
            let number = if *family == Family::V4 { 2 } else { 10 };
            list.extend([Expression::Meta(META_FAMILY), Expression::Compare(EQUAL, vec![number])]);
        }
        Condition::Source(family, ranges) => {
            let offset = if *family == Family::V4 { 12 } else { 8 };
            addresses(*family, offset, ranges, list, add_set);
        }
        Condition::Destination(family, ranges) => {
            let offset = if *family == Family::V4 { 16 } else { 24 };
            addresses(*family, offset, ranges, list, add_set);
        }
        Condition::Protocol(numbers) => {
            list.push(Expression::Meta(META_PROTOCOL));
            list.push(one_of(PROTOCOL, numbers, add_set));
        }
        Condition::Ports(ranges) => {
            list.push(Expression::Load { header: TRANSPORT_HEADER, offset: 2, length: 2 });
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
    key: u32,
    names: &[String],
    list: &mut Vec<Expression>,
    add_set: &mut impl FnMut(Elements) -> u32,
) {
    let padded = |name: &String| {
        let mut bytes = name.as_bytes().to_vec();
        bytes.resize(INTERFACE_NAME, 0);
        bytes
    };
    list.push(Expression::Meta(key));
    if let [name] = names {
        list.push(Expression::Compare(EQUAL, padded(name)));
        return;
    }
    let values = names.iter().map(|name| (padded(name), false)).collect();
    list.push(Expression::Lookup(add_set(Elements {
        key: NAME,
        length: INTERFACE_NAME,
        interval: false,
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

/// The last `length` bytes of a number in network order.
fn bytes(value: u128, length: usize) -> Vec<u8> {
    value.to_be_bytes()[16 - length..].to_vec()
}

/// A set of ranges: single values if that is all they are, else where they begin and where they have ended.
fn elements(key: KeyType, length: usize, ranges: &[Range]) -> Elements {
    let interval = ranges.iter().any(|(low, high)| low != high);
    let mut values = Vec::new();
    if interval && ranges.first().is_some_and(|(low, _)| *low > 0) {
        values.push((bytes(0, length), true));
    }
    let greatest = u128::MAX >> (128 - 8 * length);
    for (low, high) in ranges {
        values.push((bytes(*low, length), false));
        if interval && *high < greatest {
            values.push((bytes(high + 1, length), true));
        }
    }
    Elements { key, length, interval, values }
}

/// Adds an anonymous set with the transaction's number `id` for it.
fn set(batch: &mut Batch, id: u32, elements: &Elements) {
    let Elements { key, length, interval, values } = elements;
    let interval_flag = if *interval { SET_INTERVAL } else { 0 };
    batch.message(NEW_SET, flags::CREATE, &generic(INET, 0), |a| {
        a.string(1, TABLE);
        a.string(2, SET_NAME);
        a.be32(3, SET_ANONYMOUS | SET_CONSTANT | interval_flag);
        a.be32(4, key.number);
        a.be32(5, *length as u32);
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
            a.string(2, SET_NAME);
            a.be32(4, id);
            a.nested(3, |a| part.iter().for_each(|(value, ends)| member(a, value, *ends)));
        });
    }
}

fn member(list: &mut Attributes<'_>, value: &[u8], ends: bool) {
    list.nested(1, |a| {
        a.nested(1, |a| a.bytes(1, value));
        if ends {
            a.be32(3, 1);
        }
    });
}
