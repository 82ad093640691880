//! A device's registers, wherever they are: in memory, or behind ports as legacy devices have them.

use crate::mmio::{Register, Registers};
use crate::port;

/// A block of registers.
#[derive(Clone, Copy)]
pub(super) enum Bank {
    Memory(Registers),
    Ports(Ports),
}

/// Ports of a device that this crate placed among [`port::DEVICES`].
#[derive(Clone, Copy)]
pub(super) struct Ports {
    base: u16,
    size: u16,
}

impl Ports {
    /// The `size` ports at `base`; `None` unless they lie among devices.
    pub fn new(base: u16, size: u16) -> Option<Self> {
        let end = base.checked_add(size.checked_sub(1)?)?;
        (base >= port::DEVICES.0 && end <= port::DEVICES.1).then_some(Self { base, size })
    }

    fn port<T>(self, offset: usize) -> u16 {
        assert!(offset + size_of::<T>() <= usize::from(self.size), "port out of range");
        self.base + offset as u16
    }
}

/// A number that can be read from a port and written to one.
pub(super) trait Value: Register {
    /// # Safety
    /// As for [`port::read8`].
    unsafe fn read(port: u16) -> Self;
    /// # Safety
    /// As for [`port::write8`].
    unsafe fn write(port: u16, value: Self);
}

macro_rules! value {
    ($($kind:ty, $read:ident, $write:ident;)*) => {$(
        impl Value for $kind {
            unsafe fn read(port: u16) -> Self {
                // SAFETY: the caller's promise.
                unsafe { port::$read(port) }
            }
            unsafe fn write(port: u16, value: Self) {
                // SAFETY: the caller's promise.
                unsafe { port::$write(port, value) }
            }
        }
    )*};
}

value! {
    u8, read8, write8;
    u16, read16, write16;
    u32, read32, write32;
}

impl Bank {
    /// Reads the register at `offset` bytes.
    pub fn read<T: Value>(self, offset: usize) -> T {
        match self {
            Self::Memory(registers) => registers.read(offset),
            // SAFETY: the ports are a virtio device's, whose driver gives it only memory that the
            // device may use.
            Self::Ports(ports) => unsafe { T::read(ports.port::<T>(offset)) },
        }
    }

    /// Writes the register at `offset` bytes.
    pub fn write<T: Value>(self, offset: usize, value: T) {
        match self {
            Self::Memory(registers) => registers.write(offset, value),
            // SAFETY: as for `read`.
            Self::Ports(ports) => unsafe { T::write(ports.port::<T>(offset), value) },
        }
    }

    /// The registers from `offset` on.
    pub fn part(self, offset: usize, size: usize) -> Option<Self> {
        match self {
            Self::Memory(registers) => registers.part(offset, size).map(Self::Memory),
            Self::Ports(ports) => {
                let inside = offset.checked_add(size)? <= usize::from(ports.size);
                inside.then_some(())?;
                Ports::new(ports.base.checked_add(offset as u16)?, size as u16).map(Self::Ports)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_lie_among_devices_and_parts_within_their_whole() {
        let (first, last) = port::DEVICES;
        assert!(Ports::new(first, 64).is_some());
        assert!(Ports::new(first, 0).is_none());
        assert!(Ports::new(first - 1, 64).is_none());
        assert!(Ports::new(last, 2).is_none());
        assert!(Ports::new(u16::MAX, 2).is_none());
        let bank = Ports::new(first, 64).map(Bank::Ports).unwrap();
        assert!(bank.part(0x18, 64 - 0x18).is_some());
        assert!(bank.part(0x18, 64).is_none());
        assert!(bank.part(usize::MAX, 2).is_none());
    }
}
