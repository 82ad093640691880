//! Whether the life before this one ended without a word.
//!
//! Memory outlives a reset. A mark in it stands while the program runs and is taken away once its end
//! was told: one that is found at the start is of a life of which nobody could tell, since the
//! processor shut down (a triple fault) or was reset from outside.

use crate::memory::Range;

/// Memory for the mark: behind the tables of firmware, and nobody else's.
pub(crate) const PLACE: Range = Range::new(0x8000, 0x9000);
/// What memory does not hold by chance.
const MARK: [u64; 2] = [0x6e6f_7420_656e_6465, 0x6420_6279_2075_7321];

/// Makes the mark; whether it was there.
///
/// # Safety
/// `PLACE` must be mapped memory that nobody else uses.
pub(crate) unsafe fn begin() -> bool {
    let place = PLACE.start() as *mut [u64; 2];
    // SAFETY: by the caller's promise; the address is aligned.
    unsafe { place.replace(MARK) == MARK }
}

/// Takes the mark away.
pub(crate) fn end() {
    let place = PLACE.start() as *mut [u64; 2];
    // SAFETY: `Machine::start` keeps the page from the heap, and all RAM is mapped to be written.
    unsafe { place.write_volatile([0; 2]) }
}
