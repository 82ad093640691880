//! The console: a virtio console, whose input is not read, only noticed. Before it is found, and where
//! the machine has none, the first serial line is written to.

use alloc::boxed::Box;
use core::fmt;

use crate::fatal;
use crate::port;
use crate::single::Single;
use crate::virtio::{Devices, Misbehaved, Port};

/// The serial line's data.
const DATA: u16 = 0x3f8;

/// The virtio console, once it was found. Whoever uses it takes it out: what fails meanwhile is said
/// on the serial line.
static PORT: Single<Option<Box<Port>>> = Single::new(None);

/// The console. A line of text is best written whole: each write is one notification.
pub struct Console;

impl Console {
    /// Writes bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) {
        if with_port(|port| port.write(bytes)).is_none() {
            // SAFETY: the register concerns nothing in memory. It is not asked whether it is ready: a
            // virtual line takes bytes as fast as they come.
            unsafe { port::write_all(DATA, bytes) }
        }
    }
}

/// Does something with the virtio console; `None` when there is none.
fn with_port<T>(work: impl FnOnce(&mut Port) -> Result<T, Misbehaved>) -> Option<T> {
    let mut port = PORT.replace(None)?;
    match work(&mut port) {
        Ok(done) => {
            PORT.set(Some(port));
            Some(done)
        }
        Err(_) => fatal::die(format_args!("the device of the console misbehaved")),
    }
}

/// Moves to the virtio console, if the machine has one. Ends the program when it is unusable.
pub(crate) fn find(devices: &mut Devices) {
    match Port::open(devices) {
        None => {}
        Some(Ok(port)) => PORT.set(Some(Box::new(port))),
        Some(Err(reason)) => fatal::die(format_args!("the console {reason}")),
    }
}

/// Waits until the hypervisor has all that was written.
pub(crate) fn settle() {
    with_port(Port::settle);
}

/// Whether something was typed since the last answer.
#[must_use]
pub fn asked() -> bool {
    with_port(|port| Ok(port.has_input())).unwrap_or(false)
}

/// Takes what was typed, so that the next one may ask again. Until then the console holds its sender
/// back and interrupts no more: whoever floods it costs one wake an answer.
pub fn answered() {
    with_port(Port::take);
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
        self.bytes.get(..self.length).unwrap_or_default()
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
