//! What a storage trial is told: the document of an image that measures, not of a node.

use serde::Serialize;

use crate::read::{Object, Path, read_word};
use crate::{ConfigError, json};

/// In which order a trial reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Pattern {
    /// From the first byte to the last, and again.
    Sequential,
    /// At random, every block as likely as any other.
    Random,
}

read_word!(Pattern, "sequential" => Sequential, "random" => Random);

/// Reads of one size from a device or file, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Trial {
    version: u32,
    /// The order.
    pub pattern: Pattern,
    /// Bytes of a read: whole pages of 4096, at most 1 MiB.
    pub block: u32,
    /// How many reads, at least one.
    pub reads: u32,
    /// What random reads begin from: the same seed reads the same blocks.
    pub seed: u32,
    /// Whether a file is read past the page cache; a virtual disk leaves that to its hypervisor.
    pub direct: bool,
}

impl Trial {
    /// The version of the document that this code reads.
    pub const VERSION: u32 = 1;
    /// Bytes of a page, by which content is checked.
    pub const PAGE: u32 = 4096;
    /// Most bytes of a read.
    pub const LONGEST: u32 = 1 << 20;

    /// Reads a document; trailing NULs (a boot module's padding) and white space are allowed.
    pub fn parse(document: &[u8]) -> Result<Self, ConfigError> {
        let value = json::read_bytes(document).map_err(|error| Path::Document.error(&error))?;
        let path = Path::Document;
        let mut object = Object::new(value, &path)?;
        let version = object.required("version")?;
        if version != Self::VERSION {
            return Err(Path::Member(&path, "version").error(&"this reader knows version 1 only"));
        }
        let trial = Self {
            version,
            pattern: object.required("pattern")?,
            block: object.required("block")?,
            reads: object.required("reads")?,
            seed: object.required("seed")?,
            direct: object.required("direct")?,
        };
        object.finish()?;
        let whole = trial.block.is_multiple_of(Self::PAGE);
        if !whole || trial.block == 0 || trial.block > Self::LONGEST {
            let reason = "not a multiple of 4096 up to 1048576";
            return Err(Path::Member(&path, "block").error(&reason));
        }
        if trial.reads == 0 {
            return Err(Path::Member(&path, "reads").error(&"less than 1"));
        }
        Ok(trial)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    fn refused(document: &str) -> std::string::String {
        Trial::parse(document.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_document_is_read_and_written() {
        let text =
            r#"{"version":1,"pattern":"random","block":4096,"reads":10,"seed":7,"direct":true}"#;
        let trial = Trial::parse(std::format!("{text}\0\0").as_bytes()).unwrap();
        assert_eq!((trial.pattern, trial.block, trial.reads), (Pattern::Random, 4096, 10));
        assert_eq!(serde_json::to_string(&trial).unwrap(), text);
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        let with = |block: u32, reads: u32| {
            std::format!(
                r#"{{"version":1,"pattern":"sequential","block":{block},"reads":{reads},"seed":0,"direct":false}}"#
            )
        };
        assert!(refused(&with(0, 1)).starts_with("block: "));
        assert!(refused(&with(512, 1)).starts_with("block: "));
        assert!(refused(&with(2 << 20, 1)).starts_with("block: "));
        assert_eq!(refused(&with(4096, 0)), "reads: less than 1");
        assert_eq!(refused("{}"), ".: missing field `version`");
        assert!(refused(r#"{"version":2}"#).starts_with("version: "));
        assert!(refused("").starts_with(".: "));
    }
}
