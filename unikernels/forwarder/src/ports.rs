//! The machine's network interfaces as ports of the forwarder.

use alloc::vec::Vec;

use machine::{Frame, Nic, Offload};
use service_route::Ports;

/// A frame of the machine, as the forwarder sees it.
pub(crate) struct Wire(pub Frame);

impl service_route::Frame for Wire {
    fn head(&self) -> &[u8] {
        self.0.head()
    }

    fn head_mut(&mut self) -> &mut [u8] {
        self.0.head_mut()
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn wire_len(&self) -> usize {
        match self.0.offload() {
            Offload::None | Offload::Checksum => self.0.len(),
            Offload::Segments(size) => {
                (headers(self.0.head()) + usize::from(size)).min(self.0.len())
            }
        }
    }
}

/// Bytes of Ethernet, IP and TCP headers before the payload of a segment.
fn headers(frame: &[u8]) -> usize {
    const ETHERNET: usize = 14;
    let byte = |at: usize| frame.get(at).copied().unwrap_or(0);
    let ip = match byte(ETHERNET) >> 4 {
        4 => usize::from(byte(ETHERNET) & 15) * 4,
        _ => 40,
    };
    ETHERNET + ip + usize::from(byte(ETHERNET + ip + 12) >> 4) * 4
}

/// The interfaces, in the configuration's order.
pub(crate) struct NicPorts {
    pub nics: Vec<Nic>,
}

impl NicPorts {
    /// Shows the devices what was sent, and gives them buffers.
    pub fn flush(&mut self) {
        self.nics.iter_mut().for_each(Nic::flush);
    }

    /// Whether any frame has arrived.
    pub fn have_frames(&self) -> bool {
        self.nics.iter().any(Nic::has_frame)
    }

    /// Whether every interface can send whatever comes. While one cannot, nothing is taken in:
    /// frames wait where they came from, whose sender then slows down, instead of being dropped.
    pub fn have_room(&mut self) -> bool {
        self.nics.iter_mut().all(Nic::can_send)
    }

    /// Asks for interrupts by frames if there is `room` for them, and by room to send if not;
    /// `false` when there is something to do already.
    pub fn arm(&mut self, room: bool) -> bool {
        self.nics.iter_mut().all(|nic| nic.arm(room))
    }
}

impl Ports for NicPorts {
    type Frame = Wire;

    fn allocate(&mut self, length: usize) -> Option<Wire> {
        let mut frame = Frame::new(length)?;
        frame.head_mut().fill(0);
        Some(Wire(frame))
    }

    fn send(&mut self, port: usize, frame: Wire) {
        if let Some(nic) = self.nics.get_mut(port) {
            // A full queue drops the frame, as a link does; the interface counts it.
            let _ = nic.send(frame.0);
        }
    }

    fn discard(&mut self, frame: Wire) {
        drop(frame);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_measured_for_both_families() {
        let mut frame = [0u8; 80];
        frame[14] = 0x46;
        frame[14 + 24 + 12] = 0x80;
        assert_eq!(headers(&frame), 14 + 24 + 32);
        frame = [0; 80];
        frame[14] = 0x60;
        frame[14 + 40 + 12] = 0x50;
        assert_eq!(headers(&frame), 14 + 40 + 20);
        assert_eq!(headers(&[0; 3]), 54);
    }
}
