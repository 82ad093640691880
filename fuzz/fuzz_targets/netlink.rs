//! What the kernel sends to a container: messages, their attributes, and packets that were logged.
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

use libfuzzer_sys::fuzz_target;

use message::{Attribute, messages};

// Files and not the crate: that one brings the memory functions of programs without a C library,
// which a sanitizer has to replace.
#[allow(dead_code)] // what words the event
#[path = "../../containers/linux/src/nflog/dropped.rs"]
mod dropped;
#[allow(dead_code)] // what builds messages
#[path = "../../containers/linux/src/netlink/message.rs"]
mod message;
/// Where the crate has it.
mod netlink {
    pub(crate) use super::message;
}

/// The kernel nests attributes a few levels deep.
const DEPTH: usize = 4;

fuzz_target!(|datagram: &[u8]| {
    let mut left = datagram.len();
    for message in messages(datagram) {
        left = left.checked_sub(16 + message.body.len()).expect("they do not overlap");
        for fixed in [0, 4, 16] {
            walk(message.attributes(fixed), DEPTH);
        }
        let _ = dropped::LoggedDrop::parse(&message, &[0, 7]);
    }
});

fn walk(attributes: Attribute<'_>, depth: usize) {
    for (kind, value) in attributes {
        assert!(attributes.find(kind).is_some());
        if depth > 0 {
            walk(Attribute::nested(value), depth - 1);
        }
    }
}
