//! The console: the first serial line. What is typed there is not read, only noticed.

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::port;

const DATA: u16 = 0x3f8;
const INTERRUPTS: u16 = DATA + 1;
const MODEM: u16 = DATA + 4;

/// Whether something was typed. The interrupt's stub writes it, while the one thread is idle.
#[doc(hidden)]
pub static ASKED: AtomicBool = AtomicBool::new(false);

/// The serial line. A line of text is best written whole: each write is one exit.
pub struct Console;

impl Console {
    /// Writes bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) {
        // SAFETY: the serial line's data register concerns nothing in memory. It is not asked
        // whether it is ready: a virtual line takes bytes as fast as they come.
        unsafe { port::write_all(DATA, bytes) }
    }
}

/// Lets what is typed wake the machine; interrupts must be routed.
pub(crate) fn start() {
    const RECEIVED: u8 = 1;
    // Ready to receive, and the switch of the line's interrupt.
    const READY: u8 = 0xb;
    // SAFETY: the line's registers concern nothing in memory.
    unsafe {
        port::write8(MODEM, READY);
        port::write8(INTERRUPTS, RECEIVED);
    }
}

/// Whether something was typed since the last answer.
#[must_use]
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// Takes one byte of what was typed, so that the next one may ask again. Until then the line holds
/// its sender back and interrupts no more: whoever floods it costs one wake an answer.
pub fn answered() {
    ASKED.store(false, Ordering::Relaxed);
    // SAFETY: as above.
    unsafe { port::read8(DATA) };
}

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.write(text.as_bytes());
        Ok(())
    }
}

/// A line that is gathered without a heap and cut when it grows too long.
pub(crate) struct Line<const SIZE: usize> {
    bytes: [u8; SIZE],
    length: usize,
}

impl<const SIZE: usize> Line<SIZE> {
    pub const fn new() -> Self {
        Self { bytes: [0; SIZE], length: 0 }
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// The text up to the last whole character.
    pub fn as_str(&self) -> &str {
        let bytes = self.as_bytes();
        match core::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(cut) => core::str::from_utf8(&bytes[..cut.valid_up_to()]).unwrap_or(""),
        }
    }
}

impl<const SIZE: usize> fmt::Write for Line<SIZE> {
    /// Fails when the text does not fit; what fits is kept.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            let Some(slot) = self.bytes.get_mut(self.length) else {
                return Err(fmt::Error);
            };
            *slot = byte;
            self.length += 1;
        }
        Ok(())
    }
}
