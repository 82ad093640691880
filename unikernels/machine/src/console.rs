//! The console: the first serial line, write only.

use core::fmt;

use crate::port;

const DATA: u16 = 0x3f8;

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
