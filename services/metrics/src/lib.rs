//! A node's counters as a page in Prometheus' text format, without the sockets.
//!
//! A [`Page`] says who may ask; a [`Connection`] answers one request and closes.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod connection;
mod page;
mod request;

pub use connection::Connection;
pub use page::Page;
