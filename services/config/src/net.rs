//! Addresses in the text forms of the document.

use alloc::string::String;
use core::fmt::{self, Display};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;
use serde::Serialize;

use crate::ConfigError;
use crate::read::{Path, Read, read_text};
use crate::value::Value;

/// Text that is not an address of the kind that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetError(&'static str);

impl Display for NetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl core::error::Error for NetError {}

/// Reads and writes a type as its text form.
macro_rules! as_text {
    ($type:ty) => {
        read_text!($type);

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                alloc::format!("{value}")
            }
        }
    };
}

/// A unicast Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(into = "String")]
pub struct Mac([u8; 6]);

impl Mac {
    /// The six octets in the order they are sent.
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }
}

impl FromStr for Mac {
    type Err = NetError;

    fn from_str(text: &str) -> Result<Self, NetError> {
        const SHAPE: NetError = NetError("not a MAC address of six two-digit hexadecimal octets");
        let mut octets = [0; 6];
        let mut parts = text.split(':');
        for octet in &mut octets {
            let part = parts.next().filter(|part| part.len() == 2).ok_or(SHAPE)?;
            if !part.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(SHAPE);
            }
            *octet = u8::from_str_radix(part, 16).map_err(|_| SHAPE)?;
        }
        if parts.next().is_some() {
            return Err(SHAPE);
        }
        if octets[0] & 1 != 0 || octets == [0; 6] {
            return Err(NetError("not a unicast MAC address"));
        }
        Ok(Self(octets))
    }
}

impl Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

as_text!(Mac);

/// Address and length of `address/length`.
fn split(text: &str) -> Result<(IpAddr, u8), NetError> {
    let (address, length) =
        text.split_once('/').ok_or(NetError("not an address with a prefix length"))?;
    let address: IpAddr = address.parse().map_err(|_| NetError("not an IP address"))?;
    let digits = !length.is_empty() && length.bytes().all(|digit| digit.is_ascii_digit());
    let length: u8 =
        length.parse().ok().filter(|_| digits).ok_or(NetError("not a prefix length"))?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    if length > longest {
        return Err(NetError("prefix length beyond the address"));
    }
    Ok((address, length))
}

fn mask(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}

/// An IP prefix whose host bits are zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(into = "String")]
pub struct Prefix {
    network: IpAddr,
    length: u8,
}

impl Prefix {
    /// The prefix of `length` bits, or of all that an address has, that holds `address`.
    pub fn holding(address: IpAddr, length: u8) -> Self {
        let length = length.min(if address.is_ipv4() { 32 } else { 128 });
        Self { network: mask(address, length), length }
    }

    /// The lowest address of the prefix.
    pub const fn network(self) -> IpAddr {
        self.network
    }

    /// The number of leading bits that are fixed.
    pub const fn length(self) -> u8 {
        self.length
    }

    /// Whether `address` is of this family and lies inside.
    pub fn contains(self, address: IpAddr) -> bool {
        self.network.is_ipv4() == address.is_ipv4() && mask(address, self.length) == self.network
    }
}

impl FromStr for Prefix {
    type Err = NetError;

    fn from_str(text: &str) -> Result<Self, NetError> {
        let (network, length) = split(text)?;
        if mask(network, length) != network {
            return Err(NetError("prefix with host bits set"));
        }
        Ok(Self { network, length })
    }
}

impl Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.length)
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

as_text!(Prefix);

/// An interface's own address, with the length of the prefix it is attached to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(into = "String")]
pub struct InterfaceAddress {
    address: IpAddr,
    length: u8,
}

impl InterfaceAddress {
    /// The address.
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// The length of the attached prefix.
    pub const fn length(self) -> u8 {
        self.length
    }

    /// The attached prefix.
    pub fn prefix(self) -> Prefix {
        Prefix::holding(self.address, self.length)
    }
}

impl FromStr for InterfaceAddress {
    type Err = NetError;

    fn from_str(text: &str) -> Result<Self, NetError> {
        let (address, length) = split(text)?;
        let own = match address {
            IpAddr::V4(v4) => !(v4.is_unspecified() || v4.is_broadcast() || v4.is_multicast()),
            IpAddr::V6(v6) => !(v6.is_unspecified() || v6.is_multicast()),
        };
        if !own || address.is_loopback() {
            return Err(NetError("not an address that an interface can own"));
        }
        Ok(Self { address, length })
    }
}

impl Display for InterfaceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl fmt::Debug for InterfaceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

as_text!(InterfaceAddress);

impl Read for IpAddr {
    fn read(value: Value<'_>, path: &Path<'_>) -> Result<Self, ConfigError> {
        let text = String::read(value, path)?;
        text.parse().map_err(|_| path.error(&"not an IP address"))
    }
}
