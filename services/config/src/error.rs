//! Why a document was refused.

use alloc::string::{String, ToString};
use core::fmt;

/// A document that is not a node's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    path: String,
    reason: String,
}

impl ConfigError {
    #[cold]
    pub(crate) fn new(path: String, reason: &dyn fmt::Display) -> Self {
        Self { path, reason: reason.to_string() }
    }

    /// Where in the document, `interfaces[0].mac`; `.` is the document itself.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong there.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.reason)
    }
}

impl core::error::Error for ConfigError {}
