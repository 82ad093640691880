//! IPv6 headers: RFC 8200, 4291, 5095.

use core::net::Ipv6Addr;

use service_filter::Upper;
use smoltcp::wire::{IpProtocol, Ipv6Packet, Ipv6Repr};

use crate::ip::Header;

/// The length of a header without extensions.
pub(crate) const HEADER: usize = 40;

/// Reads the headers that `packet` begins with, in a frame that has room for `room` bytes.
pub(crate) fn parse(packet: &[u8], room: usize) -> Option<Header> {
    let bytes: &[u8; HEADER] = packet.first_chunk()?;
    let header = Ipv6Packet::new_unchecked(bytes);
    let total = HEADER + usize::from(header.payload_len());
    if header.version() != 6 || total > room {
        return None;
    }
    let upper = Upper::find(packet, total).ok()?;
    Some(Header {
        length: upper.offset,
        total,
        hops: header.hop_limit(),
        protocol: upper.protocol,
        protocol_at: upper.named_at,
        source: header.src_addr().into(),
        destination: header.dst_addr().into(),
        dont_fragment: true,
        fragment: upper.more_fragments || upper.later_fragment,
        later_fragment: upper.later_fragment,
        source_routed: upper.source_routed,
    })
}

/// Whether a packet from or to `address` may be forwarded (RFC 4291 sections 2.4 to 2.7).
pub(crate) fn is_routable(address: Ipv6Addr) -> bool {
    !(address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || address.is_unicast_link_local()
        || address.to_ipv4_mapped().is_some())
}

/// Writes a header without extensions.
pub(crate) fn emit(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    next_header: IpProtocol,
    hop_limit: u8,
    packet: &mut [u8],
) {
    let repr = Ipv6Repr {
        src_addr: source,
        dst_addr: destination,
        next_header,
        payload_len: packet.len().saturating_sub(HEADER),
        hop_limit,
    };
    repr.emit(&mut Ipv6Packet::new_unchecked(packet));
}

/// Sets the hop limit, which no checksum covers.
pub(crate) fn set_hop_limit(packet: &mut [u8], hops: u8) {
    if let Some(header) = packet.first_chunk_mut::<HEADER>() {
        header[7] = hops;
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::vec;
    use std::vec::Vec;

    fn packet(payload: usize) -> Vec<u8> {
        let mut bytes = vec![0; HEADER + payload];
        let (from, to) = ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], [0x2001, 0xdb8, 0, 0, 0, 0, 0, 2]);
        emit(from.into(), to.into(), IpProtocol::Udp, 9, &mut bytes);
        bytes
    }

    #[test]
    fn a_header_is_read_as_written() {
        let bytes = packet(8);
        let header = parse(&bytes, 48).expect("valid");
        assert_eq!((header.length, header.total, header.hops, header.protocol), (40, 48, 9, 17));
        assert_eq!(header.destination, "2001:db8::2".parse::<Ipv6Addr>().expect("an address"));
        assert!(header.dont_fragment && !header.fragment && !header.source_routed);
        // A frame may have padding, and never too little.
        assert!(parse(&bytes, 60).is_some());
        assert!(parse(&bytes, 47).is_none());
        assert!(parse(&bytes[..39], 48).is_none());
        let mut other = bytes;
        other[0] = 0x40;
        assert!(parse(&other, 48).is_none());
    }

    #[test]
    fn what_stays_on_its_link_is_not_routed() {
        for address in ["::", "::1", "ff02::1", "ff0e::1", "fe80::1", "febf::1", "::ffff:192.0.2.1"]
        {
            assert!(!is_routable(address.parse().expect("an address")), "{address}");
        }
        for address in ["2001:db8::1", "2000::1", "fd00::1", "fec0::1", "::2"] {
            assert!(is_routable(address.parse().expect("an address")), "{address}");
        }
    }
}
