//! The virtual machine under a unikernel.
//!
//! A program defines a function that never returns and names it to [`entry!`]; it is called in
//! ring 3, on a stack with a guard page, with a heap, a clock and a console. The machine gives it
//! its boot module (the configuration) and, when asked, its network interfaces.
//!
//! All `unsafe` of the unikernels is here (and in `freestanding`); what this crate exports is safe.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

#[doc(hidden)]
pub mod boot;
mod clock;
mod console;
mod cpu;
mod entropy;
mod fatal;
mod frame;
#[doc(hidden)]
pub mod interrupts;
mod life;
mod memory;
mod mmio;
mod paging;
mod pci;
mod port;
mod power;
mod single;
mod start;
mod virtio;

#[doc(hidden)]
pub use freestanding;

pub use clock::now;
pub use console::{Console, answered, asked};
pub use entropy::random_seed;
pub use fatal::{die, panic, power_off, set_node};
pub use frame::{Frame, Offload, free_buffers};
pub use interrupts::idle;
pub use start::Machine;
pub use virtio::{Disk, Mac, Nic, Purpose, ReadError};

/// Makes `$main`, a `fn(Machine) -> !`, the program that the machine runs.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        $crate::boot_assembly!();
        $crate::freestanding::no_unwinding!();

        #[global_allocator]
        // SAFETY: a unikernel has one thread, and its interrupt stubs allocate nothing.
        static HEAP: $crate::freestanding::Heap = unsafe { $crate::freestanding::Heap::new() };

        #[panic_handler]
        fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
            $crate::panic(info)
        }

        #[unsafe(no_mangle)]
        extern "C" fn unikernel_main(start_info: usize) -> ! {
            let main: fn($crate::Machine) -> ! = $main;
            // SAFETY: the boot stub calls this once, with the address that the hypervisor gave it,
            // on the machine as it is described there; the image is this program's own.
            let machine = unsafe { $crate::Machine::start(start_info, $crate::image!(), &HEAP) };
            main(machine)
        }
    };
}

/// Where the parts of the running image are.
#[doc(hidden)]
#[macro_export]
macro_rules! image {
    () => {{
        unsafe extern "C" {
            static __image_start: u8;
            static __text_start: u8;
            static __rodata_start: u8;
            static __data_start: u8;
            static __supervisor_start: u8;
            static __supervisor_end: u8;
            static __stack_guard: u8;
            static __image_end: u8;
            static idt: u8;
            static tss: u8;
            static stub_protection: u8;
            static stub_interrupt: u8;
            static stub_spurious: u8;
            static stub_exceptions: u8;
            static ring3_idle: u8;
            static ring3_load_tables: u8;
        }
        $crate::boot::Image {
            start: (&raw const __image_start) as usize,
            text: (&raw const __text_start) as usize,
            rodata: (&raw const __rodata_start) as usize,
            data: (&raw const __data_start) as usize,
            supervisor: (&raw const __supervisor_start) as usize,
            clock: (&raw const __supervisor_end) as usize,
            guard: (&raw const __stack_guard) as usize,
            end: (&raw const __image_end) as usize,
            idt: (&raw const idt) as usize,
            tss: (&raw const tss) as usize,
            protection: (&raw const stub_protection) as usize,
            interrupt: (&raw const stub_interrupt) as usize,
            spurious: (&raw const stub_spurious) as usize,
            exceptions: (&raw const stub_exceptions) as usize,
            idle: (&raw const ring3_idle) as usize,
            load_tables: (&raw const ring3_load_tables) as usize,
        }
    }};
}
