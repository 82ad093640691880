//! The page tables that the program runs on: identity mapping, least rights.
//!
//! Code can be executed and not written, constants only read, everything else not executed. Page
//! zero, the page below the stack and what is not memory are absent. Ring 0's stubs, their tables
//! and the page tables themselves are closed to ring 3. The first 2 MiB, where the image is, are
//! mapped by pages of 4 KiB, the rest by pages of 2 MiB.

use crate::boot::Image;
use crate::cpu;
use crate::memory::{PAGE, Range};

/// A table of 512 entries, one page.
pub(crate) type Table = [u64; 512];

const LARGE: usize = 512 * PAGE;
const GIB: usize = 512 * LARGE;

/// Where PCI devices and the local interrupt controller have their registers.
pub(crate) const DEVICES: Range = Range::new(0xc000_0000, 0x1_0000_0000);

const PRESENT: u64 = 1;
const WRITE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const UNCACHED: u64 = 1 << 3 | 1 << 4;
const LARGE_PAGE: u64 = 1 << 7;
const NO_EXECUTE: u64 = 1 << 63;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// What may be done with a page.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Rights(u64);

impl Rights {
    const CODE: Self = Self(PRESENT | USER);
    const CONSTANTS: Self = Self(PRESENT | USER | NO_EXECUTE);
    const VARIABLES: Self = Self(PRESENT | USER | WRITE | NO_EXECUTE);
    const REGISTERS: Self = Self(PRESENT | USER | WRITE | UNCACHED | NO_EXECUTE);
    const STUBS: Self = Self(PRESENT);
    const STUB_VARIABLES: Self = Self(PRESENT | WRITE | NO_EXECUTE);
}

/// Tables that are being built in a given piece of memory.
pub(crate) struct Tables<'a> {
    /// Unused tables, all zero.
    spare: &'a mut [Table],
    /// Address of `spare[0]`.
    base: usize,
    used: usize,
    /// Bits that this processor knows.
    known: u64,
}

/// The tables did not fit into the memory given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooFewTables;

/// How many tables are enough for `ram`: the root, one a 512 GiB, one a GiB, and some 4 KiB ones.
pub(crate) fn tables_needed(ram: &[Range]) -> usize {
    let top = ram.iter().map(|range| range.end()).max().unwrap_or(0);
    2 + top.max(DEVICES.end()).div_ceil(512 * GIB)
        + ram.iter().map(|range| gibs(*range)).sum::<usize>()
        + 1
        + 1
}

fn gibs(range: Range) -> usize {
    range.widened(GIB).size() / GIB
}

impl<'a> Tables<'a> {
    /// Starts with the root table; `base` is where `spare` lies, a page boundary.
    pub fn new(spare: &'a mut [Table], base: usize, no_execute: bool) -> Self {
        let known = if no_execute { u64::MAX } else { !NO_EXECUTE };
        Self { spare, base, used: 1, known }
    }

    /// Address of the root table.
    pub fn root(&self) -> usize {
        self.base
    }

    /// Maps everything: memory, devices, the image; the tables themselves are closed to ring 3.
    pub fn map(&mut self, image: &Image, ram: &[Range]) -> Result<(), TooFewTables> {
        self.large(DEVICES, Rights::REGISTERS)?;
        for range in ram {
            let start = range.start().max(LARGE);
            self.large(Range::new(start, range.end()), Rights::VARIABLES)?;
            let low = Range::new(range.start().max(PAGE), range.end().min(LARGE));
            self.small(low.widened(PAGE), Rights::VARIABLES)?;
        }
        let parts = [
            (image.start, image.text, Rights::STUBS),
            (image.text, image.rodata, Rights::CODE),
            (image.rodata, image.data, Rights::CONSTANTS),
            (image.data, image.supervisor, Rights::VARIABLES),
            (image.supervisor, image.clock, Rights::STUB_VARIABLES),
            (image.clock, image.guard, Rights::CONSTANTS),
            (image.guard, image.guard + PAGE, Rights(0)),
            (image.guard + PAGE, image.end, Rights::VARIABLES),
        ];
        for (start, end, rights) in parts {
            self.small(Range::new(start, end), rights)?;
        }
        let tables = Range::new(self.base, self.base + size_of_val(self.spare));
        self.small(tables, Rights::STUB_VARIABLES)
    }

    /// Maps by pages of 2 MiB all that `range` touches.
    fn large(&mut self, range: Range, rights: Rights) -> Result<(), TooFewTables> {
        let range = range.widened(LARGE);
        for address in (range.start()..range.end()).step_by(LARGE) {
            let directory = self.directory(address)?;
            self.spare[directory][address / LARGE % 512] =
                address as u64 | (rights.0 | LARGE_PAGE) & self.known;
        }
        Ok(())
    }

    /// Maps by pages of 4 KiB; what a large page mapped before keeps its rights around `range`.
    fn small(&mut self, range: Range, rights: Rights) -> Result<(), TooFewTables> {
        for address in (range.start()..range.end()).step_by(PAGE) {
            let directory = self.directory(address)?;
            let table = self.below(directory, address / LARGE % 512)?;
            let entry = if rights.0 == 0 { 0 } else { address as u64 | rights.0 & self.known };
            self.spare[table][address / PAGE % 512] = entry;
        }
        Ok(())
    }

    fn directory(&mut self, address: usize) -> Result<usize, TooFewTables> {
        let pointers = self.below(0, address / (512 * GIB) % 512)?;
        self.below(pointers, address / GIB % 512)
    }

    /// The table that an entry points to; made when absent, split when it is a large page.
    fn below(&mut self, table: usize, entry: usize) -> Result<usize, TooFewTables> {
        let old = self.spare[table][entry];
        if old & PRESENT != 0 && old & LARGE_PAGE == 0 {
            return Ok(((old & ADDRESS) as usize - self.base) / PAGE);
        }
        let new = self.used;
        if new >= self.spare.len() {
            return Err(TooFewTables);
        }
        self.used += 1;
        if old & PRESENT != 0 {
            for (i, slot) in self.spare[new].iter_mut().enumerate() {
                *slot = (old & !LARGE_PAGE) + (i * PAGE) as u64;
            }
        }
        self.spare[table][entry] = (self.base + new * PAGE) as u64 | PRESENT | WRITE | USER;
        Ok(new)
    }
}

/// Whether the processor knows the no-execute bit (CPUID 8000_0001h, EDX bit 20).
pub(crate) fn has_no_execute() -> bool {
    cpu::id(0x8000_0001, 0).edx & 1 << 20 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: usize = 0x16_0000;

    fn image() -> Image {
        Image {
            start: 0x10_0000,
            text: 0x10_1000,
            rodata: 0x11_0000,
            data: 0x11_8000,
            supervisor: 0x11_a000,
            clock: 0x12_0000,
            guard: 0x12_1000,
            end: 0x15_0000,
            idt: 0,
            tss: 0,
            protection: 0,
            interrupt: 0,
            spurious: 0,
            exceptions: 0,
            idle: 0,
            load_tables: 0,
        }
    }

    /// The entry that maps `address`, large or small, as the processor would find it.
    fn walk(spare: &[Table], address: usize) -> u64 {
        let mut table = 0;
        for shift in [39, 30, 21, 12] {
            let entry = spare[table][address >> shift & 511];
            if entry & PRESENT == 0 || entry & LARGE_PAGE != 0 || shift == 12 {
                return entry;
            }
            table = ((entry & ADDRESS) as usize - BASE) / PAGE;
        }
        unreachable!()
    }

    fn build(ram: &[Range]) -> Vec<Table> {
        let mut spare = vec![[0u64; 512]; tables_needed(ram)];
        let mut tables = Tables::new(&mut spare, BASE, true);
        tables.map(&image(), ram).unwrap();
        spare
    }

    #[test]
    fn each_part_of_the_image_has_its_rights() {
        let ram = [Range::new(0, 0x9_fc00), Range::new(0x10_0000, 0x80_0000)];
        let spare = build(&ram);
        for (address, rights) in [
            (0x10_0000, Rights::STUBS),
            (0x10_1000, Rights::CODE),
            (0x10_f000, Rights::CODE),
            (0x11_0000, Rights::CONSTANTS),
            (0x11_8000, Rights::VARIABLES),
            (0x11_a000, Rights::STUB_VARIABLES),
            (0x12_0000, Rights::CONSTANTS),
            (0x12_2000, Rights::VARIABLES),
            (0x1000, Rights::VARIABLES),
            (0x9_f000, Rights::VARIABLES),
            (BASE, Rights::STUB_VARIABLES),
            (0x1f_f000, Rights::VARIABLES),
        ] {
            assert_eq!(walk(&spare, address), address as u64 | rights.0, "{address:#x}");
        }
        for absent in [0, 0x12_1000, 0xa_0000, 0x80_0000, 0xbfff_f000] {
            assert_eq!(walk(&spare, absent) & PRESENT, 0, "{absent:#x}");
        }
        let memory = walk(&spare, 0x60_0000);
        assert_eq!(memory, 0x60_0000 | Rights::VARIABLES.0 | LARGE_PAGE);
        let device = walk(&spare, 0xfee0_0000);
        assert_eq!(device, 0xfee0_0000 | Rights::REGISTERS.0 | LARGE_PAGE);
    }

    #[test]
    fn memory_beyond_4_gib_is_mapped() {
        let ram = [Range::new(0x10_0000, 0xc000_0000), Range::new(1 << 32, (1 << 32) + (3 << 30))];
        let spare = build(&ram);
        assert_eq!(walk(&spare, (1 << 32) + (2 << 30)) & ADDRESS, (1 << 32) + (2 << 30));
        assert_eq!(walk(&spare, 2 << 30) & ADDRESS, 2 << 30);
    }

    #[test]
    fn too_little_room_is_an_error() {
        let mut spare = vec![[0u64; 512]; 3];
        let ram = [Range::new(0x10_0000, 0x80_0000)];
        let mut tables = Tables::new(&mut spare, BASE, true);
        assert_eq!(tables.map(&image(), &ram), Err(TooFewTables));
    }
}
