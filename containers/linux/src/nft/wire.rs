//! What all nftables messages share (`linux/netfilter/nf_tables.h`).

use crate::netlink::message::Attributes;

pub(super) const SUBSYSTEM: u16 = 10 << 8;

/// `NFPROTO_INET`: rules for both IP versions.
pub const INET: u8 = 1;

pub(super) const VERDICT_REGISTER: u32 = 0;
pub(super) const DROP: u32 = 0;
pub(super) const ACCEPT: u32 = 1;
pub(super) const JUMP: u32 = -3i32 as u32;
pub(super) const GOTO: u32 = -4i32 as u32;

/// `struct nfgenmsg`.
pub const fn generic(family: u8, resource: u16) -> [u8; 4] {
    let [high, low] = resource.to_be_bytes();
    [family, 0, high, low]
}

/// One expression of a rule.
pub(super) fn element(
    list: &mut Attributes<'_>,
    name: &str,
    data: impl FnOnce(&mut Attributes<'_>),
) {
    list.nested(1, |a| {
        a.string(1, name);
        a.nested(2, data);
    });
}

/// What a verdict says: its code, and where it leads.
pub(super) fn decided(data: &mut Attributes<'_>, code: u32, chain: Option<&str>) {
    data.nested(2, |a| {
        a.be32(1, code);
        if let Some(chain) = chain {
            a.string(2, chain);
        }
    });
}
