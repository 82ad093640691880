//! IPv6 extension headers: RFC 8200 section 4.

use crate::packet::{Malformed, Span};

/// The length of an IPv6 header.
const HEADER: usize = 40;
/// The most extension headers that a packet may have here.
const MOST: usize = 8;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION: u8 = 60;

/// Whether this is the number of a header that others may follow.
pub(crate) fn is_one(protocol: u8) -> bool {
    matches!(protocol, HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION)
}

/// What lies behind the extension headers of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upper {
    /// The number of the protocol.
    pub protocol: u8,
    /// Where its header begins, or what a later fragment holds.
    pub offset: usize,
    /// Where the packet says which protocol it is.
    pub named_at: usize,
    /// Whether fragments follow.
    pub more_fragments: bool,
    /// Whether this is a fragment after the first.
    pub later_fragment: bool,
    /// Whether a routing header leads the packet elsewhere yet (RFC 5095 says why that is bad).
    pub source_routed: bool,
}

impl Upper {
    /// Walks the headers of the IPv6 packet that begins in `bytes` and is `end` bytes long.
    ///
    /// What a later fragment holds is not looked at: its protocol may be one more header. A packet
    /// with more than eight headers, or with one that is not at hand, is malformed.
    pub fn find(bytes: &[u8], end: usize) -> Result<Self, Malformed> {
        let mut upper = Self {
            protocol: *bytes.get(6).ok_or(Malformed)?,
            offset: HEADER,
            named_at: 6,
            more_fragments: false,
            later_fragment: false,
            source_routed: false,
        };
        for _ in 0..MOST {
            let kind = upper.protocol;
            if upper.later_fragment || !is_one(kind) {
                return Ok(upper);
            }
            // Options for every hop stand directly behind the IPv6 header, or are a trick.
            if kind == HOP_BY_HOP && upper.offset != HEADER {
                return Err(Malformed);
            }
            let header: &[u8; 4] =
                bytes.get(upper.offset..).and_then(<[u8]>::first_chunk).ok_or(Malformed)?;
            let [next, length, third, fourth] = *header;
            upper.named_at = upper.offset;
            upper.protocol = next;
            upper.offset += if kind == FRAGMENT {
                let field = u16::from_be_bytes([third, fourth]);
                upper.more_fragments = field & 1 != 0;
                upper.later_fragment = field >> 3 != 0;
                8
            } else {
                upper.source_routed |= kind == ROUTING && fourth != 0;
                8 * (usize::from(length) + 1)
            };
            if upper.offset > end {
                return Err(Malformed);
            }
        }
        Err(Malformed)
    }

    pub(crate) fn span(self, end: usize) -> Span {
        let Self { protocol, offset, more_fragments, later_fragment, .. } = self;
        Span { offset, end, more_fragments, later_fragment, protocol }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    const TCP: u8 = 6;

    /// An IPv6 packet with these headers, each its number and its bytes but for the first.
    fn packet(headers: &[(u8, &[u8])], last: u8) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        let mut named_at = 6;
        for (kind, rest) in headers {
            bytes[named_at] = *kind;
            named_at = bytes.len();
            bytes.push(0);
            bytes.extend_from_slice(rest);
        }
        bytes[named_at] = last;
        bytes.extend_from_slice(&[0; 20]);
        bytes
    }

    fn find(headers: &[(u8, &[u8])], last: u8) -> Result<Upper, Malformed> {
        let bytes = packet(headers, last);
        Upper::find(&bytes, bytes.len())
    }

    #[test]
    fn the_chain_is_walked_to_its_end() {
        let plain = Upper {
            protocol: TCP,
            offset: 40,
            named_at: 6,
            more_fragments: false,
            later_fragment: false,
            source_routed: false,
        };
        assert_eq!(find(&[], TCP), Ok(plain));
        let options: &[u8] = &[1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let chain = [(HOP_BY_HOP, options), (DESTINATION, &options[8..]), (ROUTING, &[0; 7])];
        let found = Upper { offset: 72, named_at: 64, ..plain };
        assert_eq!(find(&chain, TCP), Ok(found));
        let routed = [(ROUTING, &[0, 0, 1, 0, 0, 0, 0][..])];
        let found = Upper { offset: 48, named_at: 40, source_routed: true, ..plain };
        assert_eq!(find(&routed, TCP), Ok(found));
    }

    #[test]
    fn fragments_are_told() {
        let first = find(&[(FRAGMENT, &[0, 0, 1, 0, 0, 0, 7])], TCP).expect("valid");
        assert!((first.more_fragments, first.later_fragment) == (true, false));
        // Behind a later fragment's header is data, whatever it looks like.
        let later = find(&[(FRAGMENT, &[0, 0, 8, 0, 0, 0, 7])], DESTINATION).expect("valid");
        assert_eq!((later.protocol, later.offset, later.later_fragment), (DESTINATION, 48, true));
    }

    #[test]
    fn tricks_are_refused() {
        let pad: &[u8] = &[0; 7];
        assert_eq!(find(&[(DESTINATION, pad), (HOP_BY_HOP, pad)], TCP), Err(Malformed));
        assert_eq!(find(&[(DESTINATION, pad); 9], TCP), Err(Malformed));
        assert!(find(&[(DESTINATION, pad); 7], TCP).is_ok());
        assert_eq!(find(&[(DESTINATION, &[200, 0, 0, 0, 0, 0, 0])], TCP), Err(Malformed));
        let bytes = packet(&[(DESTINATION, pad)], TCP);
        assert_eq!(Upper::find(&bytes[..42], bytes.len()), Err(Malformed));
        assert_eq!(Upper::find(&bytes[..4], bytes.len()), Err(Malformed));
    }

    proptest! {
        #[test]
        fn any_bytes_are_walked_without_leaving_them(
            bytes in prop::collection::vec(any::<u8>(), 0..200), end in 0usize..300,
        ) {
            if let Ok(upper) = Upper::find(&bytes, end) {
                prop_assert!(upper.offset <= end.max(HEADER));
                prop_assert!(upper.named_at < bytes.len());
            }
        }
    }
}
