//! The resources, with every response ready to be sent.

use alloc::string::String;
use core::fmt;
use service_config as config;

/// A web server's resources.
#[derive(Debug)]
pub struct Site {}

impl Site {
    /// Prepares the responses for the resources of a configuration.
    pub fn new(_web: &config::Web) -> Result<Self, SiteError> {
        Ok(Self {})
    }
}

/// A resource that cannot be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteError {
    path: String,
    reason: &'static str,
}

impl fmt::Display for SiteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.reason)
    }
}

impl core::error::Error for SiteError {}
