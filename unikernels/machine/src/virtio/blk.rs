//! A virtio disk, read one request at a time (VIRTIO 1.2, 5.2).

use alloc::alloc::{Layout, alloc_zeroed};
use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::{Ordering, fence};

use super::queue::{Descriptor, EVENT_INDEX, Notify, Queue};
use super::transport::Transport;
use super::{BLOCK, Devices};
use crate::fatal;
use crate::interrupts;

/// Bytes of the unit that a disk counts in.
const SECTOR: u64 = 512;
/// Entries of the queue: one request has three.
const QUEUE: u16 = 4;
/// Type of a request that reads (`VIRTIO_BLK_T_IN`).
const READ: u32 = 0;

/// What the driver and the device tell each other beside the data (`virtio_blk_req`).
#[repr(C)]
struct Request {
    kind: u32,
    reserved: u32,
    sector: u64,
    status: u8,
}

/// Bytes of a request that the device reads; the status follows the data.
const HEAD: u32 = 16;

/// Why a read gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// Offset or length is not a whole number of sectors, or the end lies behind the disk's.
    Range,
    /// The device failed, with this status.
    Device(u8),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range => f.write_str("a read outside of the disk"),
            Self::Device(status) => write!(f, "the disk failed with status {status}"),
        }
    }
}

impl core::error::Error for ReadError {}

/// A disk.
pub struct Disk {
    queue: Queue,
    notify: Notify,
    /// Never freed: the device has its address.
    request: NonNull<Request>,
    size: u64,
}

impl Disk {
    /// Finds the first disk and starts it; ends the program when there is none or it is unusable.
    pub(crate) fn open(devices: &mut Devices) -> Self {
        match devices.next(BLOCK) {
            None => fatal::die(format_args!("there is no disk")),
            Some((_, Err(reason))) => refuse(&reason),
            Some((_, Ok(transport))) => Self::start(&transport),
        }
    }

    fn start(transport: &Transport) -> Self {
        let offered = transport.offered();
        if offered & EVENT_INDEX == 0 {
            refuse(&format_args!("lacks features ({offered:#x})"));
        }
        if let Err(reason) = transport.accept(EVENT_INDEX) {
            refuse(&reason);
        }
        let (queue, notify, entries) = match transport.queue(0, QUEUE) {
            Ok(queue) => queue,
            Err(reason) => refuse(&reason),
        };
        if entries < QUEUE {
            refuse(&format_args!("has a queue of {entries} entries"));
        }
        let sectors = u64::from(transport.device.read::<u32>(0))
            | u64::from(transport.device.read::<u32>(4)) << 32;
        transport.run();
        // SAFETY: a `Request` is not empty.
        let memory = unsafe { alloc_zeroed(Layout::new::<Request>()) };
        let Some(request) = NonNull::new(memory.cast()) else {
            refuse(&"found no memory for its request")
        };
        Self { queue, notify, request, size: sectors.saturating_mul(SECTOR) }
    }

    /// Bytes on the disk.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Fills `buffer` from `offset` on, both in whole sectors of 512 bytes; idles meanwhile.
    pub fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        let length = buffer.len() as u64;
        let inside = offset.checked_add(length).is_some_and(|end| end <= self.size);
        let whole = offset.is_multiple_of(SECTOR) && length.is_multiple_of(SECTOR);
        let Ok(length) = u32::try_from(length) else { return Err(ReadError::Range) };
        if length == 0 || !inside || !whole {
            return Err(ReadError::Range);
        }
        const FAILED: u8 = 0xff;
        let request = Request { kind: READ, reserved: 0, sector: offset / SECTOR, status: FAILED };
        // SAFETY: the memory is this disk's, and the device has no request while this runs.
        unsafe { self.request.as_ptr().write_volatile(request) };
        let address = self.request.as_ptr() as u64;
        let status = address + core::mem::offset_of!(Request, status) as u64;
        // Memory is mapped one to one. The buffer is borrowed until the device has used it.
        let data = buffer.as_mut_ptr() as u64;
        for (id, (address, length, flags)) in [
            (address, HEAD, Descriptor::NEXT),
            (data, length, Descriptor::NEXT | Descriptor::WRITE),
            (status, 1, Descriptor::WRITE),
        ]
        .into_iter()
        .enumerate()
        {
            let id = id as u16;
            self.queue.describe(id, Descriptor { address, length, flags, next: id + 1 });
        }
        self.queue.offer(0);
        self.queue.publish(&self.notify);
        self.wait();
        // What the device wrote is read from memory, not remembered.
        // SAFETY: as above; the device has used the request.
        match unsafe { (&raw const (*self.request.as_ptr()).status).read_volatile() } {
            0 => Ok(()),
            status => Err(ReadError::Device(status)),
        }
    }

    /// Waits until the device has used the one request that it has.
    fn wait(&mut self) {
        while !self.queue.has_news() {
            self.queue.interrupt_after(1);
            fence(Ordering::SeqCst);
            if !self.queue.has_news() {
                interrupts::idle(None);
            }
        }
        match self.queue.ready() {
            Ok(1) if self.queue.peek(0).0 == 0 => self.queue.take(1),
            _ => refuse(&"used a request it did not have"),
        }
    }
}

fn refuse(reason: &dyn fmt::Display) -> ! {
    fatal::die(format_args!("the disk {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_laid_out_as_the_device_reads_it() {
        assert_eq!(core::mem::offset_of!(Request, sector), 8);
        assert_eq!(core::mem::offset_of!(Request, status), HEAD as usize);
    }

    #[test]
    fn errors_say_what_failed() {
        assert_eq!(ReadError::Device(1).to_string(), "the disk failed with status 1");
        assert_eq!(ReadError::Range.to_string(), "a read outside of the disk");
    }
}
