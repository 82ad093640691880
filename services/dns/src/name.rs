//! Names in wire form (RFC 1035 section 3.1), and the keys that they are found by.

use alloc::vec::Vec;
use core::str::FromStr;

use crate::ZoneError;

/// A name that a query or a zone holds, uncompressed.
pub(crate) type Name = domain::base::Name<[u8]>;
/// A name that the server keeps.
pub(crate) type OwnedName = domain::base::Name<Vec<u8>>;

/// The longest name, in bytes.
const LONGEST: usize = 255;

/// Reads a name from the text form of the configuration.
pub(crate) fn parse(text: &str) -> Result<OwnedName, ZoneError> {
    OwnedName::from_str(text).map_err(|_| ZoneError::new(text, "not a domain name"))
}

/// A name in lower case: what equal names have in common (RFC 4343).
pub(crate) struct Key {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Key {
    pub(crate) fn new(name: &Name) -> Self {
        let mut key = Self { bytes: [0; LONGEST], length: 0 };
        key.push(name.as_slice());
        key
    }

    /// The name that stands for all absent names directly below `parent` (RFC 4592).
    pub(crate) fn wildcard(parent: &[u8]) -> Option<Self> {
        let mut key = Self { bytes: [0; LONGEST], length: 0 };
        (parent.len() + 2 <= LONGEST).then(|| {
            key.push(b"\x01*");
            key.push(parent);
            key
        })
    }

    fn push(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        let place = &mut self.bytes[self.length..end];
        place.copy_from_slice(bytes);
        // Length octets are at most 63 and so never look like letters.
        place.make_ascii_lowercase();
        self.length = end;
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// The keys of a name's ancestors, the nearest first and the root last.
pub(crate) fn ancestors(key: &[u8]) -> impl Iterator<Item = &[u8]> {
    core::iter::successors(Some(key), |key| {
        let (label, _) = key.split_first()?;
        key.get(usize::from(*label) + 1..).filter(|rest| *label > 0 && !rest.is_empty())
    })
    .skip(1)
}

/// The number of labels of a key, the root's not counted.
pub(crate) fn labels(key: &[u8]) -> usize {
    ancestors(key).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ancestors_end_at_the_root() {
        let name = parse("WWW.Poc.example").expect("a name");
        let key = Key::new(name.for_slice());
        let found: Vec<&[u8]> = ancestors(key.as_slice()).collect();
        assert_eq!(found, [b"\x03poc\x07example\0".as_slice(), b"\x07example\0", b"\0"]);
        assert_eq!(labels(key.as_slice()), 3);
        assert_eq!(labels(b"\0"), 0);
    }

    #[test]
    fn a_wildcard_too_long_is_none() {
        let parent = [b"\x3f".as_slice(), &[b'a'; 63]].concat().repeat(3);
        let parent = [parent.as_slice(), b"\x3d", &[b'a'; 61], b"\0"].concat();
        assert_eq!(parent.len(), 255);
        assert!(Key::wildcard(&parent).is_none());
    }
}
