//! The end: what is wrong is said on the console, then the machine starts again.

use core::fmt::{self, Write};
use core::panic::PanicInfo;

use service_console::Event;

use crate::clock;
use crate::console::{self, Console, Line};
use crate::cpu;
use crate::interrupts;
use crate::life;
use crate::port;
use crate::power;
use crate::single::Single;

static NODE: Single<&'static str> = Single::new("");
/// How far the end has come, so that a fault on the way goes on behind what failed.
static FAULTS: Single<u8> = Single::new(0);

/// Between the reason and the reset, in microseconds. A guest remembers nothing of its last life,
/// so it cannot wait longer each time; one start a second is what a guest that always fails costs.
const PAUSE: u64 = 1_000_000;

/// Names the node in whatever is said from now on.
pub fn set_node(name: &'static str) {
    NODE.set(name);
}

/// Writes a fatal line with this reason, waits a second and starts the machine again.
pub fn die(reason: fmt::Arguments<'_>) -> ! {
    let faults = FAULTS.get();
    FAULTS.set(faults.saturating_add(1));
    if faults == 0 {
        say(reason);
        life::end();
        tell_hypervisor();
        pause();
    } else if faults == 1 {
        // Reporting or waiting failed: no timer is trusted any more.
        spin();
    }
    power::reset();
    // The hypervisor resets the machine a moment after it was asked; where there is no reset
    // register, an end is better than a guest that does nothing.
    spin();
    power_off()
}

/// Writes a fatal line with this reason.
pub(crate) fn say(reason: fmt::Arguments<'_>) {
    let mut text = Line::<320>::new();
    // A reason that does not fit is cut. The line has room for all of both as escapes.
    let _ = text.write_fmt(reason);
    let node = Some(NODE.get()).filter(|name| name.len() < 64).unwrap_or_default();
    let mut line = Line::<2400>::new();
    let _ = writeln!(line, "{}", Event::Fatal { node, reason: &text.as_str() });
    Console.write(line.as_bytes());
}

/// What a panic says, on one line. Memory that ran out is no fault of the program's: there the
/// reason is what the node needs.
pub fn panic(info: &PanicInfo<'_>) -> ! {
    let (message, place) = (info.message(), info.location());
    let (file, line) = place.map_or(("", 0), |place| (place.file(), place.line()));
    // Where `alloc` ends a program whose allocation failed: stable Rust has no other hook.
    if file.ends_with("/alloc/src/alloc.rs") {
        die(format_args!("{message}: the node needs more memory"))
    }
    die(format_args!("panic: {message} ({file}:{line})"))
}

/// Tells the hypervisor, where it listens, of a crash that the guest sees to itself: it goes on
/// running (QEMU, docs/specs/pvpanic.txt).
fn tell_hypervisor() {
    const PANIC_EVENT: u16 = 0x505;
    const CRASH_LOADED: u8 = 2;
    // SAFETY: the port belongs to the pvpanic device or to nobody.
    unsafe { port::write8(PANIC_EVENT, CRASH_LOADED) }
}

/// Sleeps for the pause; before there is a timer to wake it, it counts.
fn pause() {
    if !interrupts::can_idle() {
        return spin();
    }
    let end = clock::now() + PAUSE;
    while clock::now() < end {
        interrupts::idle(Some(end));
    }
}

/// Lets one to four seconds pass, by the time stamp counter alone.
fn spin() {
    let start = cpu::ticks();
    while cpu::ticks().wrapping_sub(start) < 1 << 32 {
        core::hint::spin_loop();
    }
}

/// Powers the machine off: by power management where there is some, else by a reset (the hypervisor
/// may be told to take one as the end), else by sleeping for ever.
pub fn power_off() -> ! {
    console::settle();
    life::end();
    power::off();
    // The hypervisor stops the machine a moment after it was asked: a reset must not overtake that.
    spin();
    power::reset();
    loop {
        interrupts::idle(None);
    }
}
