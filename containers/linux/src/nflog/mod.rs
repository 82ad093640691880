//! Dropped packets that the kernel's packet filter logs (nfnetlink_log), as events of the console.

mod dropped;

use alloc::vec::Vec;

use rustix::fd::{AsFd, BorrowedFd};
use rustix::net::netlink::NETFILTER;
use service_console::RateLimit;
use service_core::Instant;

pub use dropped::LoggedDrop;

use crate::Fatal;
use crate::netlink::Socket;
use crate::netlink::message::{Batch, Received, flags};
use crate::nft::ruleset::{LOG_GROUP, LOG_LENGTH, LOG_RATE};
use crate::nft::wire::generic;
use dropped::SUBSYSTEM;

const CONFIGURE: u16 = SUBSYSTEM | 1;
const CONFIGURE_COMMAND: u16 = 1;
const CONFIGURE_MODE: u16 = 2;
const CONFIGURE_THRESHOLD: u16 = 5;
const BIND: u8 = 1;
const COPY_PACKET: u8 = 2;

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
            if let Some(dropped) = LoggedDrop::parse(&message, interfaces)
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
