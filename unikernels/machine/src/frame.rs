//! Packet buffers: a pool of equal buffers, and frames made of one or more of them.
//!
//! A buffer is always owned by exactly one handle. While a device fills or reads it the driver
//! keeps the handle; a dropped frame returns its buffers to the pool. Each buffer begins with a few
//! bytes for the pool's own use, which no device is ever told of.

use alloc::alloc::{Layout, alloc_zeroed};
use core::mem::ManuallyDrop;
use core::ptr::NonNull;
use core::slice;

use crate::single::Single;

/// Bytes of the header that virtio puts before each frame (`virtio_net_hdr_v1`).
pub(crate) const HEADER: usize = 12;

/// The pool's part of a buffer; the bytes for the device follow it.
#[repr(C, align(16))]
struct Slot {
    /// The next free buffer, or the next of the same frame.
    next: Option<NonNull<Slot>>,
    /// Bytes that hold something.
    filled: u32,
}

#[derive(Clone, Copy)]
struct Pool {
    free: Option<NonNull<Slot>>,
    count: usize,
    /// Bytes for the device in each buffer.
    capacity: usize,
}

static POOL: Single<Pool> = Single::new(Pool { free: None, count: 0, capacity: 0 });

/// Makes `count` buffers of `size` bytes each, the pool's part included; `false` when the heap has
/// not enough. To be called once, before the first buffer is taken.
pub(crate) fn make_pool(count: usize, size: usize) -> bool {
    assert!(POOL.get().capacity == 0, "the pool exists");
    let size = size.next_multiple_of(64).max(size_of::<Slot>() + 64);
    let Ok(layout) = Layout::from_size_align(size.saturating_mul(count), 64) else { return false };
    if count == 0 {
        return false;
    }
    // SAFETY: the layout is not empty.
    let Some(memory) = NonNull::new(unsafe { alloc_zeroed(layout) }) else {
        return false;
    };
    let mut pool = Pool { free: None, count, capacity: size - size_of::<Slot>() };
    for i in (0..count).rev() {
        // SAFETY: slot `i` lies within the allocation, aligned to 64 bytes, and is nobody else's.
        // The memory is never freed.
        unsafe {
            let slot = memory.add(i * size).cast::<Slot>();
            slot.write(Slot { next: pool.free, filled: 0 });
            pool.free = Some(slot);
        }
    }
    POOL.set(pool);
    true
}

/// Buffers that nobody holds.
#[must_use]
pub fn free_buffers() -> usize {
    POOL.get().count
}

/// The bytes of a buffer that a device may use.
fn data(slot: NonNull<Slot>) -> NonNull<u8> {
    // SAFETY: every slot is followed by the pool's `capacity` bytes.
    unsafe { slot.add(1).cast() }
}

/// One buffer, owned.
pub(crate) struct Buffer(NonNull<Slot>);

impl Buffer {
    /// Takes a buffer from the pool.
    pub fn take() -> Option<Self> {
        let mut pool = POOL.get();
        let slot = pool.free?;
        // SAFETY: a slot on the free list belongs to the pool alone.
        pool.free = unsafe { slot.as_ref() }.next;
        pool.count -= 1;
        POOL.set(pool);
        Some(Self(slot))
    }

    /// Where a device finds the bytes; memory is mapped one to one.
    pub fn address(&self) -> u64 {
        data(self.0).as_ptr() as u64
    }

    /// Bytes that a device may write.
    pub fn capacity() -> usize {
        POOL.get().capacity
    }

    /// The two bytes at `offset`, little-endian, whether filled or not.
    pub fn peek16(&self, offset: usize) -> u16 {
        assert!(offset + 2 <= Self::capacity());
        // SAFETY: within the buffer, which was zeroed when it was made; no alignment is assumed.
        unsafe { u16::from_le(data(self.0).add(offset).cast().read_unaligned()) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        give_back(self.0, self.0, 1);
    }
}

/// Puts a chain of buffers on the free list.
fn give_back(first: NonNull<Slot>, last: NonNull<Slot>, count: usize) {
    let mut pool = POOL.get();
    // SAFETY: the caller owns the chain and gives it up.
    unsafe { (*last.as_ptr()).next = pool.free };
    pool.free = Some(first);
    pool.count += count;
    POOL.set(pool);
}

/// What is left for the device that sends a frame to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offload {
    /// Nothing.
    None,
    /// Fill in the transport checksum.
    Checksum,
    /// Cut it into segments of this many payload bytes, checksums included.
    Segments(u16),
}

/// An Ethernet frame in one or more buffers, owned; possibly longer than any link carries.
pub struct Frame {
    first: NonNull<Slot>,
    last: NonNull<Slot>,
    buffers: u16,
    length: u32,
}

impl Frame {
    /// A frame of `length` bytes with arbitrary content; `None` when the pool is empty or one
    /// buffer cannot hold it.
    #[must_use]
    pub fn new(length: usize) -> Option<Self> {
        let filled = length.checked_add(HEADER)?;
        if filled > Buffer::capacity() {
            return None;
        }
        let mut frame = Self::from_buffer(Buffer::take()?, filled);
        frame.raw_header().fill(0);
        Some(frame)
    }

    /// A frame of what a device wrote: the header and what follows it, `filled` bytes in all.
    pub(crate) fn from_buffer(buffer: Buffer, filled: usize) -> Self {
        assert!((HEADER..=Buffer::capacity()).contains(&filled));
        let slot = ManuallyDrop::new(buffer).0;
        // SAFETY: the buffer was owned and is now owned by the frame.
        unsafe { slot.write(Slot { next: None, filled: filled as u32 }) };
        Self { first: slot, last: slot, buffers: 1, length: (filled - HEADER) as u32 }
    }

    /// Adds a buffer with `filled` more bytes.
    pub(crate) fn append(&mut self, buffer: Buffer, filled: usize) {
        assert!(filled <= Buffer::capacity() && self.buffers < u16::MAX);
        let slot = ManuallyDrop::new(buffer).0;
        // SAFETY: both slots are owned by the frame.
        unsafe {
            slot.write(Slot { next: None, filled: filled as u32 });
            (*self.last.as_ptr()).next = Some(slot);
        }
        self.last = slot;
        self.buffers += 1;
        self.length += filled as u32;
    }

    /// Buffers that the frame consists of.
    pub(crate) fn buffers(&self) -> u16 {
        self.buffers
    }

    /// Address and length of what is in each buffer, the header included.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        let mut next = Some(self.first);
        core::iter::from_fn(move || {
            let slot = next?;
            // SAFETY: the frame owns its chain of slots.
            let content = unsafe { slot.as_ref() };
            next = content.next;
            Some((data(slot).as_ptr() as u64, content.filled))
        })
    }

    /// The frame's first bytes, up to the end of its first buffer.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        // SAFETY: the frame owns the buffer; `filled` is at least the header's size and at most the
        // capacity; all bytes were written when the pool was made.
        unsafe {
            let filled = self.first.as_ref().filled as usize;
            slice::from_raw_parts(data(self.first).add(HEADER).as_ptr(), filled - HEADER)
        }
    }

    /// The frame's first bytes, up to the end of its first buffer.
    pub fn head_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `head`, and the frame is borrowed mutably.
        unsafe {
            let filled = self.first.as_ref().filled as usize;
            slice::from_raw_parts_mut(data(self.first).add(HEADER).as_ptr(), filled - HEADER)
        }
    }

    /// Bytes of the whole frame.
    #[must_use]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.length as usize
    }

    /// Cuts a frame of one buffer to `length` bytes; longer frames stay as they are.
    pub fn truncate(&mut self, length: usize) {
        if self.buffers == 1 && length < self.len() {
            // SAFETY: the frame owns the slot.
            unsafe { (*self.first.as_ptr()).filled = (length + HEADER) as u32 };
            self.length = length as u32;
        }
    }

    /// What the sending device has left to do.
    #[must_use]
    pub fn offload(&self) -> Offload {
        let header = self.header();
        match (header[1], header[0] & NEEDS_CHECKSUM) {
            (0, 0) => Offload::None,
            (0, _) => Offload::Checksum,
            _ => Offload::Segments(u16::from_le_bytes([header[4], header[5]])),
        }
    }

    /// Whether the device that received the frame vouches for its transport checksum.
    #[must_use]
    pub fn checksum_is_known_good(&self) -> bool {
        self.header()[0] & (NEEDS_CHECKSUM | DATA_VALID) != 0
    }

    /// Leaves nothing for the sending device to do: for a frame whose content was replaced.
    pub fn clear_offload(&mut self) {
        self.raw_header().fill(0);
    }

    /// Asks the sending device to fill in the checksum at `start + offset` of the frame, summed from
    /// `start` on; the field must hold the pseudo-header's sum.
    pub fn request_checksum(&mut self, start: u16, offset: u16) {
        let header = self.raw_header();
        header.fill(0);
        header[0] = NEEDS_CHECKSUM;
        header[6..8].copy_from_slice(&start.to_le_bytes());
        header[8..10].copy_from_slice(&offset.to_le_bytes());
    }

    /// Keeps of a received header what a sending device understands.
    pub(crate) fn make_sendable(&mut self) {
        let header = self.raw_header();
        header[0] &= NEEDS_CHECKSUM;
        header[10..12].fill(0);
    }

    fn header(&self) -> &[u8; HEADER] {
        // SAFETY: every frame's first buffer begins with a header.
        unsafe { data(self.first).cast().as_ref() }
    }

    fn raw_header(&mut self) -> &mut [u8; HEADER] {
        // SAFETY: as for `header`, and the frame is borrowed mutably.
        unsafe { data(self.first).cast().as_mut() }
    }
}

/// Flag: the transport checksum is still to be filled in.
const NEEDS_CHECKSUM: u8 = 1;
/// Flag: the transport checksum was found right.
const DATA_VALID: u8 = 2;

impl Drop for Frame {
    fn drop(&mut self) {
        give_back(self.first, self.last, usize::from(self.buffers));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test, because the pool is one for the process.
    #[test]
    fn buffers_go_round() {
        assert!(Frame::new(10).is_none(), "no pool yet");
        assert!(make_pool(4, 2048));
        assert_eq!((free_buffers(), Buffer::capacity()), (4, 2032));
        assert!(Frame::new(2032 - HEADER + 1).is_none());

        let mut frame = Frame::new(60).unwrap();
        frame.head_mut().fill(7);
        assert_eq!((frame.len(), frame.head().len(), frame.offload()), (60, 60, Offload::None));
        frame.truncate(42);
        assert_eq!(frame.parts().map(|part| part.1).collect::<Vec<_>>(), [54]);

        frame.append(Buffer::take().unwrap(), 100);
        frame.append(Buffer::take().unwrap(), 1);
        assert_eq!((frame.len(), frame.head().len(), frame.buffers()), (143, 42, 3));
        assert_eq!(frame.parts().map(|part| part.1).collect::<Vec<_>>(), [54, 100, 1]);
        frame.truncate(10);
        assert_eq!(frame.len(), 143);

        frame.raw_header()[..6].copy_from_slice(&[3, 1, 54, 0, 0xb4, 5]);
        frame.raw_header()[10] = 3;
        assert!(frame.checksum_is_known_good());
        frame.make_sendable();
        assert_eq!(frame.offload(), Offload::Segments(1460));
        assert_eq!((frame.header()[0], frame.header()[10]), (1, 0));
        frame.request_checksum(34, 16);
        assert_eq!(frame.offload(), Offload::Checksum);
        frame.clear_offload();
        assert_eq!(frame.offload(), Offload::None);

        assert_eq!(free_buffers(), 1);
        let last = Buffer::take();
        assert!(Buffer::take().is_none());
        drop((frame, last));
        assert_eq!(free_buffers(), 4);
    }
}
