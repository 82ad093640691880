//! Ethernet headers.

/// The length of a header.
pub(crate) const HEADER: usize = 14;
/// The type of ARP.
pub(crate) const ARP: [u8; 2] = [0x08, 0x06];
/// The type of IPv4.
pub(crate) const IPV4: [u8; 2] = [0x08, 0x00];
/// The type of IPv6.
pub(crate) const IPV6: [u8; 2] = [0x86, 0xdd];

/// A hardware address.
pub(crate) type Mac = [u8; 6];

pub(crate) const BROADCAST: Mac = [0xff; 6];

/// Whether `mac` can be a station's own address.
pub(crate) fn is_unicast(mac: Mac) -> bool {
    mac[0] & 1 == 0 && mac != [0; 6]
}

/// The destination, source and type of a frame; `None` if it is too short.
pub(crate) fn parse(head: &[u8]) -> Option<(Mac, Mac, [u8; 2])> {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = *head.first_chunk()?;
    Some(([a, b, c, d, e, f], [g, h, i, j, k, l], [m, n]))
}

/// Writes both addresses into a frame.
pub(crate) fn address(head: &mut [u8], destination: Mac, source: Mac) {
    if let Some((to, rest)) = head.split_first_chunk_mut()
        && let Some(from) = rest.first_chunk_mut()
    {
        *to = destination;
        *from = source;
    }
}

/// Writes the type into a frame.
pub(crate) fn set_type(head: &mut [u8], kind: [u8; 2]) {
    if let Some(place) = head.get_mut(12..HEADER) {
        place.copy_from_slice(&kind);
    }
}
