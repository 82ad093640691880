//! Registers in memory.

/// A register's type: a plain unsigned number.
pub(crate) trait Register: Copy {}
impl Register for u8 {}
impl Register for u16 {}
impl Register for u32 {}

/// A block of device registers in identity-mapped memory.
#[derive(Clone, Copy)]
pub(crate) struct Registers {
    base: usize,
    size: usize,
}

impl Registers {
    /// The `size` bytes at `base`.
    ///
    /// # Safety
    /// They must be mapped device registers, and no Rust object may live there.
    pub const unsafe fn new(base: usize, size: usize) -> Self {
        Self { base, size }
    }

    fn address<T>(self, offset: usize) -> *mut T {
        assert!(offset + size_of::<T>() <= self.size, "register out of range");
        let address = self.base + offset;
        assert!(address.is_multiple_of(align_of::<T>()), "register unaligned");
        address as *mut T
    }

    /// Reads the register at `offset` bytes.
    pub fn read<T: Register>(self, offset: usize) -> T {
        // SAFETY: within mapped device registers by `new` and `address`, and aligned.
        unsafe { self.address::<T>(offset).read_volatile() }
    }

    /// Writes the register at `offset` bytes.
    pub fn write<T: Register>(self, offset: usize, value: T) {
        // SAFETY: as for `read`.
        unsafe { self.address::<T>(offset).write_volatile(value) }
    }

    /// The registers from `offset` on.
    pub fn part(self, offset: usize, size: usize) -> Option<Self> {
        (offset.checked_add(size)? <= self.size).then_some(Self { base: self.base + offset, size })
    }
}
