//! From the kernel's first jump to a service's `run` function.

use core::fmt::Write as _;
use core::panic::PanicInfo;

use freestanding::Heap;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};

use crate::fatal::{self, Fatal};

/// The heap's address space; pages come from the domain's memory only when they are touched.
const HEAP: usize = 64 << 20;

/// Makes a program of `run`, a `fn() -> Result<(), Fatal>`: entry point, heap, panic handler.
///
/// `run` returns `Ok` when it was asked to stop (exit code 0); an error is the node's last line (exit code 1).
#[macro_export]
macro_rules! init {
    ($run:path) => {
        #[global_allocator]
        // SAFETY: this program has one thread and no signal handler.
        static HEAP: $crate::Heap = unsafe { $crate::Heap::new() };

        // The kernel starts a program with the argument count at the top of an aligned stack.
        core::arch::global_asm!(
            ".globl _start",
            "_start:",
            "xor ebp, ebp",
            "mov rdi, rsp",
            "and rsp, -16",
            "call {enter}",
            "ud2",
            enter = sym enter,
        );

        /// Called once, by `_start`.
        unsafe extern "C" fn enter(stack: *mut usize) -> ! {
            // SAFETY: `stack` is the stack pointer that the kernel gave, and nothing has run before.
            unsafe { $crate::start::enter(stack, &HEAP, $run) }
        }

        $crate::freestanding::no_unwinding!();

        #[panic_handler]
        fn panic(information: &core::panic::PanicInfo<'_>) -> ! {
            $crate::start::panicked(information)
        }
    };
}

/// Prepares rustix and the heap, runs the node, exits.
///
/// # Safety
/// `stack` is the initial stack pointer of this process, and this is the first call of any function here.
pub unsafe fn enter(stack: *mut usize, heap: &'static Heap, run: fn() -> Result<(), Fatal>) -> ! {
    // SAFETY: at the top of the initial stack lie argc, argc pointers and a null; the environment follows.
    unsafe {
        let arguments = stack.read();
        rustix::param::init(stack.add(1 + arguments + 1).cast());
    }
    fatal::exit(start(heap, run))
}

fn start(heap: &'static Heap, run: fn() -> Result<(), Fatal>) -> Result<(), Fatal> {
    // SAFETY: a fresh anonymous mapping at an address that the kernel chooses, which nothing else knows.
    let base = unsafe {
        mmap_anonymous(
            core::ptr::null_mut(),
            HEAP,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::PRIVATE,
        )
    }
    .map_err(|error| Fatal::system("no memory for the heap", error))?;
    // SAFETY: the mapping is readable, writable and now the heap's for good.
    if !unsafe { heap.claim(base.cast(), HEAP) } {
        return Err(Fatal::new("the heap refuses its memory"));
    }
    run()
}

/// Says where and why the program panicked, and ends it.
pub fn panicked(information: &PanicInfo<'_>) -> ! {
    // A heap that is exhausted may be why: the text is made in a fixed buffer.
    let mut text = fatal::Text::new();
    // Writing to `Text` cuts what does not fit and never fails.
    let _ = write!(text, "{information}");
    fatal::exit_with(text.as_str())
}
