//! The machine's network interface as a device of smoltcp.

use alloc::vec;

use machine::{Frame, Nic};
use service_core::Instant as Moment;
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;

use crate::path::PathMtu;

/// Frames that one turn of the serving loop takes in at most, so that sockets are served in time.
const BUDGET: usize = 64;

/// A network interface, and what this turn of the serving loop may still take from it.
pub(crate) struct Port {
    pub nic: Nic,
    pub path: PathMtu,
    /// The TCP port that is served.
    served: u16,
    budget: usize,
    /// New connections for which a socket listens.
    listening: usize,
    /// Whether new connections are turned away, because there are as many as there may be.
    full: bool,
    /// A frame that opens a connection and waits for a socket to listen.
    held: Option<Frame>,
    /// Whether a switch asked which groups are listened to.
    asked: bool,
    now: Moment,
}

impl Port {
    pub fn new(nic: Nic, path: PathMtu, served: u16) -> Self {
        Self {
            nic,
            path,
            served,
            budget: BUDGET,
            listening: 0,
            full: false,
            held: None,
            asked: false,
            now: Moment::ZERO,
        }
    }

    /// Allows a turn's worth of frames, `listening` of which may open connections. Without this, a
    /// burst of clients would be refused for want of a listening socket.
    pub fn renew(&mut self, now: Moment, listening: usize, full: bool) {
        self.now = now;
        self.path.forget(now);
        self.budget = BUDGET;
        self.listening = listening;
        self.full = full;
    }

    /// Whether a switch has asked, since the last time, which groups are listened to.
    pub fn was_asked_for_groups(&mut self) -> bool {
        core::mem::take(&mut self.asked)
    }

    /// Whether there is something to do that no interrupt will tell of.
    pub fn has_work(&self) -> bool {
        self.held.is_some() || self.nic.has_frame()
    }

    fn can_send(&mut self) -> bool {
        self.nic.can_send() && machine::free_buffers() > 0
    }

    /// The next frame that may be taken now.
    fn next(&mut self) -> Option<Frame> {
        loop {
            let frame = match self.held.take() {
                Some(frame) => frame,
                None => self.nic.receive()?,
            };
            if !opens_connection(frame.head(), self.served) {
                return Some(frame);
            }
            if self.listening > 0 {
                self.listening -= 1;
                return Some(frame);
            }
            if !self.full {
                self.held = Some(frame);
                return None;
            }
            // Dropped, not refused: the client tries again, and there may be room then.
        }
    }
}

/// Whether a frame is a TCP segment that asks for a connection to `port`; one behind extension
/// headers is not known.
fn opens_connection(frame: &[u8], port: u16) -> bool {
    const SYN: u8 = 2;
    const ACK: u8 = 16;
    const RST: u8 = 4;
    let byte = |at: usize| frame.get(at).copied().unwrap_or(0);
    const TCP: u8 = 6;
    let tcp = match [byte(12), byte(13)] {
        [0x08, 0x00] if byte(14 + 9) == TCP => 14 + usize::from(byte(14) & 15) * 4,
        [0x86, 0xdd] if byte(14 + 6) == TCP => 14 + 40,
        _ => return false,
    };
    byte(tcp + 13) & (SYN | ACK | RST) == SYN
        && [byte(tcp + 2), byte(tcp + 3)] == port.to_be_bytes()
}

impl Device for Port {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received, Sending<'_>)> {
        if self.budget == 0 || !self.can_send() {
            return None;
        }
        let frame = self.next()?;
        self.path.hear(self.now, frame.head());
        self.asked |= service_route::asks_for_groups(frame.head());
        self.budget -= 1;
        Some((Received(frame), Sending(&mut self.nic)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sending<'_>> {
        self.can_send().then_some(Sending(&mut self.nic))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.max_transmission_unit = self.path.get() + 14;
        capabilities.medium = Medium::Ethernet;
        capabilities
    }
}

/// A frame that arrived.
pub(crate) struct Received(Frame);

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0.head())
    }
}

/// The right to send one frame.
pub(crate) struct Sending<'a>(&'a mut Nic);

impl TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let Some(mut frame) = Frame::new(length) else {
            // Longer than a buffer, which the device's capabilities forbid: lost like any frame.
            return write(&mut vec![0; length]);
        };
        let result = write(frame.head_mut());
        // Room was seen before the token was given; if there is none, the interface counts the loss.
        let _ = self.0.send(frame);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opens_a_connection_is_told_from_the_rest() {
        let mut frame = [0u8; 54];
        frame[12..15].copy_from_slice(&[8, 0, 0x45]);
        frame[23] = 6;
        frame[36..38].copy_from_slice(&80u16.to_be_bytes());
        frame[47] = 2;
        assert!(opens_connection(&frame, 80));
        assert!(!opens_connection(&frame, 81));
        assert!(!opens_connection(&frame[..40], 80));
        frame[47] = 0x12;
        assert!(!opens_connection(&frame, 80));
        frame[47] = 2;
        frame[23] = 17;
        assert!(!opens_connection(&frame, 80));
        let mut frame = [0u8; 74];
        frame[12..15].copy_from_slice(&[0x86, 0xdd, 0x60]);
        frame[20] = 6;
        frame[56..58].copy_from_slice(&80u16.to_be_bytes());
        frame[67] = 2;
        assert!(opens_connection(&frame, 80));
        frame[20] = 58;
        assert!(!opens_connection(&frame, 80));
    }
}
