//! What holds of every frame that leaves a forwarder, whatever came in.

use std::collections::HashMap;
use std::net::IpAddr;

use service_config::{Mac, NodeConfig};
use smoltcp::wire::{ArpPacket, EthernetFrame, EthernetProtocol, Ipv4Packet, Ipv6Packet};

const ETHERNET: usize = 14;

/// What went in, by all that does not change on the way: the ports it came in by and its TTLs.
#[derive(Default)]
pub struct Arrived(HashMap<Vec<u8>, Vec<(usize, u8)>>);

/// Who a node is.
pub struct Identity {
    macs: Vec<Mac>,
    addresses: Vec<IpAddr>,
}

impl Identity {
    pub fn new(config: &NodeConfig) -> Self {
        let own = |one: &service_config::Interface| one.addresses.clone();
        Self {
            macs: config.interfaces.iter().map(|interface| interface.mac).collect(),
            addresses: config.interfaces.iter().flat_map(own).map(|own| own.address()).collect(),
        }
    }

    fn is_own(&self, address: IpAddr) -> bool {
        let silent = match address {
            IpAddr::V4(_) => false,
            IpAddr::V6(v6) => v6.is_unspecified() || v6.is_unicast_link_local(),
        };
        silent || self.addresses.contains(&address)
    }
}

impl Arrived {
    pub fn note(&mut self, port: usize, frame: &[u8]) {
        if let Some((unchanged, hops)) = split(frame) {
            self.0.entry(unchanged).or_default().push((port, hops));
        }
    }

    /// Holds a frame that left by `port` against all that arrived; the ports that it may have
    /// come in by, none if it is the node's own.
    pub fn check(&self, identity: &Identity, port: usize, frame: &[u8]) -> Vec<usize> {
        let ethernet = EthernetFrame::new_checked(frame).expect("a whole header");
        assert_eq!(ethernet.src_addr().0, identity.macs[port].octets(), "the port's own address");
        let (source, destination) = match ethernet.ethertype() {
            EthernetProtocol::Arp => {
                ArpPacket::new_checked(ethernet.payload()).expect("whole");
                return Vec::new();
            }
            EthernetProtocol::Ipv4 => {
                let packet = Ipv4Packet::new_checked(ethernet.payload()).expect("right lengths");
                assert!(packet.verify_checksum(), "a wrong header checksum");
                (packet.src_addr().into(), packet.dst_addr().into())
            }
            EthernetProtocol::Ipv6 => {
                let packet = Ipv6Packet::new_checked(ethernet.payload()).expect("right lengths");
                (packet.src_addr().into(), packet.dst_addr().into())
            }
            other => panic!("nobody sends {other}"),
        };
        if identity.is_own(source) {
            return Vec::new();
        }
        assert!(is_routable(source) && is_routable(destination), "{source} to {destination}");
        let (unchanged, hops) = split(frame).expect("it is IP");
        let origins = self.0.get(&unchanged).expect("somebody sent it");
        let one_more = origins.iter().filter(|(_, before)| *before > 1 && hops == before - 1);
        let ports: Vec<usize> = one_more.map(|(port, _)| *port).collect();
        assert!(hops > 0 && !ports.is_empty(), "{hops} hops left, of {origins:?}");
        ports
    }
}

/// A frame's packet without what forwarding changes, and its TTL or hop limit.
fn split(frame: &[u8]) -> Option<(Vec<u8>, u8)> {
    let mut packet = frame.get(ETHERNET..)?.to_vec();
    match frame[12..ETHERNET] {
        [0x08, 0x00] if packet.len() >= 20 => {
            packet[10..12].fill(0);
            let hops = std::mem::take(&mut packet[8]);
            Some((packet, hops))
        }
        [0x86, 0xdd] if packet.len() >= 40 => {
            let hops = std::mem::take(&mut packet[7]);
            Some((packet, hops))
        }
        _ => None,
    }
}

/// What no router forwards from or to: RFC 1812 section 5.3.7, RFC 4291 sections 2.5 to 2.7.
fn is_routable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let reserved = v4.octets()[0] >= 240;
            let here = v4.octets()[0] == 0 || v4.is_loopback() || v4.is_link_local();
            !(here || reserved || v4.is_multicast())
        }
        IpAddr::V6(v6) => {
            let here = v6.is_unspecified() || v6.is_loopback() || v6.is_unicast_link_local();
            !(here || v6.is_multicast())
        }
    }
}
