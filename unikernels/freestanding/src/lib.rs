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
