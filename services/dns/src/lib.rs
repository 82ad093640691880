//! An authoritative DNS server, without the sockets.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod connection;
mod counters;
mod server;

pub use connection::Connection;
pub use counters::Counters;
pub use server::{Server, Transport, ZoneError};

/// The longest UDP response: what fits a packet on any path, whatever the client offers.
pub const UDP_PAYLOAD: usize = 1232;
