//! A virtio device on PCI (VIRTIO 1.2, 4.1): modern registers, and legacy ones (4.1.4.10) where a
//! device has no others.

use core::fmt;

use super::queue::{Notify, Queue};
use super::registers::{Bank, Ports};
use crate::interrupts::{self, VIRTIO};
use crate::mmio::Registers;
use crate::pci::{self, ConfigSpace, Function, UnusableBar, Window};

/// Why a device cannot be driven.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// It has no MSI-X.
    NoMessages,
    /// A register block lies outside the device's memory.
    Registers,
    /// It has not the features that the driver needs, or refuses them.
    Features,
    /// It refuses a queue or its interrupt, or there is no memory for it.
    Queue,
    /// It does not leave reset.
    Reset,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoMessages => "has no MSI-X",
            Self::Registers => "has registers out of range",
            Self::Features => "refuses features",
            Self::Queue => "refuses a queue",
            Self::Reset => "does not reset",
        })
    }
}

impl From<UnusableBar> for Unusable {
    fn from(_: UnusableBar) -> Self {
        Self::Registers
    }
}

/// Offsets in the common configuration.
mod common {
    pub const DEVICE_FEATURES_PAGE: usize = 0x00;
    pub const DEVICE_FEATURES: usize = 0x04;
    pub const DRIVER_FEATURES_PAGE: usize = 0x08;
    pub const DRIVER_FEATURES: usize = 0x0c;
    pub const QUEUE_ENABLE: usize = 0x1c;
    pub const QUEUE_NOTIFY_OFFSET: usize = 0x1e;
    pub const QUEUE_DESCRIPTORS: usize = 0x20;
    pub const QUEUE_AVAILABLE: usize = 0x28;
    pub const QUEUE_USED: usize = 0x30;
    pub const SIZE: usize = 0x38;
}

/// Offsets in the legacy header; what is specific to the device's kind follows the vectors.
mod legacy {
    pub const DEVICE_FEATURES: usize = 0x00;
    pub const DRIVER_FEATURES: usize = 0x04;
    pub const QUEUE_PAGE: usize = 0x08;
    pub const QUEUE_NOTIFY: usize = 0x10;
    pub const SIZE: usize = 0x18;
}

/// Where the registers are that both generations have.
struct Offsets {
    config_vector: usize,
    status: usize,
    queue_select: usize,
    queue_size: usize,
    queue_vector: usize,
}

const MODERN: Offsets = Offsets {
    config_vector: 0x10,
    status: 0x14,
    queue_select: 0x16,
    queue_size: 0x18,
    queue_vector: 0x1a,
};
const LEGACY: Offsets = Offsets {
    config_vector: 0x14,
    status: 0x12,
    queue_select: 0x0e,
    queue_size: 0x0c,
    queue_vector: 0x16,
};

/// `VIRTIO_F_VERSION_1`: a modern device speaks to no driver without it, a legacy one has none.
const VERSION_1: u64 = 1 << 32;

const ACKNOWLEDGE: u8 = 1;
const DRIVER: u8 = 2;
const DRIVER_OK: u8 = 4;
const FEATURES_OK: u8 = 8;

const NO_VECTOR: u16 = 0xffff;

/// Where a register block is, as its capability says.
#[derive(Clone, Copy)]
struct Block {
    bar: u8,
    offset: usize,
    length: usize,
    multiplier: usize,
}

/// How the device is told of queues, which differs between the generations.
enum Doorbell {
    Modern { registers: Registers, multiplier: usize },
    Legacy,
}

pub(super) struct Transport {
    common: Bank,
    at: &'static Offsets,
    doorbell: Doorbell,
    /// The registers that the device's kind defines.
    pub device: Bank,
}

impl Transport {
    /// Finds a function's registers, switches its memory, bus mastering and messages on, and resets
    /// the device.
    pub fn open<S: ConfigSpace>(
        space: &mut S,
        window: &mut Window,
        function: Function,
    ) -> Result<Self, Unusable> {
        const VENDOR: u8 = 9;
        const MESSAGES: u8 = 0x11;
        const COMMON: u8 = 1;
        const NOTIFY: u8 = 2;
        const DEVICE: u8 = 4;
        let mut blocks: [Option<Block>; 5] = [None; 5];
        let mut messages = None;
        pci::capabilities(space, function, |space, capability| match capability.id {
            VENDOR => {
                let kind = (capability.head >> 24) as u8;
                if matches!(kind, COMMON | NOTIFY | DEVICE) && blocks[usize::from(kind)].is_none() {
                    let at = capability.offset;
                    let multiplier = if kind == NOTIFY {
                        space.read(function, at.saturating_add(16))
                    } else {
                        0
                    };
                    blocks[usize::from(kind)] = Some(Block {
                        bar: space.read(function, at.saturating_add(4)) as u8,
                        offset: space.read(function, at.saturating_add(8)) as usize,
                        length: space.read(function, at.saturating_add(12)) as usize,
                        multiplier: multiplier as usize,
                    });
                }
            }
            MESSAGES => messages = Some(capability.offset),
            _ => {}
        });
        let Some(messages) = messages else {
            return Err(Unusable::NoMessages);
        };
        let modern = matches!(blocks, [_, Some(_), Some(_), _, Some(_)]);
        let ports = if modern { None } else { Some(window.ports(space, function, 0)?) };
        let mut known = [None; 6];
        let mut address = |space: &mut S, bar: u8| -> Result<usize, Unusable> {
            let slot = known.get_mut(usize::from(bar)).ok_or(Unusable::Registers)?;
            match *slot {
                Some(address) => Ok(address),
                None => Ok(*slot.insert(window.address(space, function, bar)?)),
            }
        };
        let mut block = |space: &mut S, block: Block| -> Result<Registers, Unusable> {
            pci::registers(address(space, block.bar)?, block.offset, block.length)
                .ok_or(Unusable::Registers)
        };
        let transport = if let [_, Some(common), Some(notify), _, Some(device)] = blocks {
            let common = block(space, common)?.part(0, common::SIZE).ok_or(Unusable::Registers)?;
            Self {
                common: Bank::Memory(common),
                at: &MODERN,
                doorbell: Doorbell::Modern {
                    registers: block(space, notify)?,
                    multiplier: notify.multiplier,
                },
                device: Bank::Memory(block(space, device)?),
            }
        } else {
            let (base, size) = ports.ok_or(Unusable::Registers)?;
            let all = Ports::new(base, size).map(Bank::Ports).ok_or(Unusable::Registers)?;
            let rest = usize::from(size).saturating_sub(legacy::SIZE);
            Self {
                common: all,
                at: &LEGACY,
                doorbell: Doorbell::Legacy,
                device: all.part(legacy::SIZE, rest).ok_or(Unusable::Registers)?,
            }
        };
        let table = space.read(function, messages.saturating_add(4));
        let table = Block {
            bar: (table & 7) as u8,
            offset: (table & !7) as usize,
            length: 16,
            multiplier: 0,
        };
        let table = block(space, table)?;
        const PORTS_MEMORY_MASTER_NO_INTX: u32 = 0x407;
        const COMMAND: u8 = 4;
        const ENABLE_MESSAGES: u32 = 1 << 31;
        space.write(function, COMMAND, PORTS_MEMORY_MASTER_NO_INTX);
        space.write(function, messages, ENABLE_MESSAGES);
        table.write(0, interrupts::CONTROLLER as u32);
        table.write(4, 0u32);
        table.write(8, VIRTIO);
        table.write(12, 0u32);
        transport.reset()?;
        Ok(transport)
    }

    fn status(&self) -> u8 {
        self.common.read(self.at.status)
    }

    fn add_status(&self, bits: u8) {
        self.common.write(self.at.status, self.status() | bits);
    }

    fn reset(&self) -> Result<(), Unusable> {
        self.common.write(self.at.status, 0u8);
        if !(0..1_000_000).any(|_| self.status() == 0) {
            return Err(Unusable::Reset);
        }
        self.add_status(ACKNOWLEDGE);
        self.add_status(DRIVER);
        Ok(())
    }

    /// Whether the device has legacy registers only.
    pub fn is_legacy(&self) -> bool {
        matches!(self.doorbell, Doorbell::Legacy)
    }

    /// The features that the device offers, but that of its generation.
    pub fn offered(&self) -> u64 {
        if self.is_legacy() {
            return u64::from(self.common.read::<u32>(legacy::DEVICE_FEATURES));
        }
        let page = |page: u32| {
            self.common.write(common::DEVICE_FEATURES_PAGE, page);
            u64::from(self.common.read::<u32>(common::DEVICE_FEATURES))
        };
        (page(0) | page(1) << 32) & !VERSION_1
    }

    /// Settles on some of the features offered.
    pub fn accept(&self, features: u64) -> Result<(), Unusable> {
        if self.is_legacy() {
            self.common.write(legacy::DRIVER_FEATURES, features as u32);
        } else {
            for page in 0..2u32 {
                let part = ((features | VERSION_1) >> (32 * page)) as u32;
                self.common.write(common::DRIVER_FEATURES_PAGE, page);
                self.common.write(common::DRIVER_FEATURES, part);
            }
            self.add_status(FEATURES_OK);
            if self.status() & FEATURES_OK == 0 {
                return Err(Unusable::Features);
            }
        }
        self.common.write(self.at.config_vector, NO_VECTOR);
        Ok(())
    }

    /// Makes queue `index`; its interrupt is message 0. It has at most `most` entries, unless the
    /// device is a legacy one, which decides alone.
    pub fn queue(&self, index: u16, most: u16) -> Result<(Queue, Notify, u16), Unusable> {
        let common = self.common;
        common.write(self.at.queue_select, index);
        let offered = common.read::<u16>(self.at.queue_size);
        let (size, alignment) = match self.doorbell {
            Doorbell::Modern { .. } => (offered.min(most), Queue::ALIGNMENT),
            Doorbell::Legacy => (offered, Queue::LEGACY_ALIGNMENT),
        };
        if !size.is_power_of_two() {
            return Err(Unusable::Queue);
        }
        let queue = Queue::new(size, alignment).ok_or(Unusable::Queue)?;
        let addresses = queue.addresses();
        common.write(self.at.queue_vector, 0u16);
        if common.read::<u16>(self.at.queue_vector) == NO_VECTOR {
            return Err(Unusable::Queue);
        }
        let register = match self.doorbell {
            Doorbell::Modern { registers, multiplier } => {
                common.write(self.at.queue_size, size);
                for (offset, address) in [
                    (common::QUEUE_DESCRIPTORS, addresses.descriptors),
                    (common::QUEUE_AVAILABLE, addresses.available),
                    (common::QUEUE_USED, addresses.used),
                ] {
                    common.write(offset, address as u32);
                    common.write(offset + 4, (address >> 32) as u32);
                }
                let offset = usize::from(common.read::<u16>(common::QUEUE_NOTIFY_OFFSET));
                let register = registers.part(offset * multiplier, 2);
                common.write(common::QUEUE_ENABLE, 1u16);
                register.map(Bank::Memory)
            }
            Doorbell::Legacy => {
                // The other two parts follow, where the alignment puts them.
                let page = addresses.descriptors / Queue::LEGACY_ALIGNMENT as u64;
                common.write(legacy::QUEUE_PAGE, page as u32);
                common.part(legacy::QUEUE_NOTIFY, 2)
            }
        };
        let notify = Notify { register: register.ok_or(Unusable::Registers)?, value: index };
        Ok((queue, notify, size))
    }

    /// Lets the device run.
    pub fn run(&self) {
        self.add_status(DRIVER_OK);
    }
}
