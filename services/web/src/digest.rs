//! What content hashes to.

use alloc::string::String;
use core::fmt::Write;

use sha2::{Digest as _, Sha256};

/// The digests of a resource, in hexadecimal.
pub(crate) struct Digest {
    /// SHA-256 of the content (FIPS 180-4): what `sha256sum` says of the file.
    pub sha256: String,
    /// A strong entity tag, quotes included: half of the SHA-256 of content and media type
    /// together, both of which a client sees (RFC 9110 section 8.8.3).
    pub etag: String,
}

impl Digest {
    pub(crate) fn of(media_type: &str, content: &[u8]) -> Self {
        let hash = Sha256::new_with_prefix(content);
        let sha256 = hex(&hash.clone().finalize());
        let tag = hash.chain_update(media_type).finalize();
        let mut etag = String::from("\"");
        etag.push_str(&hex(&tag[..16]));
        etag.push('"');
        Self { sha256, etag }
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len() + 2);
    for byte in bytes {
        // Strings take all that is written.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standard() {
        let digest = Digest::of("text/plain", b"abc");
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest.sha256, expected);
        assert_eq!(digest.etag.len(), 34);
        assert_ne!(digest.etag, Digest::of("text/html", b"abc").etag);
        assert_ne!(digest.etag, Digest::of("text/plain", b"abd").etag);
    }
}
