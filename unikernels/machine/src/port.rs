//! x86 ports.

use core::arch::asm;

/// Ports for the registers of devices that have them there: above all that a PC's own devices and
/// its firmware use.
pub(crate) const DEVICES: (u16, u16) = (0xe000, 0xe3ff);

/// Ports that ring 3 may use: interval timer, its gate, the serial line, pvpanic, PCI
/// configuration, power management, devices.
pub(crate) const PERMITTED: [(u16, u16); 7] = [
    (0x40, 0x43),
    (0x61, 0x61),
    (0x3f8, 0x3ff),
    (0x505, 0x505),
    (0x600, 0x63f),
    (0xcf8, 0xcff),
    DEVICES,
];

/// Fills a port bitmap so that only [`PERMITTED`] ports pass: a set bit forbids its port.
pub(crate) fn fill_bitmap(bitmap: &mut [u8; 8192]) {
    bitmap.fill(0xff);
    for (first, last) in PERMITTED {
        for port in first..=last {
            bitmap[usize::from(port / 8)] &= !(1 << (port % 8));
        }
    }
}

/// Writes a byte.
///
/// # Safety
/// The write must not make the device break Rust's rules about memory.
pub(crate) unsafe fn write8(port: u16, value: u8) {
    // SAFETY: the instruction touches no memory; what the device does is the caller's business.
    unsafe {
        asm!("out dx, al", in("dx") port, in("al") value, options(nomem, nostack, preserves_flags))
    }
}

/// Writes two bytes.
///
/// # Safety
/// As for [`write8`].
pub(crate) unsafe fn write16(port: u16, value: u16) {
    // SAFETY: as for `write8`.
    unsafe {
        asm!("out dx, ax", in("dx") port, in("ax") value, options(nomem, nostack, preserves_flags))
    }
}

/// Writes four bytes.
///
/// # Safety
/// As for [`write8`].
pub(crate) unsafe fn write32(port: u16, value: u32) {
    // SAFETY: as for `write8`.
    unsafe {
        asm!("out dx, eax", in("dx") port, in("eax") value, options(nomem, nostack, preserves_flags))
    }
}

/// Writes bytes to one port by a single string instruction: one exit to the hypervisor for many.
///
/// # Safety
/// As for [`write8`].
pub(crate) unsafe fn write_all(port: u16, bytes: &[u8]) {
    // SAFETY: reads exactly the slice; the direction flag is clear.
    unsafe {
        asm!("rep outsb", in("dx") port, inout("rsi") bytes.as_ptr() => _, inout("rcx") bytes.len() => _,
             options(readonly, nostack, preserves_flags));
    }
}

/// Reads a byte.
///
/// # Safety
/// As for [`write8`].
pub(crate) unsafe fn read8(port: u16) -> u8 {
    let value;
    // SAFETY: as for `write8`.
    unsafe {
        asm!("in al, dx", in("dx") port, out("al") value, options(nomem, nostack, preserves_flags))
    }
    value
}

/// Reads two bytes.
///
/// # Safety
/// As for [`write8`].
pub(crate) unsafe fn read16(port: u16) -> u16 {
    let value;
    // SAFETY: as for `write8`.
    unsafe {
        asm!("in ax, dx", in("dx") port, out("ax") value, options(nomem, nostack, preserves_flags))
    }
    value
}

/// Reads four bytes.
///
/// # Safety
/// As for [`write8`].
pub(crate) unsafe fn read32(port: u16) -> u32 {
    let value;
    // SAFETY: as for `write8`.
    unsafe {
        asm!("in eax, dx", in("dx") port, out("eax") value, options(nomem, nostack, preserves_flags))
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bitmap_lets_through_what_is_permitted_and_nothing_else() {
        let mut bitmap = [0; 8192];
        fill_bitmap(&mut bitmap);
        let open = |port: u16| bitmap[usize::from(port / 8)] & (1 << (port % 8)) == 0;
        let count = (0..=u16::MAX).filter(|&port| open(port)).count();
        assert_eq!(count, 4 + 1 + 8 + 1 + 64 + 8 + 1024);
        assert!(open(0x3f8) && open(0xcff) && !open(0x20) && !open(0xd00));
    }
}
