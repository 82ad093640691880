//! Instructions of the processor that Rust has no word for.

use core::arch::x86_64::{__cpuid_count, _rdtsc, CpuidResult};

/// What `cpuid` says about `leaf` and `subleaf`.
pub(crate) fn id(leaf: u32, subleaf: u32) -> CpuidResult {
    // `__cpuid_count` became a safe function in a later Rust than the oldest supported.
    #[allow(unused_unsafe)]
    // SAFETY: every x86-64 processor has `cpuid`; it reads and changes no memory.
    unsafe {
        __cpuid_count(leaf, subleaf)
    }
}

/// Ticks of the time stamp counter.
pub(crate) fn ticks() -> u64 {
    // SAFETY: every x86-64 processor has `rdtsc`, and nothing forbids it in ring 3 here.
    unsafe { _rdtsc() }
}
