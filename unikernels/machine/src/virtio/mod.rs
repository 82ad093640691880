//! Virtio devices.

mod blk;
mod console;
mod net;
mod queue;
mod registers;
mod transport;

use alloc::vec::Vec;

pub use blk::{Disk, ReadError};
pub(crate) use console::Port;
pub(crate) use net::open_all;
pub use net::{Mac, Nic, Purpose};
pub(crate) use queue::Misbehaved;

use crate::pci::{Function, Ports, Search, Window};
use transport::{Transport, Unusable};

/// The vendor of every virtio device, in the lower half of its identity.
const VENDOR: u32 = 0x1af4;

/// The identities of devices of one kind, modern and transitional (VIRTIO 1.2, 4.1.2).
type Kind = [u32; 2];
const NET: Kind = [0x1041, 0x1000];
const BLOCK: Kind = [0x1042, 0x1001];
const CONSOLE: Kind = [0x1043, 0x1003];

/// The machine's virtio devices, looked for as they are asked for.
pub(crate) struct Devices {
    search: Search,
    /// Devices that nobody has asked for yet.
    passed: Vec<(Function, u32)>,
    window: Window,
}

impl Devices {
    /// None was looked for yet. To be made once: it hands out addresses.
    pub fn new() -> Self {
        Self { search: Search::new(), passed: Vec::new(), window: Window::new() }
    }

    /// Starts the next device of a kind, if there is one more.
    fn next(&mut self, kind: Kind) -> Option<(Function, Result<Transport, Unusable>)> {
        let function = self.find(kind)?;
        Some((function, Transport::open(&mut Ports, &mut self.window, function)))
    }

    fn find(&mut self, kind: Kind) -> Option<Function> {
        if let Some(place) = self.passed.iter().position(|(_, device)| kind.contains(device)) {
            return Some(self.passed.remove(place).0);
        }
        loop {
            let (function, identity) = self.search.next(&mut Ports)?;
            if identity & 0xffff == VENDOR {
                let device = identity >> 16;
                if kind.contains(&device) {
                    return Some(function);
                }
                self.passed.push((function, device));
            }
        }
    }
}
