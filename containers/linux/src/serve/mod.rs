//! Serving sockets with sans-I/O services.

pub mod datagram;
pub mod metrics;
pub mod stream;
