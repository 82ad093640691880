//! What is fed to the services.

use std::net::IpAddr;

use service_config::NodeConfig;
use service_core::Instant;
use service_route::{Forwarder, Frame, Ports};

/// The flags of a first segment.
pub const SYN: u8 = 2;
/// The flags of any later segment.
pub const ACK: u8 = 16;

/// A query for the address of a name.
pub fn query(labels: &[&str], edns: bool) -> Vec<u8> {
    let mut query = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(edns)];
    for label in labels {
        query.push(label.len() as u8);
        query.extend_from_slice(label.as_bytes());
    }
    query.extend_from_slice(&[0, 0, 1, 0, 1]);
    if edns {
        query.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    }
    query
}

/// An IPv4 packet of 64 bytes with a segment from the client to the web server.
pub fn tcp(source: u16, destination: u16, flags: u8) -> Vec<u8> {
    let mut packet = vec![0; 64];
    packet[..12].copy_from_slice(&[0x45, 0, 0, 64, 0, 0, 0x40, 0, 64, 6, 0, 0]);
    packet[12..20].copy_from_slice(&[192, 0, 2, 100, 203, 0, 113, 80]);
    packet[20..22].copy_from_slice(&source.to_be_bytes());
    packet[22..24].copy_from_slice(&destination.to_be_bytes());
    packet[32..34].copy_from_slice(&[0x50, flags]);
    finish(packet)
}

/// `packet`, a segment, with these sequence and acknowledgement numbers.
pub fn numbered(mut packet: Vec<u8>, sequence: u32, acknowledged: u32) -> Vec<u8> {
    packet[24..28].copy_from_slice(&sequence.to_be_bytes());
    packet[28..32].copy_from_slice(&acknowledged.to_be_bytes());
    packet
}

/// `packet`, a segment, as if the other end had sent it.
pub fn back(mut packet: Vec<u8>) -> Vec<u8> {
    packet[12..20].rotate_left(4);
    packet[20..24].rotate_left(2);
    packet
}

/// A segment from the client to some other destination.
pub fn to(destination: [u8; 4]) -> Vec<u8> {
    let mut packet = tcp(1, 80, SYN);
    packet[16..20].copy_from_slice(&destination);
    packet[10..12].fill(0);
    finish(packet)
}

/// Writes the checksum of the header, which has none yet.
fn finish(mut packet: Vec<u8>) -> Vec<u8> {
    let words = packet[..20].chunks(2).map(|word| u32::from(word[0]) << 8 | u32::from(word[1]));
    let sum: u32 = words.sum();
    let checksum = !((sum >> 16) + (sum & 0xffff)) as u16;
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
    packet
}

/// A frame with `packet` to a port of the node.
pub fn frame(config: &NodeConfig, port: usize, packet: &[u8]) -> Vec<u8> {
    let mut frame = config.interfaces[port].mac.octets().to_vec();
    frame.extend_from_slice(&[2, 0, 0, 0, 9, 9, 8, 0]);
    frame.extend_from_slice(packet);
    frame
}

/// A frame in memory.
pub struct Buffer(pub Vec<u8>);

impl Frame for Buffer {
    fn head(&self) -> &[u8] {
        &self.0
    }

    fn head_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// Ports that give every frame back.
#[derive(Default)]
pub struct Pool {
    /// How many frames were sent.
    pub sent: u64,
    /// The last frame that was sent or discarded.
    pub back: Option<Buffer>,
}

impl Pool {
    /// Makes the neighbours that the static routes go through, and the web server, known.
    pub fn introduce(
        &mut self,
        config: &NodeConfig,
        forwarder: &mut Forwarder<Buffer>,
        now: Instant,
    ) {
        let gateways = config.routes.iter().filter_map(|route| match route.via {
            IpAddr::V4(via) => Some((config.interface(&route.interface)?, via)),
            IpAddr::V6(_) => None,
        });
        let web = config.interface("servers").map(|port| (port, [203, 0, 113, 80].into()));
        for (port, neighbour) in gateways.chain(web) {
            let interface = &config.interfaces[port];
            let own = interface.addresses.iter().find_map(|own| match own.address() {
                IpAddr::V4(address) => Some(address),
                IpAddr::V6(_) => None,
            });
            let own = own.expect("an IPv4 address");
            let mut frame = vec![0xff; 6];
            frame.extend_from_slice(&[2, 0, 0, 0, 9, 9, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
            frame.extend_from_slice(&[2, 0, 0, 0, 9, 9]);
            frame.extend_from_slice(&neighbour.octets());
            frame.extend_from_slice(&[0; 6]);
            frame.extend_from_slice(&own.octets());
            forwarder.receive(now, port, Buffer(frame), self);
        }
    }
}

impl Ports for Pool {
    type Frame = Buffer;

    fn allocate(&mut self, length: usize) -> Option<Buffer> {
        Some(Buffer(vec![0; length]))
    }

    fn send(&mut self, _: usize, frame: Buffer) {
        self.sent += 1;
        self.back = Some(frame);
    }

    fn discard(&mut self, frame: Buffer) {
        self.back = Some(frame);
    }
}
