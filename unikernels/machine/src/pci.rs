//! PCI: finding functions, their capabilities and their registers.
//!
//! Every access to configuration space is two exits to the hypervisor, so as few as possible are
//! made: a search goes no further than its caller asks.

use crate::memory::Range;
use crate::mmio::Registers;
use crate::paging::DEVICES;
use crate::port;

/// Address of a function: bus, device, function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Function(u16);

impl Function {
    pub const fn new(bus: u8, device: u8, function: u8) -> Self {
        Self((bus as u16) << 8 | (device as u16 & 31) << 3 | function as u16 & 7)
    }
}

impl core::fmt::Display for Function {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:02x}:{:02x}.{}", self.0 >> 8, self.0 >> 3 & 31, self.0 & 7)
    }
}

/// Configuration space, four bytes at a time.
pub(crate) trait ConfigSpace {
    fn read(&mut self, function: Function, offset: u8) -> u32;
    fn write(&mut self, function: Function, offset: u8, value: u32);
}

/// Configuration space by ports CF8 and CFC.
pub(crate) struct Ports;

impl Ports {
    fn select(function: Function, offset: u8) {
        let address = 1 << 31 | u32::from(function.0) << 8 | u32::from(offset & 0xfc);
        // SAFETY: selects what the next access of the data port means, nothing else.
        unsafe { port::write32(0xcf8, address) }
    }
}

impl ConfigSpace for Ports {
    fn read(&mut self, function: Function, offset: u8) -> u32 {
        Self::select(function, offset);
        // SAFETY: reading configuration space has no effect on memory.
        unsafe { port::read32(0xcfc) }
    }

    fn write(&mut self, function: Function, offset: u8, value: u32) {
        Self::select(function, offset);
        // SAFETY: this crate's drivers write base addresses inside `DEVICES` and switches; bus
        // mastering is switched on only for a device whose queues the driver owns.
        unsafe { port::write32(0xcfc, value) }
    }
}

const HEADER: u8 = 0x0c;
const BASE_ADDRESSES: u8 = 0x10;
const BUSES: u8 = 0x18;
const CAPABILITIES: u8 = 0x34;
/// Of a base address register: it is of ports.
const IN_PORTS: u32 = 1;

/// A walk over the functions of all buses, those behind bridges by the numbers that firmware gave them.
pub(crate) struct Search {
    buses: [u8; Self::MOST_BUSES],
    known: usize,
    /// The bus that is looked at, by its place in the list.
    bus: usize,
    device: u8,
    /// The function that is looked at next, and how many the device has.
    number: u8,
    functions: u8,
    /// The function found last, of which nothing but the identity was read.
    last: Option<Function>,
}

impl Search {
    const MOST_BUSES: usize = 16;

    pub const fn new() -> Self {
        Self {
            buses: [0; Self::MOST_BUSES],
            known: 1,
            bus: 0,
            device: 0,
            number: 0,
            functions: 1,
            last: None,
        }
    }

    /// The next function and its identity (device, vendor).
    pub fn next<S: ConfigSpace>(&mut self, space: &mut S) -> Option<(Function, u32)> {
        if let Some(last) = self.last.take() {
            self.look_behind(space, last);
        }
        while self.bus < self.known {
            if self.number == self.functions {
                (self.number, self.functions) = (0, 1);
                self.device += 1;
            }
            if self.device == 32 {
                self.device = 0;
                self.bus += 1;
                continue;
            }
            let function = Function::new(self.buses[self.bus], self.device, self.number);
            self.number += 1;
            let identity = space.read(function, 0);
            if identity != u32::MAX && identity != 0 {
                self.last = Some(function);
                return Some((function, identity));
            }
        }
        None
    }

    /// Notes what else there is to look at because of a function: others of its device, a bus.
    fn look_behind<S: ConfigSpace>(&mut self, space: &mut S, function: Function) {
        let kind = space.read(function, HEADER) >> 16;
        if self.number == 1 && kind & 0x80 != 0 {
            self.functions = 8;
        }
        if kind & 0x7f == 1 {
            let behind = (space.read(function, BUSES) >> 8) as u8;
            let known = &self.buses[..self.known];
            if behind > known[self.bus] && self.known < Self::MOST_BUSES && !known.contains(&behind)
            {
                self.buses[self.known] = behind;
                self.known += 1;
            }
        }
    }
}

/// A capability: its identity, where it is, and its first four bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Capability {
    pub id: u8,
    pub offset: u8,
    pub head: u32,
}

/// Calls `each` with the capabilities of a function; a list that loops ends.
pub(crate) fn capabilities<S: ConfigSpace>(
    space: &mut S,
    function: Function,
    mut each: impl FnMut(&mut S, Capability),
) {
    let mut offset = (space.read(function, CAPABILITIES) & 0xfc) as u8;
    for _ in 0..48 {
        if offset < 0x40 {
            return;
        }
        let head = space.read(function, offset);
        let id = head as u8;
        each(space, Capability { id, offset, head });
        offset = (head >> 8 & 0xfc) as u8;
    }
}

/// Hands out addresses for registers that firmware gave none.
pub(crate) struct Window {
    next: u32,
    end: u32,
    next_port: u16,
}

/// A base address register that cannot be used, by its number.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnusableBar(pub u8);

impl Window {
    /// Above all memory of a PC below 4 GiB, below the interrupt controllers.
    pub const fn new() -> Self {
        Self { next: 0xe000_0000, end: 0xfe00_0000, next_port: port::DEVICES.0 }
    }

    /// Ports of base address register `bar`, and how many: always new ones, since ring 3 may use no
    /// others than those in [`port::DEVICES`].
    pub fn ports<S: ConfigSpace>(
        &mut self,
        space: &mut S,
        function: Function,
        bar: u8,
    ) -> Result<(u16, u16), UnusableBar> {
        let offset = BASE_ADDRESSES + 4 * bar;
        space.write(function, offset, u32::MAX);
        let told = space.read(function, offset);
        // Of 32 bits the upper half may not exist.
        let size = (!(told & !3) as u16).wrapping_add(1);
        let taken = (told & IN_PORTS != 0 && size.is_power_of_two())
            .then(|| self.next_port.checked_next_multiple_of(size))
            .flatten()
            .filter(|start| {
                port::DEVICES.1.checked_sub(size - 1).is_some_and(|last| *start <= last)
            })
            .ok_or(UnusableBar(bar))?;
        self.next_port = taken + size;
        space.write(function, offset, u32::from(taken));
        Ok((taken, size))
    }

    /// Address of base address register `bar`; given one when firmware did not or put it above
    /// 4 GiB.
    pub fn address<S: ConfigSpace>(
        &mut self,
        space: &mut S,
        function: Function,
        bar: u8,
    ) -> Result<usize, UnusableBar> {
        const KIND: u32 = 6;
        const KIND_64: u32 = 4;
        if bar > 5 {
            return Err(UnusableBar(bar));
        }
        let offset = BASE_ADDRESSES + 4 * bar;
        let low = space.read(function, offset);
        if low & IN_PORTS != 0 {
            return Err(UnusableBar(bar));
        }
        let wide = low & KIND == KIND_64;
        if wide && bar == 5 {
            return Err(UnusableBar(bar));
        }
        let high = if wide { space.read(function, offset + 4) } else { 0 };
        if low & !0xf != 0 && high == 0 {
            return Ok((low & !0xf) as usize);
        }
        space.write(function, offset, u32::MAX);
        let size = (!(space.read(function, offset) & !0xf)).wrapping_add(1);
        let taken = (size.is_power_of_two())
            .then(|| self.next.checked_next_multiple_of(size.max(4096)))
            .flatten()
            .filter(|start| self.end.checked_sub(size).is_some_and(|last| *start <= last))
            .ok_or(UnusableBar(bar))?;
        self.next = taken + size;
        space.write(function, offset, taken);
        if wide {
            space.write(function, offset + 4, 0);
        }
        Ok(taken as usize)
    }
}

/// Registers of `size` bytes at `offset` behind an address; `None` unless they lie among devices.
pub(crate) fn registers(address: usize, offset: usize, size: usize) -> Option<Registers> {
    let start = address.checked_add(offset)?;
    let range = Range::new(start, start.checked_add(size)?);
    // SAFETY: `DEVICES` is mapped as registers; memory that reaches into it is not given to a device
    // by firmware, and `Window` starts above it.
    DEVICES.contains(range).then(|| unsafe { Registers::new(start, size) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// Configuration space of made-up functions, with a size for each base address register.
    #[derive(Default)]
    struct Fake {
        words: HashMap<(u16, u8), u32>,
        sizes: HashMap<(u16, u8), u32>,
        reads: usize,
    }

    impl ConfigSpace for Fake {
        fn read(&mut self, function: Function, offset: u8) -> u32 {
            self.reads += 1;
            let absent = if offset == 0 { u32::MAX } else { 0 };
            self.words.get(&(function.0, offset)).copied().unwrap_or(absent)
        }

        fn write(&mut self, function: Function, offset: u8, value: u32) {
            let Some(word) = self.words.get_mut(&(function.0, offset)) else { return };
            let mask = self.sizes.get(&(function.0, offset)).map_or(u32::MAX, |size| !(size - 1));
            *word = value & mask | *word & 0xf;
        }
    }

    #[test]
    fn the_search_looks_behind_bridges_and_at_all_functions() {
        let mut fake = Fake::default();
        let bridge = Function::new(0, 2, 0);
        let multi = Function::new(0, 1, 0);
        let third = Function::new(0, 1, 3);
        let behind = Function::new(5, 31, 0);
        for function in [multi, third, bridge, behind] {
            fake.words.insert((function.0, 0), 0x1041_1af4);
        }
        fake.words.insert((multi.0, HEADER), 0x80 << 16);
        fake.words.insert((bridge.0, HEADER), 1 << 16);
        fake.words.insert((bridge.0, BUSES), 5 << 8);
        let mut search = Search::new();
        let seen: Vec<_> =
            core::iter::from_fn(|| search.next(&mut fake)).map(|(function, _)| function).collect();
        assert_eq!(seen, [multi, third, bridge, behind]);
        assert_eq!(search.next(&mut fake), None);
        fake.reads = 0;
        assert!(Search::new().next(&mut fake).is_some());
        assert_eq!(fake.reads, 2, "it goes no further than asked");
    }

    #[test]
    fn a_capability_list_that_loops_ends() {
        let mut fake = Fake::default();
        let function = Function::new(0, 3, 0);
        fake.words.insert((function.0, CAPABILITIES), 0x40);
        fake.words.insert((function.0, 0x40), 0x5009);
        fake.words.insert((function.0, 0x50), 0x4011);
        let mut seen = Vec::new();
        capabilities(&mut fake, function, |_, capability| seen.push(capability.id));
        assert_eq!(seen.len(), 48);
        assert_eq!(seen[..3], [9, 0x11, 9]);
    }

    #[test]
    fn a_base_address_is_kept_or_given() {
        let mut fake = Fake::default();
        let function = Function::new(0, 3, 0);
        let mut window = Window::new();
        for (bar, low, high, size) in
            [(0, 0xfebc_0000, 0, 4096), (1, 0, 0, 4096), (4, 0xc, 0x70, 16384)]
        {
            let offset = BASE_ADDRESSES + 4 * bar;
            fake.words.insert((function.0, offset), low);
            fake.words.insert((function.0, offset + 4), high);
            fake.sizes.insert((function.0, offset), size);
        }
        fake.words.insert((function.0, BASE_ADDRESSES + 8), 0xc001);
        assert_eq!(window.address(&mut fake, function, 1), Ok(0xe000_0000));
        assert_eq!(window.address(&mut fake, function, 4), Ok(0xe000_4000));
        assert_eq!(fake.words[&(function.0, BASE_ADDRESSES + 20)], 0);
        assert_eq!(window.address(&mut fake, function, 2), Err(UnusableBar(2)));
        assert_eq!(window.address(&mut fake, function, 6), Err(UnusableBar(6)));
        assert_eq!(window.address(&mut fake, function, 3), Err(UnusableBar(3)), "no size");
    }

    #[test]
    fn ports_are_always_given() {
        let mut fake = Fake::default();
        let mut window = Window::new();
        let bar = BASE_ADDRESSES;
        for device in 1..=9 {
            let function = Function::new(0, device, 0);
            // What firmware chose is none of the ports that ring 3 may use.
            fake.words.insert((function.0, bar), 0xc041);
            fake.sizes.insert((function.0, bar), 128);
            let given = window.ports(&mut fake, function, 0);
            let expected = 0xe000 + 128 * (u16::from(device) - 1);
            assert_eq!(given, if device < 9 { Ok((expected, 128)) } else { Err(UnusableBar(0)) });
        }
        let function = Function::new(0, 1, 0);
        assert_eq!(fake.words[&(function.0, bar)] & !3, 0xe000);
        fake.words.insert((function.0, bar), 0xfebc_0000);
        assert_eq!(Window::new().ports(&mut fake, function, 0), Err(UnusableBar(0)), "memory");
    }

    #[test]
    fn registers_lie_among_devices() {
        assert!(registers(0xfebc_0000, 0x1000, 0x38).is_some());
        assert!(registers(0x10_0000, 0, 4).is_none());
        assert!(registers(usize::MAX, 1, 4).is_none());
        assert!(registers(0xffff_f000, 0, 0x2000).is_none());
    }
}
