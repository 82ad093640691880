//! HTTP/1.1 (RFC 9110, RFC 9112) for resources from the configuration, without the sockets.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod connection;
mod counters;
mod site;

pub use connection::Connection;
pub use counters::Counters;
pub use site::{Site, SiteError};
