//! Why a document was refused.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::fmt;

/// A document that is not a node's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(Box<Mistake>);

/// Behind a box, so that what reads a document hands on one word in its place: 12 kB of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mistake {
    path: String,
    reason: String,
}

impl ConfigError {
    #[cold]
    pub(crate) fn new(path: String, reason: &dyn fmt::Display) -> Self {
        Self(Box::new(Mistake { path, reason: reason.to_string() }))
    }

    /// Where in the document, `interfaces[0].mac`; `.` is the document itself.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// What is wrong there.
    pub fn reason(&self) -> &str {
        &self.0.reason
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.path, self.0.reason)
    }
}

impl core::error::Error for ConfigError {}
