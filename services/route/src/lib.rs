//! An IPv4 forwarder: ARP, longest-prefix match, TTL, ICMP errors, and a filter where the node
//! has a policy. It moves frames between [`Ports`] and copies none.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod forwarder;
mod port;

pub use forwarder::{DropEvent, Forwarder, RouteError};
pub use port::{Frame, Ports};
