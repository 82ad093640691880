//! nftables rules as netlink messages (`linux/netfilter/nf_tables.h`), as nft(8) itself would send them.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use service_config::Action;

use super::ranges::{Range, prefix_length};
use super::ruleset::{
    Condition, Family, Hook, LOG_GROUP, LOG_LENGTH, LOG_RATE, NftRule, Outcome, Ruleset, Selector,
    Shared, TABLE,
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
const NEW_OBJECT: u16 = SUBSYSTEM | 18;

/// `NFPROTO_INET`: rules for both IP versions.
pub const INET: u8 = 1;
/// `NFPROTO_NETDEV`: rules for one interface, before the kernel looks at a packet.
const NETDEV: u8 = 5;

const REGISTER: u32 = 1;
const VERDICT_REGISTER: u32 = 0;
const DROP: u32 = 0;
const ACCEPT: u32 = 1;
const JUMP: u32 = -3i32 as u32;
const GOTO: u32 = -4i32 as u32;

/// `NFT_OBJECT_COUNTER`.
pub const OBJECT_COUNTER: u32 = 1;
const OBJECT_LIMIT: u32 = 4;

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
const SET_MAP: u32 = 8;
const VERDICTS: u32 = 0xffff_ff00;
/// The name under which the kernel makes up one.
const SET_NAME: &str = "__set%d";
/// The same for a map.
const MAP_NAME: &str = "__map%d";
const INTERFACE_NAME: usize = 16;
/// Elements in one message: its list must stay below 64 kB.
const ELEMENTS: usize = 500;

/// A type of nft's, and the byte order of its values, by which nft prints a set's elements.
#[derive(Clone, Copy)]
struct KeyType {
    number: u32,
    host_order: bool,
}

const FAMILY: KeyType = KeyType { number: 2, host_order: true };
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

/// A transaction that makes the policy's table.
#[must_use]
pub fn table(ruleset: &Ruleset) -> Batch {
    let chains = &ruleset.chains;
    let mut batch = begin(INET);
    ruleset.shared.iter().for_each(|shared| objects(&mut batch, shared));
    for chain in chains {
        batch.message(NEW_CHAIN, flags::CREATE, &generic(INET, 0), |a| {
            a.string(1, TABLE);
            a.string(3, &chain.name);
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
            encode_rule(&mut batch, &chain.name, rule, &mut sets);
        }
    }
    end(batch)
}

/// Adds the counter, and the limit if there is one, that copies of a rule share.
fn objects(batch: &mut Batch, shared: &Shared) {
    batch.message(NEW_OBJECT, flags::CREATE, &generic(INET, 0), |a| {
        a.string(1, TABLE);
        a.string(2, &counter_name(&shared.name));
        a.be32(3, OBJECT_COUNTER);
        a.nested(4, |a| {
            a.be64(1, 0);
            a.be64(2, 0);
        });
    });
    if shared.logs {
        batch.message(NEW_OBJECT, flags::CREATE, &generic(INET, 0), |a| {
            a.string(1, TABLE);
            a.string(2, &limit_name(&shared.name));
            a.be32(3, OBJECT_LIMIT);
            a.nested(4, log_rate);
        });
    }
}

fn counter_name(rule: &str) -> String {
    alloc::format!("rule.{rule}")
}

fn limit_name(rule: &str) -> String {
    alloc::format!("log.{rule}")
}

fn log_rate(limit: &mut Attributes<'_>) {
    let (rate, burst) = LOG_RATE;
    limit.be64(1, rate);
    limit.be64(2, 1);
    limit.be32(3, burst);
    limit.be32(4, 0);
    limit.be32(5, 0);
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
    for condition in rule.conditions.iter() {
        if let Condition::Family(one) = condition {
            family = Some(*one);
        }
        condition_expressions(condition, family, &mut expressions, &mut |elements| {
            *sets += 1;
            set(batch, *sets, &elements);
            *sets
        });
    }
    if let Outcome::Map(selector, members) = &rule.outcome {
        *sets += 1;
        set(batch, *sets, &map(selector, members, &mut expressions));
        expressions.push(Expression::Map(*sets));
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
        if let Outcome::Decide(_, Some(name)) | Outcome::DecideShared(_, name) = &rule.outcome {
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
    Map(u32),
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
            Self::Map(map) => element(list, "lookup", |a| {
                a.be32(2, REGISTER);
                a.string(1, MAP_NAME);
                a.be32(3, VERDICT_REGISTER);
                a.be32(4, *map);
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
        Outcome::DecideShared(action, name) => {
            refer(list, OBJECT_COUNTER, &counter_name(name));
            decision(list, verdict(*action), None);
        }
        Outcome::Log(prefix) => {
            element(list, "limit", log_rate);
            log(list, prefix);
        }
        Outcome::LogShared(prefix) => {
            refer(list, OBJECT_LIMIT, &limit_name(prefix));
            log(list, prefix);
        }
        Outcome::Jump(chain) => decision(list, JUMP, Some(chain)),
        // The lookup is all of it.
        Outcome::Map(..) => {}
    }
}

fn refer(list: &mut Attributes<'_>, kind: u32, name: &str) {
    element(list, "objref", |a| {
        a.be32(1, kind);
        a.string(2, name);
    });
}

fn log(list: &mut Attributes<'_>, prefix: &str) {
    element(list, "log", |a| {
        a.string(2, prefix);
        a.bytes(1, &LOG_GROUP.to_be_bytes());
        a.be32(3, LOG_LENGTH);
    });
}

fn decision(list: &mut Attributes<'_>, code: u32, chain: Option<&str>) {
    element(list, "immediate", |a| {
        a.be32(1, VERDICT_REGISTER);
        a.nested(2, |a| decided(a, code, chain));
    });
}

fn decided(data: &mut Attributes<'_>, code: u32, chain: Option<&str>) {
    data.nested(2, |a| {
        a.be32(1, code);
        if let Some(chain) = chain {
            a.string(2, chain);
        }
    });
}

/// The members of an anonymous set or map.
struct Elements {
    key: KeyType,
    length: usize,
    interval: bool,
    /// How a map's values lead to their chains: by jump or goto.
    leads: Option<u32>,
    values: Vec<Member>,
}

struct Member {
    value: Vec<u8>,
    /// Whether it is the first value that is no longer in the set.
    ends: bool,
    chain: Option<String>,
}

impl Member {
    const fn begin(value: Vec<u8>, chain: Option<String>) -> Self {
        Self { value, ends: false, chain }
    }

    const fn end(value: Vec<u8>) -> Self {
        Self { value, ends: true, chain: None }
    }
}

/// The map of a selector; loads what it looks up.
fn map(selector: &Selector, members: &[(Range, String)], list: &mut Vec<Expression>) -> Elements {
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
        Selector::Incoming(_) => (NAME, 16, Expression::Meta(META_INCOMING_NAME)),
        Selector::Outgoing(_) => (NAME, 16, Expression::Meta(META_OUTGOING_NAME)),
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

fn padded(name: &String) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.resize(INTERFACE_NAME, 0);
    bytes
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
    list.push(Expression::Meta(key));
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

/// The last `length` bytes of a number in network order.
fn bytes(value: u128, length: usize) -> Vec<u8> {
    value.to_be_bytes()[16 - length..].to_vec()
}

fn elements(key: KeyType, length: usize, ranges: &[Range]) -> Elements {
    spans(key, length, ranges.iter().map(|range| (*range, None)))
}

/// A set or map of ranges: single values if that is all they are, else where they begin and where they have ended.
fn spans(
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
fn set(batch: &mut Batch, id: u32, elements: &Elements) {
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
