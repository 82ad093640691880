//! Exceptions, interrupts and going idle.

use core::arch::asm;

use crate::boot::Image;
use crate::clock;
use crate::fatal;
use crate::memory::PAGE;
use crate::mmio::Registers;
use crate::port;
use crate::single::Single;

/// Vector of the timer.
const TIMER: u32 = 0x41;
/// Vector of virtio devices.
pub(crate) const VIRTIO: u32 = 0x40;
/// Vector of interrupts that were gone before they were delivered.
const SPURIOUS: u32 = 0xff;

/// Physical address of the local interrupt controller.
pub(crate) const CONTROLLER: usize = 0xfee0_0000;

const SPURIOUS_VECTOR: usize = 0xf0;
const TIMER_VECTOR: usize = 0x320;
/// The local pin that a hypervisor's "inject an NMI" pulls, and its delivery as what it says.
const NMI_PIN: usize = 0x360;
const AS_NMI: u32 = 4 << 8;
const TIMER_START: usize = 0x380;
const TIMER_COUNT: usize = 0x390;
const TIMER_DIVIDER: usize = 0x3e0;
const DIVIDE_BY_16: u32 = 3;
const MASKED: u32 = 1 << 16;

/// What idling needs, known once the machine has started.
#[derive(Clone, Copy)]
struct Idle {
    /// Address of the instruction that asks ring 0 to go idle.
    gate: usize,
    controller: Registers,
    /// Timer ticks a millisecond.
    rate: u64,
    /// When the timer that runs will fire, in microseconds of the clock.
    armed: u64,
}

/// The page below the stack.
static GUARD: Single<usize> = Single::new(0);

static IDLE: Single<Option<Idle>> = Single::new(None);

/// Fills the interrupt table and the port bitmap.
///
/// # Safety
/// To be called once, while ring 3 may still write the tables that `image` names.
pub(crate) unsafe fn fill_tables(image: &Image) {
    GUARD.set(image.guard);
    // SAFETY: `image` names a page-sized table and a segment with 8192 bytes of bitmap behind its
    // first 104, which nothing else refers to.
    let (gates, bitmap) = unsafe {
        (&mut *(image.idt as *mut [[u64; 2]; 256]), &mut *((image.tss + 104) as *mut [u8; 8192]))
    };
    for (vector, gate) in gates.iter_mut().enumerate() {
        let stub = match vector {
            13 => image.protection,
            0..32 => image.exceptions + 16 * vector,
            _ if vector == SPURIOUS as usize => image.spurious,
            _ => image.interrupt,
        };
        *gate = interrupt_gate(stub as u64);
    }
    port::fill_bitmap(bitmap);
}

/// A 64-bit interrupt gate to ring 0, which `int n` may not use.
const fn interrupt_gate(stub: u64) -> [u64; 2] {
    const RING0_CODE: u64 = 0x08 << 16;
    const PRESENT_GATE: u64 = 0x8e00 << 32;
    [stub & 0xffff | RING0_CODE | PRESENT_GATE | (stub >> 16 & 0xffff) << 48, stub >> 32]
}

/// Switches the local interrupt controller on; the clock must have started.
///
/// # Safety
/// The controller's registers must be mapped, and `image` must be the running image's.
pub(crate) unsafe fn start(image: &Image) {
    // SAFETY: the caller's first promise.
    let controller = unsafe { Registers::new(CONTROLLER, 0x400) };
    controller.write(SPURIOUS_VECTOR, 0x100 | SPURIOUS);
    controller.write(TIMER_DIVIDER, DIVIDE_BY_16);
    controller.write(TIMER_VECTOR, MASKED);
    let rate = timer_rate(controller);
    controller.write(TIMER_VECTOR, TIMER);
    controller.write(NMI_PIN, AS_NMI);
    IDLE.set(Some(Idle { gate: image.idle, controller, rate, armed: u64::MAX }));
}

/// Whether [`idle`] sleeps.
pub(crate) fn can_idle() -> bool {
    IDLE.get().is_some()
}

/// Ticks a millisecond. KVM's and QEMU's timers count at 1 GHz by definition; others are measured.
fn timer_rate(controller: Registers) -> u64 {
    const GHZ_BY_16: u64 = 1_000_000 / 16;
    if clock::is_paravirtual() {
        return GHZ_BY_16;
    }
    controller.write(TIMER_START, u32::MAX);
    let start = clock::nanoseconds();
    let mut elapsed = 0;
    while elapsed < 1_000_000 {
        elapsed = clock::nanoseconds() - start;
    }
    let ticks = u64::from(u32::MAX - controller.read::<u32>(TIMER_COUNT));
    controller.write(TIMER_START, 0u32);
    (ticks * 1_000_000 / elapsed).max(1)
}

/// Sleeps until a device has something, or until the clock reads `deadline`
/// microseconds; may return sooner. A deadline that has passed returns at once.
pub fn idle(deadline: Option<u64>) {
    let Some(mut idle) = IDLE.get() else {
        return;
    };
    let now = clock::now();
    if deadline.is_some_and(|deadline| deadline <= now) {
        return;
    }
    // A timer that fires sooner is left running: setting it costs an exit, and waking once too
    // often costs less than setting it for each packet of a connection.
    let running = idle.armed > now && idle.armed < u64::MAX;
    match deadline {
        Some(deadline) if !running || idle.armed > deadline => {
            let wait = (deadline - now).min(60_000_000);
            let ticks = (wait * idle.rate / 1000 + 1).min(u64::from(u32::MAX));
            idle.controller.write(TIMER_START, ticks as u32);
            idle.armed = now + wait;
            IDLE.set(Some(idle));
        }
        _ => {}
    }
    // SAFETY: the gate is the image's `hlt; ret`, for which ring 0 waits for an interrupt and
    // returns with all registers but rax intact; memory may have been written by devices.
    unsafe { asm!("call {}", in(reg) idle.gate, out("rax") _) }
}

/// Continues here, in ring 3, after an exception.
pub extern "C" fn exception(vector: u64, error: u64, rip: u64, address: u64, rsp: u64) -> ! {
    let name = match vector {
        0 => "division error",
        1 => "debug exception",
        2 => "non-maskable interrupt",
        3 => "breakpoint",
        6 => "invalid instruction",
        7 => "no floating point",
        8 => "double fault",
        13 => "general protection fault",
        14 if address as usize / PAGE == GUARD.get() / PAGE => {
            fatal::die(format_args!("stack overflow (rip {rip:#x}, rsp {rsp:#x})"))
        }
        14 if error & 16 != 0 => fatal::die(format_args!(
            "page fault: execution at {address:#x} (rip {rip:#x}, rsp {rsp:#x})"
        )),
        14 => fatal::die(format_args!(
            "page fault: {} at {address:#x} (rip {rip:#x}, rsp {rsp:#x})",
            if error & 2 != 0 { "write" } else { "read" }
        )),
        17 => "unaligned access",
        16 | 19 => "floating point error",
        _ => "exception",
    };
    fatal::die(format_args!("{name} {vector}, error {error:#x} (rip {rip:#x}, rsp {rsp:#x})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_holds_the_whole_address() {
        let [low, high] = interrupt_gate(0x1234_5678_9abc_def0);
        assert_eq!(low, 0x9abc_8e00_0008_def0);
        assert_eq!(high, 0x1234_5678);
    }
}
