//! A virtio network interface (VIRTIO 1.2, 5.1).

use alloc::vec::Vec;

use super::queue::{Descriptor, Misbehaved, Notify, Queue};
use super::transport::Transport;
use super::{Devices, NET};
use crate::fatal;
use crate::frame::{self, Buffer, Frame, HEADER};

/// Hardware address of an interface.
pub type Mac = [u8; 6];

/// What the interfaces are for, which decides what is left to their devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Frames end here: each fits one buffer and is complete, for links of this MTU.
    Endpoint {
        /// Longest IP packet in bytes.
        mtu: usize,
    },
    /// Frames pass through: checksums and segmentation are left to whoever needs them.
    Forwarding,
}

mod feature {
    use super::super::queue::EVENT_INDEX;

    pub const CHECKSUM: u64 = 1 << 0;
    pub const GUEST_CHECKSUM: u64 = 1 << 1;
    pub const MAC: u64 = 1 << 5;
    pub const GUEST_TSO4: u64 = 1 << 7;
    pub const GUEST_TSO6: u64 = 1 << 8;
    pub const HOST_TSO4: u64 = 1 << 11;
    pub const HOST_TSO6: u64 = 1 << 12;
    pub const MERGED_BUFFERS: u64 = 1 << 15;
    /// Header and frame may share a descriptor, as a modern device always has it.
    pub const ANY_LAYOUT: u64 = 1 << 27;

    pub const NEEDED: u64 = EVENT_INDEX | MAC;
    /// Worth having only if every interface has them: what one receives another must send.
    pub const PASSED_ON: u64 = CHECKSUM
        | GUEST_CHECKSUM
        | GUEST_TSO4
        | GUEST_TSO6
        | HOST_TSO4
        | HOST_TSO6
        | MERGED_BUFFERS;
}

/// Most entries of a queue.
const QUEUE: u16 = 256;
/// Buffers of a forwarder, with the pool's part: a segment of 64 KiB takes 17.
const FORWARDED: usize = 4096;
/// Buffers of the longest frame: a segment of 64 KiB, and one for where it begins.
const LONGEST_FRAME: usize = 65536usize.div_ceil(FORWARDED) + 2;
/// Fewest buffers an interface works with.
const FEWEST_BUFFERS: usize = 32;

/// Finds the interfaces with these addresses, in this order, and starts them. Ends the program when
/// one is absent or unusable, or memory does not suffice; `free` is what the heap has, in bytes.
pub(crate) fn open_all(
    devices: &mut Devices,
    wanted: &[Mac],
    purpose: Purpose,
    free: usize,
) -> Vec<Nic> {
    let mut found: Vec<Option<Transport>> = wanted.iter().map(|_| None).collect();
    let mut missing = wanted.len();
    while missing > 0
        && let Some((function, opened)) = devices.next(NET)
    {
        let transport = opened.unwrap_or_else(|reason| {
            fatal::die(format_args!("network interface {function} {reason}"))
        });
        let mac: Mac = core::array::from_fn(|i| transport.device.read(i));
        let place =
            wanted.iter().zip(&mut found).find(|(want, slot)| **want == mac && slot.is_none());
        if let Some((_, slot)) = place {
            *slot = Some(transport);
            missing -= 1;
        }
    }
    let transports: Vec<Transport> = found
        .into_iter()
        .zip(wanted)
        .map(|(transport, mac)| {
            transport.unwrap_or_else(|| {
                fatal::die(format_args!("no network interface has {}", Shown(mac)))
            })
        })
        .collect();

    let passed_on = match purpose {
        Purpose::Endpoint { .. } => 0,
        Purpose::Forwarding => {
            passed_on(transports.iter().map(|one| worth_passing_on(one.offered(), one.is_legacy())))
        }
    };
    let size = match purpose {
        Purpose::Endpoint { mtu } => (mtu + 14 + HEADER + 16).max(2048),
        Purpose::Forwarding => FORWARDED,
    };
    // Both queues of each interface may be full; but half of the heap is left to the service.
    let mut count = (2 * usize::from(QUEUE) * wanted.len()).min(free / 2 / size);
    let fewest = FEWEST_BUFFERS * wanted.len().max(1);
    // The heap may be free in pieces, of which none is that large.
    while count >= fewest && !frame::make_pool(count, size) {
        count /= 2;
    }
    if count < fewest {
        fatal::die(format_args!(
            "{free} bytes of heap are too few for {} interfaces",
            wanted.len()
        ));
    }
    // What each receives may take an equal share, and must leave some to send.
    let share = (count * 3 / 4 / wanted.len().max(1)).min(usize::from(QUEUE));
    transports
        .into_iter()
        .zip(wanted)
        .map(|(transport, mac)| Nic::start(&transport, *mac, passed_on, share))
        .collect()
}

/// What an interface offers that the others could make use of: nothing where its frames come and go
/// with the short header.
fn worth_passing_on(offered: u64, legacy: bool) -> u64 {
    if legacy && offered & feature::MERGED_BUFFERS == 0 { 0 } else { offered }
}

/// Of what is passed on, what every interface offers, and only pairs that make sense.
fn passed_on(offers: impl Iterator<Item = u64>) -> u64 {
    use feature::{
        CHECKSUM, GUEST_CHECKSUM, GUEST_TSO4, GUEST_TSO6, HOST_TSO4, HOST_TSO6, MERGED_BUFFERS,
        PASSED_ON,
    };
    let mut all = offers.fold(PASSED_ON, |all, offer| all & offer);
    if all & (CHECKSUM | GUEST_CHECKSUM) != CHECKSUM | GUEST_CHECKSUM {
        return all & MERGED_BUFFERS;
    }
    for (guest, host) in [(GUEST_TSO4, HOST_TSO4), (GUEST_TSO6, HOST_TSO6)] {
        if all & (guest | host) != guest | host || all & MERGED_BUFFERS == 0 {
            all &= !(guest | host);
        }
    }
    all
}

struct Shown<'a>(&'a Mac);

impl core::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02x}", if i == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

/// A network interface.
///
/// Frames sent and buffers freed become visible to the device with [`Nic::flush`]. Received frames
/// and frames given to [`Nic::send`] are owned, so the device never touches a frame that the program
/// can see.
pub struct Nic {
    mac: Mac,
    merged: bool,
    /// Bytes by which the device's header is shorter than ours: a legacy one that does not merge
    /// buffers does not count them. It is empty then, and begins so much later.
    shorter: u32,
    receiving: Queue,
    receive_notify: Notify,
    /// Buffers that the device may fill, by descriptor.
    offered: Vec<Option<Buffer>>,
    /// Descriptors without a buffer.
    idle: Vec<u16>,
    /// Descriptors that stay without a buffer because memory is short.
    spare: usize,
    sending: Queue,
    send_notify: Notify,
    /// Frames that the device reads, by their first descriptor.
    sent: Vec<Option<Frame>>,
    /// Descriptor after each descriptor of a frame, as the driver wrote it.
    next: Vec<u16>,
    /// Descriptors of no frame.
    unused: Vec<u16>,
    received_frames: u64,
    sent_frames: u64,
    dropped_frames: u64,
}

impl Nic {
    fn start(transport: &Transport, mac: Mac, passed_on: u64, share: usize) -> Self {
        let refuse = |reason: &dyn core::fmt::Display| -> ! {
            fatal::die(format_args!("network interface {} {reason}", Shown(&mac)))
        };
        let offered = transport.offered();
        if offered & feature::NEEDED != feature::NEEDED {
            refuse(&format_args!("lacks features ({offered:#x})"));
        }
        let mut features = feature::NEEDED | passed_on;
        if transport.is_legacy() {
            if offered & feature::ANY_LAYOUT == 0 {
                refuse(&format_args!("lacks features ({offered:#x})"));
            }
            features |= feature::ANY_LAYOUT;
        }
        let merged = features & feature::MERGED_BUFFERS != 0;
        if let Err(reason) = transport.accept(features) {
            refuse(&reason);
        }
        let queue = |index| match transport.queue(index, QUEUE) {
            Ok(queue) => queue,
            Err(reason) => refuse(&reason),
        };
        let (receiving, receive_notify, receive_size) = queue(0);
        let (mut sending, send_notify, send_size) = queue(1);
        if usize::from(send_size) < 2 * LONGEST_FRAME {
            refuse(&format_args!("has a queue of {send_size} entries"));
        }
        transport.run();
        sending.interrupt_never();
        let mut nic = Self {
            mac,
            merged,
            shorter: if transport.is_legacy() && !merged { 2 } else { 0 },
            receiving,
            receive_notify,
            offered: (0..receive_size).map(|_| None).collect(),
            idle: (0..receive_size).rev().collect(),
            spare: usize::from(receive_size).saturating_sub(share),
            sending,
            send_notify,
            sent: (0..send_size).map(|_| None).collect(),
            next: (0..send_size).collect(),
            unused: (0..send_size).rev().collect(),
            received_frames: 0,
            sent_frames: 0,
            dropped_frames: 0,
        };
        nic.flush();
        nic
    }

    fn misbehaved(&self, what: &str) -> ! {
        fatal::die(format_args!("the device of network interface {} {what}", Shown(&self.mac)))
    }

    /// Hardware address.
    #[must_use]
    pub fn mac(&self) -> Mac {
        self.mac
    }

    /// Frames received, sent, and given up because there was no room, since the start.
    #[must_use]
    pub fn totals(&self) -> (u64, u64, u64) {
        (self.received_frames, self.sent_frames, self.dropped_frames)
    }

    /// The next frame that has arrived.
    pub fn receive(&mut self) -> Option<Frame> {
        let Ok(ready) = self.receiving.ready() else {
            self.misbehaved("received more than it could")
        };
        if ready == 0 {
            return None;
        }
        let (id, length) = self.receiving.peek(0);
        let Some(first) = self.buffer(id).map(|buffer| buffer.peek16(HEADER - 2)) else {
            self.misbehaved("filled a buffer it did not have")
        };
        let count = if self.merged { first } else { 1 };
        if count > ready {
            if usize::from(count) > self.offered.len() {
                self.misbehaved("merged more buffers than there are")
            }
            // The rest is on its way; it may have come since.
            match self.receiving.look() {
                Ok(()) if self.receiving.ready().is_ok_and(|ready| count <= ready) => {}
                Ok(()) => return None,
                Err(Misbehaved) => self.misbehaved("received more than it could"),
            }
        }
        let length = length as usize + self.shorter as usize;
        if count == 0 || !(HEADER..=Buffer::capacity()).contains(&length) {
            self.misbehaved("received a frame of an impossible length")
        }
        let mut frame = Frame::from_buffer(self.reclaim_buffer(id), length);
        if self.shorter > 0 {
            frame.clear_offload();
        }
        for ahead in 1..count {
            let (id, length) = self.receiving.peek(ahead);
            if length as usize > Buffer::capacity() || self.buffer(id).is_none() {
                self.misbehaved("merged a buffer it did not have")
            }
            frame.append(self.reclaim_buffer(id), length as usize);
        }
        self.receiving.take(count);
        self.received_frames += 1;
        Some(frame)
    }

    fn buffer(&self, id: u32) -> Option<&Buffer> {
        self.offered.get(usize::try_from(id).ok()?)?.as_ref()
    }

    fn reclaim_buffer(&mut self, id: u32) -> Buffer {
        match self.offered.get_mut(id as usize).and_then(Option::take) {
            Some(buffer) => {
                self.idle.push(id as u16);
                buffer
            }
            None => self.misbehaved("filled a buffer it did not have"),
        }
    }

    /// Sends a frame; gives it back when there is no room.
    pub fn send(&mut self, mut frame: Frame) -> Result<(), Frame> {
        let count = usize::from(frame.buffers());
        if self.unused.len() < count {
            self.collect();
            if self.unused.len() < count {
                self.dropped_frames += 1;
                return Err(frame);
            }
        }
        frame.make_sendable();
        let chain = self.unused.len() - count;
        for (i, (address, length)) in frame.parts().enumerate() {
            let id = self.unused[chain + i];
            let last = i + 1 == count;
            let skipped = if i == 0 { self.shorter } else { 0 };
            let next = if last { id } else { self.unused[chain + i + 1] };
            self.next[usize::from(id)] = next;
            self.sending.describe(
                id,
                Descriptor {
                    address: address + u64::from(skipped),
                    length: length - skipped,
                    flags: if last { 0 } else { Descriptor::NEXT },
                    next,
                },
            );
        }
        let head = self.unused[chain];
        self.unused.truncate(chain);
        self.sent[usize::from(head)] = Some(frame);
        self.sending.offer(head);
        self.sent_frames += 1;
        Ok(())
    }

    /// Whether any frame can be sent now, however many buffers it has.
    pub fn can_send(&mut self) -> bool {
        if !self.has_room() {
            self.collect();
        }
        self.has_room()
    }

    fn has_room(&self) -> bool {
        self.unused.len() >= LONGEST_FRAME
    }

    /// Takes back what the device has sent.
    fn collect(&mut self) {
        loop {
            match self.sending.ready() {
                Ok(0) => return,
                Ok(_) => {}
                Err(Misbehaved) => self.misbehaved("sent more than it was given"),
            }
            let (id, _) = self.sending.peek(0);
            self.sending.take(1);
            if self.sent.get_mut(id as usize).and_then(Option::take).is_none() {
                self.misbehaved("sent a frame it did not have")
            }
            let mut id = id as u16;
            loop {
                self.unused.push(id);
                let next = self.next[usize::from(id)];
                if next == id {
                    break;
                }
                id = next;
            }
        }
    }

    /// Shows the device what was sent, and gives it buffers to receive.
    pub fn flush(&mut self) {
        self.collect();
        while self.idle.len() > self.spare {
            let Some(buffer) = Buffer::take() else { break };
            let Some(id) = self.idle.pop() else { break };
            self.receiving.describe(
                id,
                Descriptor {
                    address: buffer.address() + u64::from(self.shorter),
                    length: Buffer::capacity() as u32 - self.shorter,
                    flags: Descriptor::WRITE,
                    next: 0,
                },
            );
            self.offered[usize::from(id)] = Some(buffer);
            self.receiving.offer(id);
        }
        self.receiving.publish(&self.receive_notify);
        self.sending.publish(&self.send_notify);
    }

    /// Whether a frame has arrived.
    #[must_use]
    pub fn has_frame(&self) -> bool {
        self.receiving.has_news()
    }

    /// Asks for an interrupt when a frame arrives, if frames are `wanted`, and when there is room to
    /// send again, if there is none. `false` when that has happened already: then do not sleep.
    pub fn arm(&mut self, wanted: bool) -> bool {
        let full = !self.has_room() && self.sending.outstanding() > 0;
        if wanted {
            self.receiving.interrupt_after(1);
        } else {
            self.receiving.interrupt_never();
        }
        if full {
            // Half of it at once: one wake for many frames.
            self.sending.interrupt_after(self.sending.outstanding().div_ceil(2));
        } else {
            self.sending.interrupt_never();
        }
        core::sync::atomic::fence(core::sync::atomic::Ordering::SeqCst);
        !(wanted && self.receiving.has_news() || full && self.sending.has_news())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use feature::*;

    #[test]
    fn what_one_interface_cannot_send_no_other_receives() {
        let all = PASSED_ON | NEEDED;
        assert_eq!(passed_on([all, all].into_iter()), PASSED_ON);
        let none = passed_on([all, all & !CHECKSUM].into_iter());
        assert_eq!(none, MERGED_BUFFERS);
        let v4 = passed_on([all, all & !HOST_TSO6].into_iter());
        assert_eq!(v4, PASSED_ON & !(HOST_TSO6 | GUEST_TSO6));
        let unmerged = passed_on([all & !MERGED_BUFFERS].into_iter());
        assert_eq!(unmerged, CHECKSUM | GUEST_CHECKSUM);
    }

    #[test]
    fn a_short_header_has_nothing_to_pass_on() {
        let all = PASSED_ON | NEEDED;
        assert_eq!(worth_passing_on(all, false), all);
        assert_eq!(worth_passing_on(all, true), all);
        assert_eq!(worth_passing_on(all & !MERGED_BUFFERS, true), 0);
        assert_eq!(passed_on([all, 0].into_iter()), 0);
    }

    #[test]
    fn addresses_are_shown_as_usual() {
        assert_eq!(Shown(&[2, 0, 0xab, 0, 0, 1]).to_string(), "02:00:ab:00:00:01");
    }
}
