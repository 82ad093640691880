//! Why a configuration cannot be forwarded by.

use core::fmt;

use service_filter::FilterError;

/// A configuration that cannot be forwarded by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteError {
    /// The policy does not fit the node.
    Filter(FilterError),
    /// No interface has an address.
    NoAddress,
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Filter(error) => error.fmt(f),
            Self::NoAddress => f.write_str("no interface has an address"),
        }
    }
}

impl core::error::Error for RouteError {}
