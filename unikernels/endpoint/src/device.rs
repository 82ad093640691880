//! The machine's network interface as a device of smoltcp.

use alloc::vec;

use machine::{Frame, Nic};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;

/// Frames that one turn of the serving loop takes in at most, so that sockets are served in time.
const BUDGET: usize = 64;

/// A network interface, and how many more frames this turn may take.
pub(crate) struct Port {
    pub nic: Nic,
    mtu: usize,
    budget: usize,
}

impl Port {
    pub fn new(nic: Nic, mtu: usize) -> Self {
        Self { nic, mtu, budget: BUDGET }
    }

    /// Allows a turn's worth of frames.
    pub fn renew(&mut self) {
        self.budget = BUDGET;
    }
}

impl Device for Port {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received, Sending<'_>)> {
        if self.budget == 0 || !self.can_send() {
            return None;
        }
        let frame = self.nic.receive()?;
        self.budget -= 1;
        Some((Received(frame), Sending(&mut self.nic)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sending<'_>> {
        self.can_send().then_some(Sending(&mut self.nic))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.max_transmission_unit = self.mtu + 14;
        capabilities.medium = Medium::Ethernet;
        capabilities
    }
}

impl Port {
    fn can_send(&mut self) -> bool {
        self.nic.can_send() && machine::free_buffers() > 0
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
