//! What the packets of one flow have in common, in both directions.

use crate::packet::{Echo, Packet, Transport, bits};

/// A flow's addresses, ports and protocol, the lower end first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    low: u128,
    high: u128,
    ports: [u16; 2],
    protocol: u8,
}

/// Which end of a key sent a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    Low,
    High,
}

impl Key {
    /// No flow's key.
    pub(crate) const NONE: Self = Self { low: 0, high: 0, ports: [0; 2], protocol: 0 };

    /// The key of a packet and who sent it; `None` for what has no flow: fragments, and ICMP
    /// messages other than echoes.
    pub(crate) fn of(packet: &Packet) -> Option<(Self, Sender)> {
        let (source_port, destination_port) = match packet.transport {
            Transport::Tcp { source, destination, .. } | Transport::Udp { source, destination } => {
                (source, destination)
            }
            Transport::Icmp { .. } => return Self::of_echo(packet),
            Transport::Other => (0, 0),
            Transport::Fragment => return None,
        };
        let (source, destination) = (bits(packet.source), bits(packet.destination));
        let protocol = packet.protocol;
        Some(if (source, source_port) <= (destination, destination_port) {
            let ports = [source_port, destination_port];
            (Self { low: source, high: destination, ports, protocol }, Sender::Low)
        } else {
            let ports = [destination_port, source_port];
            (Self { low: destination, high: source, ports, protocol }, Sender::High)
        })
    }

    /// An echo's key says which end asks, so that the other's own requests are no answers.
    fn of_echo(packet: &Packet) -> Option<(Self, Sender)> {
        let Transport::Icmp { code, identifier, .. } = packet.transport else { return None };
        let replies = packet.echo()? == Echo::Reply;
        let (source, destination) = (bits(packet.source), bits(packet.destination));
        // Who asks itself is at both ends.
        let is_low = (source, replies) <= (destination, !replies);
        let sender = if is_low { Sender::Low } else { Sender::High };
        let ports = [identifier, u16::from(code) << 1 | u16::from(is_low != replies)];
        let (low, high) = (source.min(destination), source.max(destination));
        Some((Self { low, high, ports, protocol: packet.protocol }, sender))
    }

    pub(crate) fn protocol(&self) -> u8 {
        self.protocol
    }

    /// A hash that outsiders cannot aim at while they do not know `seed`.
    pub(crate) fn hash(&self, seed: u64) -> u64 {
        let ports = u64::from(self.ports[0]) << 16 | u64::from(self.ports[1]);
        let mut hash = fold(seed ^ ports << 8 ^ u64::from(self.protocol), 0x9e37_79b9_7f4a_7c15);
        for word in [self.low, self.high] {
            hash = fold(hash ^ (word >> 64) as u64, 0xd6e8_feb8_6659_fd93 ^ seed);
            hash = fold(hash ^ word as u64, 0xa076_1d64_78bd_642f ^ seed);
        }
        hash
    }
}

/// Both halves of a product, which depend on all bits of both factors.
fn fold(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    (product >> 64) as u64 ^ product as u64
}
