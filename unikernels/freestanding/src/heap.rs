//! A heap for programs of one thread.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;

use talc::{TalcCell, source::Manual};

/// A global allocator for a program of one thread, empty until it is given memory by
/// [`Heap::claim`].
pub struct Heap {
    talc: TalcCell<Manual>,
    claimed: Cell<usize>,
    used: Cell<usize>,
}

// SAFETY: `Heap::new` obliges its caller to use the heap from one thread only and never from a
// signal or interrupt handler, so no two calls overlap. `Sync` is needed only because a `static`
// asks for it.
unsafe impl Sync for Heap {}

impl Heap {
    /// Makes an empty heap.
    ///
    /// # Safety
    /// The heap must be used by one thread only, and by no signal or interrupt handler.
    #[must_use]
    pub const unsafe fn new() -> Self {
        Self { talc: TalcCell::new(Manual), claimed: Cell::new(0), used: Cell::new(0) }
    }

    /// Adds `size` bytes at `base` to the heap; `false` when the region is too small to be of use.
    ///
    /// # Safety
    /// The region must be readable and writable, belong to nobody else, and stay so for the rest of
    /// the program.
    pub unsafe fn claim(&self, base: *mut u8, size: usize) -> bool {
        // SAFETY: the caller gives the region away for good, and `Manual` allows manual claims.
        let claimed = unsafe { self.talc.claim(base, size) }.is_some();
        if claimed {
            self.claimed.set(self.claimed.get() + size);
        }
        claimed
    }

    /// Bytes that were claimed.
    #[must_use]
    pub fn size(&self) -> usize {
        self.claimed.get()
    }

    /// Bytes in allocations that live, without the allocator's own overhead.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.get()
    }

    /// Bytes that are left, an upper bound because of overhead and fragmentation.
    #[must_use]
    pub fn free(&self) -> usize {
        self.claimed.get().saturating_sub(self.used.get())
    }
}

// SAFETY: every method hands its arguments to Talc, which is a correct `GlobalAlloc`; the counters
// change nothing.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's obligations are the same.
        let pointer = unsafe { self.talc.alloc(layout) };
        if !pointer.is_null() {
            self.used.set(self.used.get() + layout.size());
        }
        pointer
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.used.set(self.used.get() - layout.size());
        // SAFETY: the caller's obligations are the same.
        unsafe { self.talc.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's obligations are the same.
        let moved = unsafe { self.talc.realloc(pointer, layout, size) };
        if !moved.is_null() {
            self.used.set(self.used.get() - layout.size() + size);
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heap(size: usize) -> Heap {
        let region = std::vec![0u8; size].leak();
        // SAFETY: the test is the heap's only user, and the region is leaked to it.
        unsafe {
            let heap = Heap::new();
            assert!(heap.claim(region.as_mut_ptr(), region.len()));
            heap
        }
    }

    #[test]
    fn counts_what_is_allocated() {
        let heap = heap(1 << 16);
        let layout = Layout::from_size_align(1000, 64).unwrap();
        // SAFETY: the pointers are used with the layouts they were allocated with.
        unsafe {
            let first = heap.alloc(layout);
            assert_eq!((first as usize % 64, heap.used()), (0, 1000));
            let first = heap.realloc(first, layout, 3000);
            assert_eq!(heap.used(), 3000);
            heap.dealloc(first, Layout::from_size_align(3000, 64).unwrap());
        }
        assert_eq!((heap.used(), heap.free()), (0, 1 << 16));
    }

    #[test]
    fn exhaustion_is_a_null_pointer() {
        let heap = heap(1 << 14);
        let layout = Layout::from_size_align(1 << 15, 8).unwrap();
        // SAFETY: a null pointer is not used.
        assert!(unsafe { heap.alloc(layout) }.is_null());
        assert_eq!(heap.used(), 0);
    }

    #[test]
    fn a_region_too_small_is_refused() {
        let mut region = [0u8; 8];
        // SAFETY: the region outlives the heap.
        unsafe {
            let heap = Heap::new();
            assert!(!heap.claim(region.as_mut_ptr(), region.len()));
            assert_eq!(heap.size(), 0);
        }
    }
}
