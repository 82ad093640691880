//! A stateful packet filter: ordered rules on what IP packets say, established flows let back.
//!
//! [`Filter::check`] decides on one packet of either family. Flows are asked first, then the
//! rules in order, then the default. Nothing is allocated after [`Filter::new`].
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod ask;
mod block;
mod extensions;
mod filter;
mod flow;
mod key;
mod packet;
mod rules;
mod tcp;
mod vectors;

pub use extensions::Upper;
pub use filter::{Cause, Filter, FilterError, Verdict};
pub use packet::{Malformed, Packet, Transport};

/// How many flows are remembered at once: few where a fuzzer shall fill the table.
pub const FLOWS: usize = if cfg!(fuzzing) { 64 } else { 8192 };

/// How long flows are remembered without a packet.
pub mod timeouts {
    use service_core::Duration;

    /// TCP, until the first side has acknowledged the other's answer.
    pub const TCP_OPENING: Duration = Duration::from_secs(60);
    /// TCP, once both sides know of the connection (RFC 5382, REQ-5).
    pub const TCP_OPEN: Duration = Duration::from_secs(2 * 3600 + 4 * 60);
    /// TCP, after a FIN.
    pub const TCP_CLOSING: Duration = Duration::from_secs(60);
    /// TCP, after a RST.
    pub const TCP_RESET: Duration = Duration::from_secs(10);
    /// All else, until the other side has answered.
    pub const OPENING: Duration = Duration::from_secs(30);
    /// All else, once both sides have spoken (RFC 4787, REQ-5).
    pub const OPEN: Duration = Duration::from_secs(120);
}
