//! HTTP/1.1 (RFC 9110, RFC 9112) for resources from the configuration, without the sockets.
//!
//! A [`Site`] holds every response ready to be sent; a [`Connection`] turns what arrives into
//! references to them, so that a request costs its parsing and nothing else.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod connection;
mod counters;
mod digest;
mod pages;
mod request;
mod response;
mod site;
mod target;

pub use connection::Connection;
pub use counters::Counters;
pub use site::{Site, SiteError};

/// What a client may ask of a connection.
pub mod limits {
    use service_core::Duration;

    /// The longest request line and fields together, in bytes: 431 beyond.
    pub const HEAD: usize = 8192;
    /// The most fields of a request: 431 beyond.
    pub const FIELDS: usize = 64;
    /// The longest request target, in bytes: 414 beyond.
    pub const TARGET: usize = 2048;
    /// The longest request content that is read and ignored, in bytes: 413 beyond.
    pub const CONTENT: u64 = 65536;
    /// The most responses that wait to be sent; further requests are not read.
    pub const PIPELINE: usize = 16;
    /// How long a connection may be idle between requests.
    pub const IDLE: Duration = Duration::from_secs(60);
    /// How long a request may take from its first byte to its last.
    pub const REQUEST: Duration = Duration::from_secs(10);
    /// How long a client may take none of a response.
    pub const STALL: Duration = Duration::from_secs(30);
    /// How long a closed connection waits for its client to close too.
    pub const LINGER: Duration = Duration::from_secs(2);
}
