//! Why zones cannot be served.

use alloc::string::String;
use core::fmt;

/// A zone that cannot be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneError {
    name: String,
    reason: &'static str,
}

impl ZoneError {
    pub(crate) fn new(name: &str, reason: &'static str) -> Self {
        Self { name: name.into(), reason }
    }
}

impl fmt::Display for ZoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.reason)
    }
}

impl core::error::Error for ZoneError {}
