//! Addresses as the bytes that the kernel's interfaces want.

use core::net::IpAddr;
use core::ops::Deref;

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
