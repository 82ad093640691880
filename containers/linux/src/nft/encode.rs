//! nftables rules as netlink messages (`linux/netfilter/nf_tables.h`), as nft(8) itself would send them.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use service_config::Action;

use super::expression::{Expression, condition_expressions, map};
use super::ruleset::{
    Condition, Hook, LOG_GROUP, LOG_LENGTH, LOG_RATE, NftRule, Outcome, Ruleset, Shared, TABLE,
};
use super::sets::set;
use super::wire::{
    ACCEPT, DROP, INET, JUMP, SUBSYSTEM, VERDICT_REGISTER, decided, element, generic,
};
use crate::netlink::message::{Attributes, Batch, flags};

const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;
const NEW_TABLE: u16 = SUBSYSTEM;
const NEW_CHAIN: u16 = SUBSYSTEM | 3;
const NEW_RULE: u16 = SUBSYSTEM | 6;
const NEW_OBJECT: u16 = SUBSYSTEM | 18;

/// `NFPROTO_NETDEV`: rules for one interface, before the kernel looks at a packet.
const NETDEV: u8 = 5;

/// `NFT_OBJECT_COUNTER`.
pub const OBJECT_COUNTER: u32 = 1;
const OBJECT_LIMIT: u32 = 4;

/// `NF_IP_PRI_RAW`: before connections are tracked.
const PRIORITY_RAW: u32 = -300i32 as u32;

/// A transaction that makes a node's table.
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
                let (number, priority) = match hook {
                    Hook::Arrival => (0, PRIORITY_RAW),
                    Hook::Judged => (0, 0),
                    Hook::Input => (1, 0),
                };
                a.nested(4, |a| {
                    a.be32(1, number);
                    a.be32(2, priority);
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
