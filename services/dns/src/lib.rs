//! An authoritative DNS server (RFC 1034, 1035, 2308, 6891, 7766, 8482), without the sockets.
//!
//! [`Server::answer_datagram`] turns a query into its response in the caller's buffer and allocates
//! nothing; [`Connection`] frames the same on a TCP connection.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod connection;
mod counters;
mod error;
mod name;
mod query;
mod rate;
mod rdata;
mod server;
mod target;
mod zone;

pub use connection::Connection;
pub use counters::Counters;
pub use error::ZoneError;
pub use server::{Server, Transport};

/// The longest UDP response, in bytes: what fits a packet on any path, whatever a client offers
/// (RFC 9715).
pub const UDP_PAYLOAD: usize = 1232;

/// What a client may ask of a TCP connection.
pub mod limits {
    use service_core::Duration;

    /// The longest query, in bytes; the connection ends beyond.
    pub const QUERY: usize = 4096;
    /// How much output may wait before queries are no longer read, in bytes.
    pub const OUTPUT: usize = 4096;
    /// How long a connection may be idle between queries.
    pub const IDLE: Duration = Duration::from_secs(10);
    /// How long a query may take from its first byte to its last.
    pub const REQUEST: Duration = Duration::from_secs(5);
    /// How long a client may take none of a response.
    pub const STALL: Duration = Duration::from_secs(10);
}
