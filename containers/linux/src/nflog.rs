//! Dropped packets that the kernel's packet filter logs (nfnetlink_log), as events of the console.

use alloc::string::String;
use alloc::vec::Vec;

use rustix::fd::{AsFd, BorrowedFd};
use rustix::net::netlink::NETFILTER;
use service_config::NodeConfig;
use service_console::{Dropped, Event, Protocol, RateLimit};
use service_core::Instant;
use service_filter::Packet;

use crate::Fatal;
use crate::netlink::Socket;
use crate::netlink::message::{Batch, Received, flags};
use crate::nft::ruleset::{LOG_GROUP, LOG_LENGTH, LOG_RATE};
use crate::nft::wire::generic;

const SUBSYSTEM: u16 = 4 << 8;
const PACKET: u16 = SUBSYSTEM;
const CONFIGURE: u16 = SUBSYSTEM | 1;
const CONFIGURE_COMMAND: u16 = 1;
const CONFIGURE_MODE: u16 = 2;
const CONFIGURE_THRESHOLD: u16 = 5;
const BIND: u8 = 1;
const COPY_PACKET: u8 = 2;
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

/// The kernel's log of dropped packets.
pub struct DropLog {
    socket: Socket,
    /// The interfaces' kernel numbers, in the order of the configuration.
    interfaces: Vec<u32>,
    limit: RateLimit,
}

impl DropLog {
    /// Subscribes to the log group.
    pub fn open(interfaces: &[u32]) -> Result<Self, Fatal> {
        let mut socket = Socket::open(Some(NETFILTER))?;
        let group = generic(0, LOG_GROUP);
        let bind =
            Batch::one(CONFIGURE, flags::ACK, &group, |a| a.bytes(CONFIGURE_COMMAND, &[BIND]));
        socket.request("subscribe to dropped packets", &bind)?;
        let [a, b, c, d] = LOG_LENGTH.to_be_bytes();
        let shape = Batch::one(CONFIGURE, flags::ACK, &group, |attributes| {
            attributes.bytes(CONFIGURE_MODE, &[a, b, c, d, COPY_PACKET, 0]);
            attributes.be32(CONFIGURE_THRESHOLD, 1);
        });
        socket.request("subscribe to dropped packets", &shape)?;
        let (rate, burst) = LOG_RATE;
        Ok(Self {
            socket,
            interfaces: interfaces.into(),
            limit: RateLimit::new(rate as u32, burst),
        })
    }

    /// Hands what was logged since to `each`, no more often than a node may report drops.
    pub fn take(&mut self, now: Instant, mut each: impl FnMut(&LoggedDrop)) -> Result<(), Fatal> {
        let Self { socket, interfaces, limit } = self;
        let mut read = |message: Received<'_>| {
            if let Some(dropped) = parse(&message, interfaces)
                && limit.allow(now)
            {
                each(&dropped);
            }
        };
        while socket.poll(&mut read).map_err(|error| Fatal::system("dropped packets", error))? {}
        Ok(())
    }
}

impl AsFd for DropLog {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn parse(message: &Received<'_>, interfaces: &[u32]) -> Option<LoggedDrop> {
    if message.kind != PACKET {
        return None;
    }
    let attributes = message.attributes(4);
    let index = u32::from_be_bytes(attributes.find(INCOMING)?.try_into().ok()?);
    let interface = interfaces.iter().position(|own| *own == index)?;
    let prefix = attributes.find(PREFIX)?;
    let rule = String::from_utf8_lossy(prefix.strip_suffix(b"\0").unwrap_or(prefix)).into_owned();
    // Only the beginning of the packet is logged, so its length is not known here.
    let packet = Packet::parse(attributes.find(PAYLOAD)?, usize::MAX).ok()?;
    Some(LoggedDrop { rule, interface, packet })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::message::messages;

    #[test]
    fn a_logged_echo_request_is_told_with_its_rule() {
        let mut echo = [0u8; 28];
        echo[0] = 0x45;
        echo[3] = 28;
        (echo[8], echo[9]) = (64, 1);
        echo[12..20].copy_from_slice(&[192, 0, 2, 100, 203, 0, 113, 80]);
        echo[20] = 8;
        let batch = Batch::one(PACKET, 0, &generic(2, LOG_GROUP), |a| {
            a.bytes(PAYLOAD, &echo);
            a.be32(INCOMING, 7);
            a.string(PREFIX, "no-echo");
        });
        let message = messages(batch.as_bytes()).next().unwrap();
        let dropped = parse(&message, &[3, 7]).unwrap();
        assert_eq!((dropped.rule.as_str(), dropped.interface), ("no-echo", 1));
        assert_eq!((dropped.packet.protocol, dropped.packet.port()), (1, Some(8)));
        assert!(parse(&message, &[3]).is_none());
    }
}
