//! From the first instruction in ring 3 to a machine that programs can use.

use alloc::vec::Vec;
use core::arch::asm;
use core::slice;

use freestanding::Heap;

use crate::boot::{BOOT_PAGES, Image, MemoryEntry, ModuleEntry, StartInfo};
use crate::clock;
use crate::console::{self, Console};
use crate::fatal;
use crate::interrupts;
use crate::life;
use crate::memory::{PAGE, Range, Ranges};
use crate::paging::{self, Table, Tables};
use crate::virtio::{self, Devices, Disk, Mac, Nic, Purpose};

/// The machine a program runs on.
pub struct Machine {
    module: &'static [u8],
    heap: &'static Heap,
    devices: Devices,
}

/// What the hypervisor said.
struct Described {
    ram: Ranges,
    module: Range,
}

impl Machine {
    /// Takes the machine over: exceptions, page tables, heap, console, clock, timer.
    ///
    /// # Safety
    /// To be called once, first thing, by the boot stub's code in ring 3, with what the hypervisor
    /// gave as start information and the addresses of the running image.
    #[doc(hidden)]
    #[must_use]
    pub unsafe fn start(start_info: usize, image: Image, heap: &'static Heap) -> Self {
        // SAFETY: the tables are writable until `load_tables`, and this is called once.
        unsafe { interrupts::fill_tables(&image) };
        // The run before may have ended within a line, which would swallow this one's first.
        Console.write(b"\n");
        // SAFETY: the caller's promise about the start information.
        let described = unsafe { read(start_info) };
        let picture = Range::new(image.start, image.end);
        let taken = [Range::new(0, PAGE), life::PLACE, picture, described.module];
        // SAFETY: the first page tables map it, and it is left out of what is free.
        let silent = unsafe { life::begin() };
        let mut free = described.ram.without(&taken);
        // SAFETY: `free` is memory that nobody uses; the start information lies in it perhaps, but
        // has been read.
        free = unsafe { load_tables(&image, &described.ram, &free) };
        for range in free.as_slice() {
            // SAFETY: RAM by the memory map, mapped, apart from image, module and page tables.
            // A range too small to be of use is left alone.
            let _ = unsafe { heap.claim(range.start() as *mut u8, range.size()) };
        }
        let mut devices = Devices::new();
        console::find(&mut devices);
        if silent {
            fatal::say(format_args!(
                "the life before ended without a word: a triple fault, or a reset from outside"
            ));
        }
        // SAFETY: the page is mapped for reading and is written by the hypervisor only; the
        // controller's registers are mapped by the new tables.
        unsafe {
            clock::start(image.clock as *const clock::PvClock);
            interrupts::start(&image);
        }
        let module = match described.module {
            module if module.size() == 0 => &[],
            // SAFETY: the module is mapped memory that was cut out of the heap: nobody writes it.
            module => unsafe { slice::from_raw_parts(module.start() as *const u8, module.size()) },
        };
        Self { module, heap, devices }
    }

    /// The first boot module, empty when there is none.
    #[must_use]
    pub fn module(&self) -> &'static [u8] {
        self.module
    }

    /// The heap, to see how much of it is left.
    #[must_use]
    pub fn heap(&self) -> &'static Heap {
        self.heap
    }

    /// Starts the network interfaces with these hardware addresses, in this order. Ends the program
    /// when one is missing. To be called once.
    #[must_use]
    pub fn open_nics(&mut self, addresses: &[Mac], purpose: Purpose) -> Vec<Nic> {
        virtio::open_all(&mut self.devices, addresses, purpose, self.heap.free())
    }

    /// Starts a disk of the machine, one that was not started yet. Ends the program when there is
    /// none.
    #[must_use]
    pub fn open_disk(&mut self) -> Disk {
        Disk::open(&mut self.devices)
    }
}

/// Reads the start information, which lies below what the first page tables map.
///
/// # Safety
/// `address` must be what the hypervisor passed at the PVH entry point.
unsafe fn read(address: usize) -> Described {
    // Firmware may put it into the first page, which stays mapped until the tables are loaded.
    let mapped = Range::new(0, BOOT_PAGES << 21);
    let readable = |start: u64, size: usize| {
        Range::sized(start, size as u64)
            .is_some_and(|range| range.start() != 0 && mapped.contains(range))
    };
    if !readable(address as u64, size_of::<StartInfo>()) {
        fatal::die(format_args!("start information at {address:#x} is out of reach"));
    }
    // SAFETY: mapped, and the hypervisor's by the caller's promise; no alignment is assumed.
    let info = unsafe { (address as *const StartInfo).read_unaligned() };
    if info.magic != StartInfo::MAGIC || info.version < 1 || info.memory_map_entries == 0 {
        fatal::die(format_args!("booted by something else than PVH with a memory map"));
    }
    let entries = (info.memory_map_entries as usize).min(Ranges::MOST);
    if !readable(info.memory_map, entries * size_of::<MemoryEntry>()) {
        fatal::die(format_args!("memory map at {:#x} is out of reach", info.memory_map));
    }
    let mut ram = Ranges::new();
    for i in 0..entries {
        // SAFETY: as above.
        let entry = unsafe { (info.memory_map as *const MemoryEntry).add(i).read_unaligned() };
        if let (MemoryEntry::RAM, Some(range)) =
            (entry.kind, Range::sized(entry.address, entry.size))
        {
            ram.push(range);
        }
    }
    let mut module = Range::new(0, 0);
    if info.module_count > 0 {
        if !readable(info.modules, size_of::<ModuleEntry>()) {
            fatal::die(format_args!("module list at {:#x} is out of reach", info.modules));
        }
        // SAFETY: as above.
        let entry = unsafe { (info.modules as *const ModuleEntry).read_unaligned() };
        match Range::sized(entry.address, entry.size) {
            Some(range) if ram.as_slice().iter().any(|part| part.contains(range)) => module = range,
            _ => fatal::die(format_args!(
                "boot module at {:#x} with {} bytes is not in memory",
                entry.address, entry.size
            )),
        }
    }
    Described { ram, module }
}

/// Builds the page tables in free memory and loads them; returns what is free after that.
///
/// # Safety
/// `free` must be memory that nobody uses; to be called once.
unsafe fn load_tables(image: &Image, ram: &Ranges, free: &Ranges) -> Ranges {
    let count = paging::tables_needed(ram.as_slice());
    let size = count * PAGE;
    let reach = Range::new(image.end, BOOT_PAGES << 21);
    let place = free
        .as_slice()
        .iter()
        .map(|range| Range::new(range.start().max(reach.start()), range.end().min(reach.end())))
        .find(|range| range.size() >= size);
    let Some(place) = place else {
        fatal::die(format_args!("no room for {count} page tables"));
    };
    let place = Range::new(place.start(), place.start() + size);
    // SAFETY: free, page-aligned, mapped by the first page tables, and nobody else's.
    let spare = unsafe {
        let first = place.start() as *mut Table;
        first.cast::<u8>().write_bytes(0, size);
        slice::from_raw_parts_mut(first, count)
    };
    let mut tables = Tables::new(spare, place.start(), paging::has_no_execute());
    if tables.map(image, ram.as_slice()).is_err() {
        fatal::die(format_args!("{count} page tables are too few"));
    }
    let root = tables.root();
    // SAFETY: the stub loads the tables; they map the running code, its stack and all that is in use
    // where it was.
    unsafe { asm!("call {}", in(reg) image.load_tables, in("rax") root) }
    free.without(&[place])
}
