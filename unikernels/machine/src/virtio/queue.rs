//! A split virtqueue (VIRTIO 1.2, 2.7), with event indices.
//!
//! The driver keeps its own copy of every index; what it reads from the rings, which the device
//! writes, is checked before it is used.

use alloc::alloc::{Layout, alloc_zeroed};
use core::ptr::NonNull;
use core::sync::atomic::{Ordering, fence};

use super::registers::Bank;

/// `VIRTIO_F_EVENT_IDX`, without which no queue is made here.
pub(super) const EVENT_INDEX: u64 = 1 << 29;

/// One entry of the descriptor table.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Descriptor {
    pub address: u64,
    pub length: u32,
    pub flags: u16,
    pub next: u16,
}

impl Descriptor {
    /// Another descriptor follows.
    pub const NEXT: u16 = 1;
    /// The device writes.
    pub const WRITE: u16 = 2;
}

/// Addresses of a queue's three parts, for the device.
pub(super) struct Addresses {
    pub descriptors: u64,
    pub available: u64,
    pub used: u64,
}

/// How the device is told of new entries.
pub(super) struct Notify {
    pub register: Bank,
    pub value: u16,
}

/// What a device may not do with a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Misbehaved;

pub(super) struct Queue {
    size: u16,
    descriptors: NonNull<Descriptor>,
    /// Flags, index, ring, used event.
    available: NonNull<u16>,
    /// Flags, index, ring of (id, length), available event.
    used: NonNull<u16>,
    /// Available index, the device's view after `publish`.
    offered: u16,
    /// Available index when the device was last told.
    told: u16,
    /// Used index up to which entries were taken.
    taken: u16,
    /// Used index as last read.
    known: u16,
}

impl Queue {
    /// What the used ring of a modern device is aligned to here, a line of the cache, and that of
    /// a legacy one must be, as the whole queue.
    pub const ALIGNMENT: usize = 64;
    pub const LEGACY_ALIGNMENT: usize = 4096;

    /// Makes the rings for `size` entries, a power of two; `None` when the heap has not enough.
    pub fn new(size: u16, alignment: usize) -> Option<Self> {
        assert!(size.is_power_of_two());
        let entries = usize::from(size);
        let available = 16 * entries;
        let used = (available + 6 + 2 * entries).next_multiple_of(alignment);
        let layout = Layout::from_size_align(used + 6 + 8 * entries, alignment).ok()?;
        // SAFETY: the layout is not empty. The memory is never freed: a device may hold it.
        let memory = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        // SAFETY: the offsets lie within the allocation and keep the parts' alignment.
        unsafe {
            Some(Self {
                size,
                descriptors: memory.cast(),
                available: memory.add(available).cast(),
                used: memory.add(used).cast(),
                offered: 0,
                told: 0,
                taken: 0,
                known: 0,
            })
        }
    }

    pub fn addresses(&self) -> Addresses {
        Addresses {
            descriptors: self.descriptors.as_ptr() as u64,
            available: self.available.as_ptr() as u64,
            used: self.used.as_ptr() as u64,
        }
    }

    fn slot(&self, index: u16) -> usize {
        usize::from(index & (self.size - 1))
    }

    /// Writes a descriptor that the device does not hold.
    pub fn describe(&mut self, id: u16, descriptor: Descriptor) {
        assert!(id < self.size);
        // SAFETY: within the table; the device reads it only after `publish`.
        unsafe { self.descriptors.add(usize::from(id)).write_volatile(descriptor) }
    }

    /// Offers the chain that begins with descriptor `id`; the device sees it after `publish`.
    pub fn offer(&mut self, id: u16) {
        // SAFETY: within the ring, in an entry that the device has consumed: no more chains are
        // offered than there are descriptors.
        unsafe { self.available.add(2 + self.slot(self.offered)).write_volatile(id) }
        self.offered = self.offered.wrapping_add(1);
    }

    /// Lets the device see what was offered, and tells it if it wants to be told.
    pub fn publish(&mut self, notify: &Notify) {
        if self.offered == self.told {
            return;
        }
        fence(Ordering::Release);
        // SAFETY: the available index is the ring's second field; the available event stands behind
        // the used ring.
        let event = unsafe {
            self.available.add(1).write_volatile(self.offered);
            fence(Ordering::SeqCst);
            self.used.add(2 + 4 * usize::from(self.size)).read_volatile()
        };
        if passed(event, self.offered, self.told) {
            notify.register.write(0, notify.value);
        }
        self.told = self.offered;
    }

    /// Entries that the device has used and that were not taken yet.
    pub fn ready(&mut self) -> Result<u16, Misbehaved> {
        if self.known == self.taken {
            self.look()?;
        }
        Ok(self.known.wrapping_sub(self.taken))
    }

    /// Reads how far the device is.
    pub fn look(&mut self) -> Result<(), Misbehaved> {
        // SAFETY: the used index is the ring's second field.
        self.known = unsafe { self.used.add(1).read_volatile() };
        fence(Ordering::Acquire);
        if self.known.wrapping_sub(self.taken) > self.outstanding().min(self.size) {
            return Err(Misbehaved);
        }
        Ok(())
    }

    /// Chains that the device has, or has used without their being taken.
    pub fn outstanding(&self) -> u16 {
        self.offered.wrapping_sub(self.taken)
    }

    /// Whether the device has used more than was taken, as of now.
    pub fn has_news(&self) -> bool {
        // SAFETY: as for `look`.
        unsafe { self.used.add(1).read_volatile() != self.taken }
    }

    /// The id and length that the device wrote for the `ahead`th entry that is ready.
    pub fn peek(&self, ahead: u16) -> (u32, u32) {
        let at = 2 + 4 * self.slot(self.taken.wrapping_add(ahead));
        // SAFETY: within the used ring, whose entries are two aligned 32-bit numbers.
        unsafe {
            let entry = self.used.add(at).cast::<u32>();
            (entry.read_volatile(), entry.add(1).read_volatile())
        }
    }

    /// Takes `count` entries that were ready.
    pub fn take(&mut self, count: u16) {
        self.taken = self.taken.wrapping_add(count);
    }

    /// Asks for an interrupt once `ahead` more entries than were taken are used.
    pub fn interrupt_after(&mut self, ahead: u16) {
        self.set_used_event(self.taken.wrapping_add(ahead).wrapping_sub(1));
    }

    /// Asks for no interrupt soon: half the numbers away from all that is on its way.
    pub fn interrupt_never(&mut self) {
        self.set_used_event(self.taken.wrapping_add(0x8000));
    }

    fn set_used_event(&mut self, index: u16) {
        // SAFETY: the used event stands behind the available ring.
        unsafe { self.available.add(2 + usize::from(self.size)).write_volatile(index) }
    }
}

/// Whether an index that went from `old` to `new` passed `event` (VIRTIO 1.2, 2.7.7.1).
const fn passed(event: u16, new: u16, old: u16) -> bool {
    new.wrapping_sub(event).wrapping_sub(1) < new.wrapping_sub(old)
}

#[cfg(test)]
impl Queue {
    /// Does what a device does when it has used a chain.
    pub(super) fn device_uses(&mut self, id: u32, length: u32) {
        // SAFETY: the test is the device.
        unsafe {
            let index = self.used.add(1).read();
            let entry = self.used.add(2 + 4 * self.slot(index)).cast::<u32>();
            entry.write(id);
            entry.add(1).write(length);
            self.used.add(1).write(index.wrapping_add(1));
        }
    }

    /// The descriptors that are offered and not used, as a device sees them.
    pub(super) fn device_sees(&self) -> Vec<Descriptor> {
        // SAFETY: as above.
        unsafe {
            let (used, offered) = (self.used.add(1).read(), self.available.add(1).read());
            (0..offered.wrapping_sub(used))
                .map(|ahead| {
                    let id = self.available.add(2 + self.slot(used.wrapping_add(ahead))).read();
                    self.descriptors.add(usize::from(id)).read()
                })
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_passed_once_also_over_the_wrap() {
        assert!(passed(5, 6, 5));
        assert!(!passed(5, 5, 5));
        assert!(!passed(6, 6, 5));
        assert!(passed(0xffff, 0, 0xffff));
        assert!(passed(0xfffe, 2, 0xfff0));
        assert!(!passed(0xffef, 2, 0xfff0));
    }

    #[test]
    fn entries_come_back_in_the_order_of_the_device_over_many_wraps() {
        let mut queue = Queue::new(8, Queue::ALIGNMENT).unwrap();
        for round in 0..100_000u32 {
            queue.offer((round % 8) as u16);
            queue.device_uses(round % 8, round);
            assert_eq!(queue.ready(), Ok(1));
            assert_eq!(queue.peek(0), (round % 8, round));
            queue.take(1);
            assert!(!queue.has_news());
        }
    }

    #[test]
    fn a_used_index_beyond_what_was_offered_is_noticed() {
        let mut queue = Queue::new(8, Queue::ALIGNMENT).unwrap();
        queue.offer(0);
        queue.device_uses(0, 1);
        queue.device_uses(0, 1);
        assert_eq!(queue.ready(), Err(Misbehaved));
    }

    #[test]
    fn a_legacy_queue_is_laid_out_by_pages() {
        let queue = Queue::new(256, Queue::LEGACY_ALIGNMENT).unwrap();
        let addresses = queue.addresses();
        assert_eq!(addresses.descriptors % 4096, 0);
        assert_eq!(addresses.available, addresses.descriptors + 4096);
        assert_eq!(addresses.used, addresses.descriptors + 8192);
    }

    #[test]
    fn events_stand_where_the_device_reads_them() {
        let mut queue = Queue::new(8, Queue::ALIGNMENT).unwrap();
        queue.interrupt_after(3);
        // SAFETY: behind the ring's eight entries.
        assert_eq!(unsafe { queue.available.add(10).read() }, 2);
        queue.interrupt_never();
        // SAFETY: as above.
        assert_eq!(unsafe { queue.available.add(10).read() }, 0x8000);
    }
}
