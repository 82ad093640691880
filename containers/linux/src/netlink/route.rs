//! Interfaces, addresses and routes (rtnetlink, rtnetlink(7)).

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use super::Socket;
use super::message::{Batch, flags, u32_at};
use crate::Fatal;
use crate::address::Octets;

const NEW_LINK: u16 = 16;
const GET_LINK: u16 = 18;
const NEW_ADDRESS: u16 = 20;
const DELETE_ADDRESS: u16 = 21;
const GET_ADDRESS: u16 = 22;
const NEW_ROUTE: u16 = 24;

const LINK_ADDRESS: u16 = 1;
const LINK_NAME: u16 = 3;
const LINK_MTU: u16 = 4;
const ADDRESS: u16 = 1;
const ADDRESS_LOCAL: u16 = 2;
const ROUTE_DESTINATION: u16 = 1;
const ROUTE_INTERFACE: u16 = 4;
const ROUTE_GATEWAY: u16 = 5;

const IFF_UP: u32 = 1;
/// Duplicate address detection off: addresses are usable at once (RFC 4862 section 5.4 allows it).
const NO_DAD: u8 = 2;
const SCOPE_LINK: u8 = 253;
const TABLE_MAIN: u8 = 254;
const PROTOCOL_STATIC: u8 = 4;
const UNICAST: u8 = 1;
const INET: u8 = 2;
const INET6: u8 = 10;

/// `struct ifinfomsg` with `index`, flags and the flags that change.
fn link_message(index: u32, flags: u32, change: u32) -> [u8; 16] {
    let mut fixed = [0; 16];
    fixed[4..8].copy_from_slice(&index.to_ne_bytes());
    fixed[8..12].copy_from_slice(&flags.to_ne_bytes());
    fixed[12..16].copy_from_slice(&change.to_ne_bytes());
    fixed
}

fn family(address: IpAddr) -> u8 {
    if address.is_ipv4() { INET } else { INET6 }
}

/// A network interface as the kernel has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The kernel's number for it.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its Ethernet address; others are left out.
    pub mac: Option<[u8; 6]>,
    /// Its MTU in bytes.
    pub mtu: u32,
    /// Whether it is administratively up.
    pub up: bool,
}

/// An address of an interface as the kernel has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assigned {
    /// The interface's number.
    pub index: u32,
    /// The address.
    pub address: IpAddr,
    /// Its prefix length.
    pub prefix: u8,
    scope: u8,
}

impl Assigned {
    /// Whether the kernel gave the address itself (link-local or loopback).
    #[must_use]
    pub const fn automatic(&self) -> bool {
        self.scope >= SCOPE_LINK
    }
}

/// The rtnetlink socket.
#[derive(Debug)]
pub struct Routing {
    socket: Socket,
}

impl Routing {
    /// Opens it.
    pub fn open() -> Result<Self, Fatal> {
        Ok(Self { socket: Socket::open(None)? })
    }

    /// All interfaces.
    pub fn links(&mut self) -> Result<Vec<Link>, Fatal> {
        let request = Batch::one(GET_LINK, flags::DUMP, &link_message(0, 0, 0), |_| ());
        let mut links = Vec::new();
        self.socket.dump("list interfaces", &request, |message| {
            let (Some(index), Some(state)) = (u32_at(message.body, 4), u32_at(message.body, 8))
            else {
                return;
            };
            let mut link =
                Link { index, name: String::new(), mac: None, mtu: 0, up: state & IFF_UP != 0 };
            for (kind, value) in message.attributes(16) {
                match kind {
                    LINK_ADDRESS => link.mac = value.try_into().ok(),
                    LINK_NAME => {
                        link.name =
                            String::from_utf8_lossy(value).trim_end_matches('\0').to_string()
                    }
                    LINK_MTU => link.mtu = u32_at(value, 0).unwrap_or_default(),
                    _ => {}
                }
            }
            links.push(link);
        })?;
        Ok(links)
    }

    /// Takes an interface down or up.
    pub fn set_up(&mut self, index: u32, up: bool) -> Result<(), Fatal> {
        let fixed = link_message(index, if up { IFF_UP } else { 0 }, IFF_UP);
        let what = if up { "take interface up" } else { "take interface down" };
        self.socket.request(what, &Batch::one(NEW_LINK, flags::ACK, &fixed, |_| ()))
    }

    /// Has the kernel announce an interface's addresses (arp_notify, ndisc_notify): it does so when the interface is
    /// given a MAC address, even the one that it has.
    pub fn announce(&mut self, link: &Link) -> Result<(), Fatal> {
        let Some(mac) = link.mac else { return Ok(()) };
        let fixed = link_message(link.index, 0, 0);
        let request = Batch::one(NEW_LINK, flags::ACK, &fixed, |a| a.bytes(LINK_ADDRESS, &mac));
        self.socket.request("announce addresses", &request)
    }

    /// Names an interface and sets its MTU in bytes.
    pub fn shape(&mut self, index: u32, name: &str, mtu: u32) -> Result<(), Fatal> {
        let request = Batch::one(NEW_LINK, flags::ACK, &link_message(index, 0, 0), |a| {
            a.string(LINK_NAME, name);
            a.u32(LINK_MTU, mtu);
        });
        self.socket.request("name interface and set its MTU", &request)
    }

    /// All addresses of all interfaces.
    pub fn addresses(&mut self) -> Result<Vec<Assigned>, Fatal> {
        let request = Batch::one(GET_ADDRESS, flags::DUMP, &[0; 8], |_| ());
        let mut assigned = Vec::new();
        self.socket.dump("list addresses", &request, |message| {
            let (Some(&[_, prefix, _, scope]), Some(index)) =
                (message.body.first_chunk(), u32_at(message.body, 4))
            else {
                return;
            };
            let attributes = message.attributes(8);
            let value = attributes.find(ADDRESS_LOCAL).or_else(|| attributes.find(ADDRESS));
            let v4 = value.and_then(|value| <[u8; 4]>::try_from(value).ok()).map(IpAddr::from);
            let v6 = value.and_then(|value| <[u8; 16]>::try_from(value).ok()).map(IpAddr::from);
            if let Some(address) = v4.or(v6) {
                assigned.push(Assigned { index, address, prefix, scope });
            }
        })?;
        Ok(assigned)
    }

    /// Gives an interface an address with its prefix length.
    pub fn add_address(&mut self, index: u32, address: IpAddr, prefix: u8) -> Result<(), Fatal> {
        let flags = flags::ACK | flags::CREATE | flags::REPLACE;
        let what = alloc::format!("add address {address}/{prefix}");
        self.socket.request(&what, &address_message(NEW_ADDRESS, flags, index, address, prefix))
    }

    /// Takes an address from an interface.
    pub fn delete_address(&mut self, assigned: &Assigned) -> Result<(), Fatal> {
        let Assigned { index, address, prefix, .. } = *assigned;
        let what = alloc::format!("remove address {address}/{prefix}");
        self.socket
            .request(&what, &address_message(DELETE_ADDRESS, flags::ACK, index, address, prefix))
    }

    /// Adds a static route, or replaces the one to the same prefix.
    pub fn add_route(
        &mut self,
        destination: IpAddr,
        prefix: u8,
        via: IpAddr,
        index: u32,
    ) -> Result<(), Fatal> {
        let what = alloc::format!("add route to {destination}/{prefix} via {via}");
        self.socket.request(&what, &route_message(destination, prefix, via, index))
    }
}

fn address_message(kind: u16, flags: u16, index: u32, address: IpAddr, prefix: u8) -> Batch {
    let mut fixed = [family(address), prefix, NO_DAD, 0, 0, 0, 0, 0];
    fixed[4..8].copy_from_slice(&index.to_ne_bytes());
    Batch::one(kind, flags, &fixed, |a| {
        a.bytes(ADDRESS_LOCAL, &Octets::from(address));
        a.bytes(ADDRESS, &Octets::from(address));
    })
}

fn route_message(destination: IpAddr, prefix: u8, via: IpAddr, index: u32) -> Batch {
    // family, destination and source length, TOS, table, protocol, scope, type, flags
    let fixed =
        [family(destination), prefix, 0, 0, TABLE_MAIN, PROTOCOL_STATIC, 0, UNICAST, 0, 0, 0, 0];
    Batch::one(NEW_ROUTE, flags::ACK | flags::CREATE | flags::REPLACE, &fixed, |a| {
        if prefix > 0 {
            a.bytes(ROUTE_DESTINATION, &Octets::from(destination));
        }
        a.bytes(ROUTE_GATEWAY, &Octets::from(via));
        a.u32(ROUTE_INTERFACE, index);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_message_is_ip_route2s() {
        // strace of `ip addr replace 192.0.2.1/24 dev lo nodad`, without its broadcast attribute
        let batch = address_message(NEW_ADDRESS, flags::ACK, 1, "192.0.2.1".parse().unwrap(), 24);
        #[rustfmt::skip]
        assert_eq!(batch.as_bytes()[16..], [
            2, 24, 2, 0, 1, 0, 0, 0,
            8, 0, 2, 0, 192, 0, 2, 1,
            8, 0, 1, 0, 192, 0, 2, 1,
        ]);
    }

    #[test]
    fn a_default_route_has_no_destination() {
        let zero = "::".parse().unwrap();
        let batch = route_message(zero, 0, "2001:db8::1".parse().unwrap(), 2);
        #[rustfmt::skip]
        assert_eq!(batch.as_bytes()[16..], [
            10, 0, 0, 0, 254, 4, 0, 1, 0, 0, 0, 0,
            20, 0, 5, 0, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
            8, 0, 4, 0, 2, 0, 0, 0,
        ]);
        let batch =
            route_message("203.0.113.0".parse().unwrap(), 24, "192.0.2.2".parse().unwrap(), 2);
        assert_eq!(batch.as_bytes()[28..36], [8, 0, 1, 0, 203, 0, 113, 0]);
    }
}
