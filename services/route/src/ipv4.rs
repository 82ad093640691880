//! IPv4 headers: RFC 791, 1071, 1624, 1812.

use core::net::Ipv4Addr;

use smoltcp::wire::Ipv4Packet;

use crate::ip::Header;

/// The length of a header without options.
pub(crate) const HEADER: usize = 20;
/// Where a header says what the packet carries.
const PROTOCOL_AT: usize = 9;

/// Reads the header that `packet` begins with, in a frame that has room for `room` bytes.
pub(crate) fn parse(packet: &[u8], room: usize) -> Option<Header> {
    let bytes: &[u8; HEADER] = packet.first_chunk()?;
    let header = Ipv4Packet::new_unchecked(bytes);
    let length = usize::from(header.header_len());
    let total = usize::from(header.total_len());
    let whole = packet.get(..length)?;
    let valid = header.version() == 4
        && length >= HEADER
        && total >= length
        && total <= room
        && sum(whole) == 0xffff;
    let later_fragment = header.frag_offset() > 0;
    valid.then(|| Header {
        length,
        total,
        hops: header.hop_limit(),
        protocol: bytes[PROTOCOL_AT],
        protocol_at: PROTOCOL_AT,
        source: header.src_addr().into(),
        destination: header.dst_addr().into(),
        dont_fragment: header.dont_frag(),
        fragment: later_fragment || header.more_frags(),
        later_fragment,
        source_routed: is_source_routed(&whole[HEADER..]),
    })
}

/// Whether these options would route by source (RFC 7126 has them dropped), or cannot be read.
fn is_source_routed(mut options: &[u8]) -> bool {
    const END: u8 = 0;
    const NOTHING: u8 = 1;
    const LOOSE: u8 = 131;
    const STRICT: u8 = 137;
    loop {
        match options {
            [] | [END, ..] => return false,
            [NOTHING, rest @ ..] => options = rest,
            [LOOSE | STRICT, ..] => return true,
            [_, length, ..] if *length >= 2 && usize::from(*length) <= options.len() => {
                options = &options[usize::from(*length)..];
            }
            _ => return true,
        }
    }
}

/// Whether a packet from or to `address` may be forwarded, broadcasts of attached prefixes aside
/// (RFC 1812 section 5.3.7, RFC 3927).
pub(crate) fn is_routable(address: Ipv4Addr) -> bool {
    !matches!(address.octets(), [0 | 127 | 224.., ..] | [169, 254, ..])
}

/// The ones' complement sum of 16-bit words (RFC 1071): 0xffff over what a checksum covers.
pub(crate) fn sum(bytes: &[u8]) -> u16 {
    let mut chunks = bytes.chunks_exact(4);
    let mut sum: u64 = 0;
    for chunk in &mut chunks {
        sum += u64::from(u32::from_be_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]));
    }
    let mut last = [0; 4];
    let rest = chunks.remainder();
    last[..rest.len()].copy_from_slice(rest);
    sum += u64::from(u32::from_be_bytes(last));
    fold(sum)
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum as u16
}

/// A checksum after one of the words that it covers was replaced (RFC 1624, equation 3).
pub(crate) fn update(checksum: u16, old: u16, new: u16) -> u16 {
    !fold(u64::from(!checksum) + u64::from(!old) + u64::from(new))
}

/// Takes one from the TTL of the packet, which is at least 1, and mends the checksum.
pub(crate) fn decrement_ttl(packet: &mut [u8]) {
    let Some(header) = packet.first_chunk_mut::<HEADER>() else { return };
    set_ttl(header, header[8].saturating_sub(1));
}

/// Sets the TTL and mends the checksum.
pub(crate) fn set_ttl(header: &mut [u8; HEADER], ttl: u8) {
    let old = u16::from_be_bytes([header[8], header[9]]);
    header[8] = ttl;
    let new = u16::from_be_bytes([header[8], header[9]]);
    let checksum = u16::from_be_bytes([header[10], header[11]]);
    header[10..12].copy_from_slice(&update(checksum, old, new).to_be_bytes());
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use proptest::prelude::*;
    use smoltcp::phy::ChecksumCapabilities;
    use smoltcp::wire::{IpProtocol, Ipv4Repr};
    use std::vec;
    use std::vec::Vec;

    fn packet(ttl: u8, source: u32, destination: u32) -> Vec<u8> {
        let repr = Ipv4Repr {
            src_addr: source.into(),
            dst_addr: destination.into(),
            next_header: IpProtocol::Udp,
            payload_len: 8,
            hop_limit: ttl,
        };
        let mut bytes = vec![0; 28];
        let mut packet = Ipv4Packet::new_unchecked(&mut bytes[..]);
        repr.emit(&mut packet, &ChecksumCapabilities::default());
        bytes
    }

    proptest! {
        #[test]
        fn a_decremented_ttl_leaves_a_right_checksum(
            ttl in 1u8.., source in any::<u32>(), destination in any::<u32>(),
        ) {
            let mut bytes = packet(ttl, source, destination);
            prop_assert!(parse(&bytes, 28).is_some());
            decrement_ttl(&mut bytes);
            prop_assert_eq!(parse(&bytes, 28).expect("valid").hops, ttl - 1);
            prop_assert_eq!(bytes, packet(ttl - 1, source, destination));
        }

        #[test]
        fn one_wrong_bit_is_seen(bit in 0usize..160, source in any::<u32>()) {
            let mut bytes = packet(64, source, 1);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(parse(&bytes, 28).is_none());
        }

        #[test]
        fn no_options_confuse_the_reader(options in prop::collection::vec(any::<u8>(), 0..40)) {
            is_source_routed(&options);
        }
    }

    #[test]
    fn source_routes_are_found_among_options() {
        let table: [(&[u8], bool); 7] = [
            (&[], false),
            (&[1, 1, 1, 0], false),
            (&[0, 131, 3, 4], false),
            (&[7, 4, 4, 0, 131, 3, 4, 0], true),
            (&[1, 137, 3, 4], true),
            (&[7, 1, 0, 0], true),
            (&[7, 9, 0, 0], true),
        ];
        for (options, expected) in table {
            assert_eq!(is_source_routed(options), expected, "{options:?}");
        }
    }
}
