//! Variables of a program that has one thread and no interrupt handlers.

use core::cell::UnsafeCell;

/// A static variable that only the one thread touches, for short moments that never nest.
pub(crate) struct Single<T>(UnsafeCell<T>);

// SAFETY: the machine has one processor, one thread, and interrupts only while that thread is idle,
// in stubs that touch no Rust variable.
unsafe impl<T> Sync for Single<T> {}

impl<T> Single<T> {
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// A copy of the value.
    pub fn get(&self) -> T
    where
        T: Copy,
    {
        // SAFETY: one thread, and no reference to the content is ever handed out.
        unsafe { *self.0.get() }
    }

    /// Replaces the value.
    pub fn set(&self, value: T) {
        self.replace(value);
    }

    /// Replaces the value; the one that was there.
    pub fn replace(&self, value: T) -> T {
        // SAFETY: as for `get`; nothing runs between reading the one and writing the other.
        unsafe { self.0.get().replace(value) }
    }
}
