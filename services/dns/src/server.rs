//! From a query to its response.

use alloc::string::String;
use core::fmt;
use service_config as config;

use crate::Counters;

/// How a query came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In a datagram, RFC 1035 section 4.2.1.
    Udp,
    /// On a stream, RFC 7766.
    Tcp,
}

/// The server and its zones.
#[derive(Debug)]
pub struct Server {}

impl Server {
    /// Reads the zones of a configuration.
    pub fn new(_dns: &config::Dns) -> Result<Self, ZoneError> {
        Ok(Self {})
    }

    /// Answers `query` into `out`; returns the length of the response, `None` for messages that
    /// are not to be answered. `out` holds at least 512 bytes, [`UDP_PAYLOAD`](crate::UDP_PAYLOAD)
    /// to never truncate needlessly over UDP.
    pub fn answer(
        &self,
        _counters: &mut Counters,
        _transport: Transport,
        _query: &[u8],
        _out: &mut [u8],
    ) -> Option<usize> {
        None
    }
}

/// A zone that cannot be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneError {
    name: String,
    reason: &'static str,
}

impl fmt::Display for ZoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.reason)
    }
}

impl core::error::Error for ZoneError {}
