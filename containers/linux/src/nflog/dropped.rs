//! A dropped packet as the kernel's log has it (`linux/netfilter/nfnetlink_log.h`).

use alloc::string::String;

use service_config::NodeConfig;
use service_console::{Dropped, Event, Protocol};
use service_filter::Packet;

use crate::netlink::message::Received;

/// The subsystem of netfilter's netlink that logs packets.
pub(super) const SUBSYSTEM: u16 = 4 << 8;
const PACKET: u16 = SUBSYSTEM;
const INCOMING: u16 = 4;
const PAYLOAD: u16 = 9;
const PREFIX: u16 = 10;

/// A packet that a rule dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedDrop {
    rule: String,
    /// The index of the interface in the configuration.
    interface: usize,
    packet: Packet,
}

impl LoggedDrop {
    /// Reads a message of the log; `interfaces` are those of the configuration by their kernel
    /// numbers. `None` for any other message, and for what is no packet.
    #[must_use]
    pub fn parse(message: &Received<'_>, interfaces: &[u32]) -> Option<Self> {
        if message.kind != PACKET {
            return None;
        }
        let attributes = message.attributes(4);
        let index = u32::from_be_bytes(attributes.find(INCOMING)?.try_into().ok()?);
        let interface = interfaces.iter().position(|own| *own == index)?;
        let prefix = attributes.find(PREFIX)?;
        let rule =
            String::from_utf8_lossy(prefix.strip_suffix(b"\0").unwrap_or(prefix)).into_owned();
        // Only the beginning of the packet is logged, so its length is not known here.
        let packet = Packet::parse(attributes.find(PAYLOAD)?, usize::MAX).ok()?;
        Some(Self { rule, interface, packet })
    }

    /// The event, with the names of `config`.
    #[must_use]
    pub fn event<'a>(&'a self, config: &'a NodeConfig) -> Event<'a> {
        let interface =
            config.interfaces.get(self.interface).map_or("", |interface| &interface.name);
        let Packet { source, destination, protocol, .. } = self.packet;
        let protocol = Protocol::of(protocol);
        let drop = Dropped {
            rule: &self.rule,
            interface,
            protocol,
            source,
            destination,
            port: self.packet.port(),
        };
        Event::Drop { node: &config.node, drop }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::message::{Batch, messages};

    #[test]
    fn a_logged_echo_request_is_told_with_its_rule() {
        let mut echo = [0u8; 28];
        echo[0] = 0x45;
        echo[3] = 28;
        (echo[8], echo[9]) = (64, 1);
        echo[12..20].copy_from_slice(&[192, 0, 2, 100, 203, 0, 113, 80]);
        echo[20] = 8;
        let batch = Batch::one(PACKET, 0, &[2, 0, 0, 1], |a| {
            a.bytes(PAYLOAD, &echo);
            a.be32(INCOMING, 7);
            a.string(PREFIX, "no-echo");
        });
        let message = messages(batch.as_bytes()).next().unwrap();
        let dropped = LoggedDrop::parse(&message, &[3, 7]).unwrap();
        assert_eq!((dropped.rule.as_str(), dropped.interface), ("no-echo", 1));
        assert_eq!((dropped.packet.protocol, dropped.packet.port()), (1, Some(8)));
        assert!(LoggedDrop::parse(&message, &[3]).is_none());
    }
}
