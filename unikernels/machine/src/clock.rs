//! The clock: microseconds since the program started.
//!
//! Under KVM the hypervisor keeps a page that turns time stamp counter ticks into nanoseconds.
//! Elsewhere the counter is measured once against the interval timer, whose rate is fixed.

use core::ptr::read_volatile;
use core::sync::atomic::{Ordering, fence};

use crate::cpu;
use crate::port;
use crate::single::Single;

/// KVM's `pvclock_vcpu_time_info`.
#[repr(C)]
pub(crate) struct PvClock {
    /// Odd while the hypervisor writes.
    version: u32,
    pad: u32,
    tsc: u64,
    system_time: u64,
    multiplier: u32,
    shift: i8,
    flags: u8,
}

#[derive(Clone, Copy)]
enum Source {
    /// The page that KVM keeps.
    Paravirtual(*const PvClock),
    /// Nanoseconds a tick, times 2³².
    Counter { multiplier: u64 },
}

#[derive(Clone, Copy)]
struct Clock {
    source: Source,
    /// Reading at which the clock is zero, in nanoseconds.
    zero: u64,
}

static CLOCK: Single<Option<Clock>> = Single::new(None);

/// Starts the clock at zero.
///
/// # Safety
/// `page` must be null or an address where a [`PvClock`] can be read for ever; KVM may write it.
pub(crate) unsafe fn start(page: *const PvClock) {
    // SAFETY: the caller's.
    let paravirtual =
        !page.is_null() && unsafe { read_volatile(&raw const (*page).multiplier) } != 0;
    let source = if paravirtual {
        Source::Paravirtual(page)
    } else {
        Source::Counter { multiplier: multiplier(tick_rate()) }
    };
    let mut clock = Clock { source, zero: 0 };
    clock.zero = clock.read();
    CLOCK.set(Some(clock));
}

/// Whether the hypervisor is KVM and keeps the clock.
pub(crate) fn is_paravirtual() -> bool {
    matches!(CLOCK.get(), Some(Clock { source: Source::Paravirtual(_), .. }))
}

/// Nanoseconds since the program started.
pub(crate) fn nanoseconds() -> u64 {
    CLOCK.get().map_or(0, |clock| clock.read().saturating_sub(clock.zero))
}

/// Microseconds since the program started.
#[must_use]
pub fn now() -> u64 {
    nanoseconds() / 1000
}

impl Clock {
    fn read(&self) -> u64 {
        match self.source {
            Source::Counter { multiplier } => scale(cpu::ticks(), multiplier),
            // SAFETY: `start`'s caller promised that the page can be read.
            Source::Paravirtual(page) => unsafe { read_page(page) },
        }
    }
}

unsafe fn read_page(page: *const PvClock) -> u64 {
    loop {
        // SAFETY: the caller says that the page can be read; volatile, because KVM writes it.
        let (version, time, again) = unsafe {
            let version = read_volatile(&raw const (*page).version);
            fence(Ordering::Acquire);
            let time = paravirtual_time(
                cpu::ticks(),
                read_volatile(&raw const (*page).tsc),
                read_volatile(&raw const (*page).system_time),
                read_volatile(&raw const (*page).multiplier),
                read_volatile(&raw const (*page).shift),
            );
            fence(Ordering::Acquire);
            (version, time, read_volatile(&raw const (*page).version))
        };
        if version & 1 == 0 && version == again {
            return time;
        }
    }
}

/// Nanoseconds by KVM's rule: the ticks since `tsc`, shifted, times a 32-bit fraction.
fn paravirtual_time(ticks: u64, tsc: u64, system_time: u64, multiplier: u32, shift: i8) -> u64 {
    let delta = ticks.saturating_sub(tsc);
    let delta = if shift >= 0 { delta << shift } else { delta >> -shift };
    system_time.wrapping_add(scale(delta, u64::from(multiplier)))
}

/// `value` times the fraction `multiplier` / 2³².
fn scale(value: u64, multiplier: u64) -> u64 {
    ((u128::from(value) * u128::from(multiplier)) >> 32) as u64
}

/// The fraction that turns ticks of `rate` Hz into nanoseconds.
fn multiplier(rate: u64) -> u64 {
    ((1_000_000_000u128 << 32) / u128::from(rate.max(1))) as u64
}

/// Ticks of the interval timer a second.
const TIMER_RATE: u64 = 1_193_182;
/// How long the counter is measured: 5 ms, in ticks of the interval timer.
const MEASURED: u16 = (TIMER_RATE / 200) as u16;

/// One reading of both: the counter's, and how long the pair took.
#[derive(Clone, Copy)]
struct Reading {
    ticks: u64,
    count: u16,
    took: u64,
}

/// Hertz of the time stamp counter, measured against channel 2 of the interval timer.
fn tick_rate() -> u64 {
    // SAFETY: the timer's channel 2 and its gate concern the speaker and nothing in memory.
    unsafe {
        let gate = port::read8(0x61);
        port::write8(0x61, gate & !2 | 1);
        port::write8(0x43, 0xb4); // channel 2, both bytes, rate generator: counts by ones
        port::write8(0x42, 0xff);
        port::write8(0x42, 0xff);
    }
    let start = best_reading();
    while start.count.wrapping_sub(reading().count) < MEASURED {}
    let end = best_reading();
    rate(start, end)
}

fn rate(start: Reading, end: Reading) -> u64 {
    let timer = u64::from(start.count.wrapping_sub(end.count)).max(1);
    (end.ticks - start.ticks) * TIMER_RATE / timer
}

/// The quickest of a few readings: one that was interrupted by the host is not it.
fn best_reading() -> Reading {
    let mut best = reading();
    for _ in 0..7 {
        let next = reading();
        if next.took < best.took {
            best = next;
        }
    }
    best
}

fn reading() -> Reading {
    let before = cpu::ticks();
    // SAFETY: latching channel 2 and reading it concerns nothing in memory.
    let (after, low, high) = unsafe {
        port::write8(0x43, 0x80);
        (cpu::ticks(), port::read8(0x42), port::read8(0x42))
    };
    Reading {
        ticks: before + (after - before) / 2,
        count: u16::from_le_bytes([low, high]),
        took: after - before,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paravirtual_time_follows_the_rule() {
        // 2 GHz: half a nanosecond a tick.
        assert_eq!(paravirtual_time(3000, 1000, 500, 1 << 31, 0), 1500);
        assert_eq!(paravirtual_time(3000, 1000, 500, 1 << 31, 1), 2500);
        assert_eq!(paravirtual_time(3000, 1000, 500, 1 << 31, -1), 1000);
        assert_eq!(paravirtual_time(900, 1000, 500, 1 << 31, 0), 500);
    }

    #[test]
    fn ticks_become_nanoseconds_for_years() {
        let multiplier = multiplier(2_445_000_000);
        let year = 365 * 86_400 * 2_445_000_000u64;
        let error = scale(year, multiplier).abs_diff(365 * 86_400 * 1_000_000_000);
        assert!(error < 365 * 86_400 * 10, "more than 10 ns a second off: {error}");
    }

    #[test]
    fn the_rate_is_measured_over_a_wrap_of_the_timer() {
        let at = |ticks, count| Reading { ticks, count, took: 0 };
        let measured =
            rate(at(1_000_000, 100), at(1_000_000 + 12_000_000, 100u16.wrapping_sub(5966)));
        assert!(measured.abs_diff(2_400_000_000) < 2_400_000_000 / 1000);
    }
}
