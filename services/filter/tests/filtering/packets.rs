//! Packets, written by smoltcp.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use service_config::NodeConfig;
use service_core::Counters;
use service_filter::Filter;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    IpAddress, IpProtocol, IpRepr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber, UdpPacket, UdpRepr,
};

pub const SYN: u8 = 2;
pub const ACK: u8 = 16;
pub const SYN_ACK: u8 = SYN | ACK;
pub const FIN_ACK: u8 = 1 | ACK;
pub const RST: u8 = 4;

pub const OUTSIDE: usize = 0;
pub const TRANSIT: usize = 1;

/// The firewall of the proof of concept.
pub fn firewall() -> NodeConfig {
    let document = include_bytes!("../../../config/tests/documents/firewall.json");
    NodeConfig::parse(document).expect("valid")
}

pub fn filter() -> Filter {
    let config = firewall();
    let policy = config.filter.expect("a policy");
    Filter::new(&policy, &config.interfaces, 42).expect("fits")
}

pub fn counter(filter: &Filter, name: &str) -> u64 {
    let mut found = None;
    filter.visit(&mut |counter, value| {
        if counter.to_string() == name {
            found = Some(value);
        }
    });
    found.unwrap_or_else(|| panic!("no counter {name}"))
}

pub fn ip(source: IpAddr, destination: IpAddr, protocol: IpProtocol, payload: &[u8]) -> Vec<u8> {
    let (source, destination): (IpAddress, IpAddress) = (source.into(), destination.into());
    let repr = IpRepr::new(source, destination, protocol, payload.len(), 64);
    let mut packet = vec![0; repr.header_len()];
    repr.emit(&mut packet[..], &ChecksumCapabilities::default());
    packet.extend_from_slice(payload);
    packet
}

pub fn v4(text: &str) -> IpAddr {
    text.parse::<Ipv4Addr>().expect("an IPv4 address").into()
}

pub fn v6(text: &str) -> IpAddr {
    text.parse::<Ipv6Addr>().expect("an IPv6 address").into()
}

/// A segment from and to an address and port.
pub fn tcp(source: (IpAddr, u16), destination: (IpAddr, u16), flags: u8) -> Vec<u8> {
    let repr = TcpRepr {
        src_port: source.1,
        dst_port: destination.1,
        control: TcpControl::None,
        seq_number: TcpSeqNumber(1),
        ack_number: None,
        window_len: 1000,
        window_scale: None,
        max_seg_size: None,
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &[],
    };
    let mut payload = vec![0; repr.buffer_len()];
    let (from, to) = (source.0.into(), destination.0.into());
    let mut packet = TcpPacket::new_unchecked(&mut payload[..]);
    repr.emit(&mut packet, &from, &to, &ChecksumCapabilities::default());
    payload[13] = flags;
    ip(source.0, destination.0, IpProtocol::Tcp, &payload)
}

pub fn udp(source: (IpAddr, u16), destination: (IpAddr, u16)) -> Vec<u8> {
    let repr = UdpRepr { src_port: source.1, dst_port: destination.1 };
    let mut payload = vec![0; 8 + 20];
    let (from, to) = (source.0.into(), destination.0.into());
    let mut packet = UdpPacket::new_unchecked(&mut payload[..]);
    repr.emit(&mut packet, &from, &to, 20, |_| {}, &ChecksumCapabilities::default());
    ip(source.0, destination.0, IpProtocol::Udp, &payload)
}

/// A message of this type and identifier, or one that quotes a packet.
pub fn icmp(source: IpAddr, destination: IpAddr, kind: u8, rest: u16, quote: &[u8]) -> Vec<u8> {
    let protocol = if source.is_ipv4() { IpProtocol::Icmp } else { IpProtocol::Icmpv6 };
    let mut payload = vec![kind, 0, 0, 0];
    payload.extend_from_slice(&rest.to_be_bytes());
    payload.extend_from_slice(&[0, 0]);
    payload.extend_from_slice(quote);
    ip(source, destination, protocol, &payload)
}
