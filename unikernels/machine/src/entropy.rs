//! Random numbers for ports and sequence numbers.

use core::arch::asm;

use crate::cpu;

const HAS_RDRAND: u32 = 1 << 30;
const HAS_RDSEED: u32 = 1 << 18;

/// 64 bits that a stranger cannot guess: the processor's generator where it has one, mixed with the
/// jitter of the time stamp counter, which alone must do where it has none.
#[must_use]
pub fn random_seed() -> u64 {
    let mut state = 0x9e37_79b9_7f4a_7c15;
    for round in 0..64 {
        // `cpuid` leaves the guest: how long that takes depends on all that the host does.
        let leaf = cpu::id(1, 0);
        state = mix(state ^ cpu::ticks() ^ u64::from(leaf.ecx) << 32 ^ round);
    }
    if cpu::id(0, 0).eax >= 7 && cpu::id(7, 0).ebx & HAS_RDSEED != 0 {
        state = mix(state ^ rdseed().unwrap_or(0));
    }
    if cpu::id(1, 0).ecx & HAS_RDRAND != 0 {
        state = mix(state ^ rdrand().unwrap_or(0));
    }
    state
}

/// The finaliser of SplitMix64: each bit of the result depends on each of the argument.
fn mix(mut value: u64) -> u64 {
    value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

fn rdrand() -> Option<u64> {
    retry(|| {
        let (value, ok): (u64, u8);
        // SAFETY: the caller has checked that the instruction exists; it touches no memory.
        unsafe {
            asm!("rdrand {}", "setc {}", out(reg) value, out(reg_byte) ok, options(nomem, nostack))
        }
        (ok != 0).then_some(value)
    })
}

fn rdseed() -> Option<u64> {
    retry(|| {
        let (value, ok): (u64, u8);
        // SAFETY: as for `rdrand`.
        unsafe {
            asm!("rdseed {}", "setc {}", out(reg) value, out(reg_byte) ok, options(nomem, nostack))
        }
        (ok != 0).then_some(value)
    })
}

/// The generators may be empty for a moment; ten tries are Intel's advice.
fn retry(generator: impl Fn() -> Option<u64>) -> Option<u64> {
    (0..10).find_map(|_| generator())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_differ() {
        let seeds: std::collections::HashSet<u64> = (0..100).map(|_| random_seed()).collect();
        assert_eq!(seeds.len(), 100);
    }
}
