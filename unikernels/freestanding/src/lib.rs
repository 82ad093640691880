//! What a static program without a C library lacks: the `mem*` functions that the compiler calls,
//! and a heap for one thread. Unikernels and containers share it.
//!
//! Linking this crate is enough for the functions; a program declares the heap itself:
//!
//! ```ignore
//! #[global_allocator]
//! // SAFETY: this program has one thread.
//! static HEAP: freestanding::Heap = unsafe { freestanding::Heap::new() };
//! ```
#![cfg_attr(not(test), no_std)]
// Without this the compiler may recognise a loop below as memcpy and make it call itself.
#![no_builtins]

mod heap;
pub mod memory;

pub use heap::Heap;

/// Defines what the precompiled `alloc` names for unwinding, in a program that never unwinds.
///
/// For the binary itself, because a test on the host brings the real ones.
#[macro_export]
macro_rules! no_unwinding {
    () => {
        #[unsafe(no_mangle)]
        extern "C" fn _Unwind_Resume() -> ! {
            unreachable!("panics abort")
        }

        #[unsafe(no_mangle)]
        extern "C" fn rust_eh_personality() -> ! {
            unreachable!("panics abort")
        }
    };
}
