//! Power management of the PC's PIIX4.

use crate::pci::{ConfigSpace, Function, Ports};
use crate::port;

/// Function 3 of the chip set's device, where QEMU's `pc` machine has it.
const PIIX4: Function = Function::new(0, 1, 3);
const PIIX4_ID: u32 = 0x7113_8086;
/// Offset of the power management block's base in configuration space, and of its switch.
const BASE: u8 = 0x40;
const SWITCH: u8 = 0x80;
/// Where firmware usually puts the block; we put it there when firmware did not.
const USUAL_BASE: u16 = 0x600;
/// Offset of the control register, and "sleep now, in state S5" in it.
const CONTROL: u16 = 4;
const SOFT_OFF: u16 = 1 << 13;

/// Asks for soft-off; returns when there is no such device, or it does not obey.
pub(crate) fn off() {
    let mut ports = Ports;
    if ports.read(PIIX4, 0) != PIIX4_ID {
        return;
    }
    ports.write(PIIX4, BASE, u32::from(USUAL_BASE) | 1);
    let switch = ports.read(PIIX4, SWITCH);
    ports.write(PIIX4, SWITCH, switch | 1);
    // SAFETY: the port is the block's control register, put there just now; it stops the machine.
    unsafe { port::write16(USUAL_BASE + CONTROL, SOFT_OFF) }
}

/// Resets the machine by the chip set's reset register.
pub(crate) fn reset() {
    const RESET: u16 = 0xcf9;
    const HARD_RESET: u8 = 6;
    // SAFETY: the machine starts again or nothing happens.
    unsafe { port::write8(RESET, HARD_RESET) }
}
