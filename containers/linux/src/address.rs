//! Addresses as the bytes that the kernel's interfaces want.

use core::net::IpAddr;
use core::ops::Deref;

use rustix::net::AddressFamily;

/// An address's 4 or 16 bytes in network order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Octets {
    bytes: [u8; 16],
    length: usize,
}

impl From<IpAddr> for Octets {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => {
                let mut bytes = [0; 16];
                bytes[..4].copy_from_slice(&v4.octets());
                Self { bytes, length: 4 }
            }
            IpAddr::V6(v6) => Self { bytes: v6.octets(), length: 16 },
        }
    }
}

impl Deref for Octets {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// The address in a `sockaddr_in` or `sockaddr_in6` (ip(7), ipv6(7)): after family and port, and for IPv6 after the
/// flow label too.
pub fn peer(name: &[u8]) -> Option<IpAddr> {
    let (family, rest) = name.split_first_chunk()?;
    match AddressFamily::from_raw(u16::from_ne_bytes(*family)) {
        AddressFamily::INET => Some(rest.get(2..)?.first_chunk::<4>().copied()?.into()),
        AddressFamily::INET6 => Some(rest.get(6..)?.first_chunk::<16>().copied()?.into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_read_from_its_name() {
        let v4 = [&2u16.to_ne_bytes()[..], &[0, 53, 192, 0, 2, 1], &[0; 8]].concat();
        assert_eq!(peer(&v4), Some(IpAddr::from([192, 0, 2, 1])));
        let v6 = [&10u16.to_ne_bytes()[..], &[0, 53, 9, 9, 9, 9], &[7; 16], &[0; 4]].concat();
        assert_eq!(peer(&v6), Some(IpAddr::from([7; 16])));
        assert_eq!(peer(&v4[..7]), None);
        assert_eq!(peer(&[0; 28]), None);
    }
}
