//! Where a node shows what it counts, and to whom.

use alloc::vec::Vec;
use serde::Serialize;

use crate::read::{Object, Path, Read};
use crate::value::Value;
use crate::{ConfigError, Prefix};

/// A page of metrics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Metrics {
    /// The TCP port.
    pub port: u16,
    /// Who may see the page.
    #[serde(rename = "from")]
    pub sources: Vec<Prefix>,
}

impl Read for Metrics {
    fn read(value: Value<'_>, path: &Path<'_>) -> Result<Self, ConfigError> {
        let mut object = Object::new(value, path)?;
        let metrics = Self { port: object.required("port")?, sources: object.required("from")? };
        object.finish()?;
        Ok(metrics)
    }
}
