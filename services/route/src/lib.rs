//! A forwarder of IPv4 and IPv6: ARP and neighbour discovery, longest-prefix match, TTL and hop
//! limit, ICMP errors, and a filter where the node has a policy. It moves frames between [`Ports`] and copies none.
//!
//! A packet that is not let through by the filter is dropped before anything else is said about
//! it: no error tells a sender what lies behind a firewall.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod arp;
mod counts;
mod discovery;
mod error;
mod ethernet;
mod forwarder;
mod icmp;
mod icmpv6;
mod ip;
mod ipv4;
mod ipv6;
mod link;
mod local;
mod mld;
mod ndp;
mod neighbour;
mod port;
mod routes;
mod send;
mod table;

pub use discovery::{announce, announcement_length};
pub use error::RouteError;
pub use forwarder::{DropEvent, Forwarder};
pub use mld::{MEMBERSHIP, asks_for_groups, join};
pub use port::{Frame, Ports};

/// What a forwarder keeps and how fast it speaks.
pub mod limits {
    use service_core::Duration;

    /// The most neighbours that are remembered.
    pub const NEIGHBOURS: usize = 512;
    /// The most frames that wait for neighbours to be found, and those for one neighbour.
    pub const PENDING: usize = 64;
    /// The most frames that wait for one neighbour.
    pub const PENDING_EACH: usize = 8;
    /// How often a neighbour is asked for before it is given up.
    pub const TRIES: u8 = 3;
    /// The time between two questions for one neighbour.
    pub const RETRY: Duration = Duration::from_secs(1);
    /// How long a neighbour is believed without asking again (RFC 4861 has the same).
    pub const REACHABLE: Duration = Duration::from_secs(30);
    /// The time between a node's two announcements of itself.
    pub const ANNOUNCEMENT: Duration = Duration::from_secs(2);
    /// Answers to who asks for groups, a second and at once.
    pub const GROUPS: (u32, u32) = (1, 4);
    /// ICMP errors and resets a second, and at once.
    pub const ERRORS: (u32, u32) = (100, 50);
    /// Lines about dropped packets a second, and at once.
    pub const LINES: (u32, u32) = (10, 20);
    /// The most dropped packets that wait to be described.
    pub const EVENTS: usize = 32;
    /// The longest ICMP error, without its Ethernet header (RFC 1812 section 4.3.2.3).
    pub const ERROR: usize = 576;
    /// The same of ICMPv6: what every link carries (RFC 4443 section 2.4).
    pub const ERROR_V6: usize = 1280;
}
