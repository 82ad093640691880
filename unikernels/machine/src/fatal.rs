//! The end: what is wrong is said on the console, then the machine stops.

use core::fmt::{self, Write};

use service_console::Event;

use crate::console::{Console, Line};
use crate::cpu;
use crate::interrupts;
use crate::port;
use crate::power;
use crate::single::Single;

static NODE: Single<&'static str> = Single::new("");
static DYING: Single<bool> = Single::new(false);

/// Names the node in whatever is said from now on.
pub fn set_node(name: &'static str) {
    NODE.set(name);
}

/// Writes a fatal line with this reason and stops the machine as crashed.
pub fn die(reason: fmt::Arguments<'_>) -> ! {
    // A second fault while the first is being reported must not begin again.
    if !DYING.get() {
        DYING.set(true);
        let mut text = Line::<512>::new();
        // A reason that does not fit is cut.
        let _ = text.write_fmt(reason);
        let event = Event::Fatal { node: NODE.get(), reason: &text.as_str() };
        let mut line = Line::<2048>::new();
        match writeln!(line, "{event}") {
            Ok(()) => Console.write(line.as_bytes()),
            Err(fmt::Error) => {
                Console.write(b"{\"event\":\"fatal\",\"node\":\"\",\"reason\":\"unprintable\"}\n")
            }
        }
    }
    crash()
}

/// What a panic says, on one line.
pub fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    match info.location() {
        Some(place) => {
            die(format_args!("panic: {} ({}:{})", info.message(), place.file(), place.line()))
        }
        None => die(format_args!("panic: {}", info.message())),
    }
}

/// Tells the hypervisor of the crash, where it listens, then powers the machine off.
fn crash() -> ! {
    const PANIC_EVENT: u16 = 0x505;
    const PANICKED: u8 = 1;
    // SAFETY: the port belongs to the pvpanic device or to nobody.
    unsafe { port::write8(PANIC_EVENT, PANICKED) }
    power_off()
}

/// Powers the machine off: by power management where there is some, else by a reset (the hypervisor
/// is told to take one as the end), else by sleeping for ever.
pub fn power_off() -> ! {
    power::off();
    // The hypervisor stops the machine a moment after it was asked: a reset must not overtake that.
    let asked = cpu::ticks();
    while cpu::ticks().wrapping_sub(asked) < 1 << 32 {
        core::hint::spin_loop();
    }
    power::reset();
    loop {
        interrupts::idle(None);
    }
}
