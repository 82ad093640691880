//! Ranges of physical memory: which are RAM, which are taken, which are left for the heap.

use core::fmt;

/// A page, in bytes.
pub const PAGE: usize = 4096;

/// The bytes from `start` up to, not including, `end`; never the wrong way round.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Range {
    start: usize,
    end: usize,
}

impl Range {
    /// The range between two addresses, empty when they are in the wrong order.
    #[must_use]
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end: if end < start { start } else { end } }
    }

    /// The range of `size` bytes at `start`; `None` when it would pass the end of the address space.
    #[must_use]
    pub fn sized(start: u64, size: u64) -> Option<Self> {
        let end = start.checked_add(size)?;
        Some(Self::new(start.try_into().ok()?, end.try_into().ok()?))
    }

    /// First address.
    #[must_use]
    pub const fn start(self) -> usize {
        self.start
    }

    /// First address behind it.
    #[must_use]
    pub const fn end(self) -> usize {
        self.end
    }

    /// Bytes.
    #[must_use]
    pub const fn size(self) -> usize {
        self.end - self.start
    }

    /// Whether `other` lies within this range.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The smallest range of whole units of `unit` bytes, a power of two, that holds this one.
    #[must_use]
    pub const fn widened(self, unit: usize) -> Self {
        Self::new(self.start & !(unit - 1), self.end.div_ceil(unit) * unit)
    }

    /// The largest range of whole pages within this one.
    #[must_use]
    pub const fn whole_pages(self) -> Self {
        Self::new(self.start.div_ceil(PAGE) * PAGE, self.end & !(PAGE - 1))
    }

    /// What is left below and above when `hole` is cut out.
    #[must_use]
    pub fn without(self, hole: Self) -> [Self; 2] {
        [
            Self::new(self.start, self.end.min(hole.start)),
            Self::new(self.start.max(hole.end), self.end),
        ]
    }
}

impl fmt::Debug for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}..{:#x}", self.start, self.end)
    }
}

/// A short list of ranges that needs no heap.
#[derive(Clone, Copy)]
pub struct Ranges {
    list: [Range; Self::MOST],
    count: usize,
}

impl Ranges {
    /// Most ranges that are kept; PC firmware reports fewer than ten.
    pub const MOST: usize = 32;

    /// No ranges.
    #[must_use]
    pub const fn new() -> Self {
        Self { list: [Range::new(0, 0); Self::MOST], count: 0 }
    }

    /// Adds a range unless it is empty; `false` when the list is full.
    pub fn push(&mut self, range: Range) -> bool {
        if range.size() == 0 {
            return true;
        }
        let Some(slot) = self.list.get_mut(self.count) else {
            return false;
        };
        *slot = range;
        self.count += 1;
        true
    }

    /// The ranges.
    #[must_use]
    pub fn as_slice(&self) -> &[Range] {
        &self.list[..self.count]
    }

    /// The whole pages of these ranges that touch none of `taken`; what does not fit is left out.
    #[must_use]
    pub fn without(&self, taken: &[Range]) -> Self {
        let mut left = *self;
        for hole in taken {
            let mut next = Self::new();
            for range in left.as_slice() {
                for part in range.without(*hole) {
                    next.push(part);
                }
            }
            left = next;
        }
        let mut pages = Self::new();
        for range in left.as_slice() {
            pages.push(range.whole_pages());
        }
        pages
    }
}

impl Default for Ranges {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(list: &[(usize, usize)]) -> Ranges {
        let mut ranges = Ranges::new();
        for &(start, end) in list {
            assert!(ranges.push(Range::new(start, end)));
        }
        ranges
    }

    #[test]
    fn the_heap_is_what_image_and_module_leave() {
        let ram = ranges(&[(0, 0x9fc00), (0x10_0000, 0x7f_e123)]);
        let taken = [
            Range::new(0, PAGE),
            Range::new(0x10_0000, 0x15_0000),
            Range::new(0x7f_8000, 0x7f_8123),
        ];
        assert_eq!(
            ram.without(&taken).as_slice(),
            [
                Range::new(0x1000, 0x9f000),
                Range::new(0x15_0000, 0x7f_8000),
                Range::new(0x7f_9000, 0x7f_e000),
            ]
        );
    }

    #[test]
    fn a_hole_over_all_leaves_nothing() {
        let ram = ranges(&[(0x1000, 0x3000)]);
        assert!(ram.without(&[Range::new(0, 0x4000)]).as_slice().is_empty());
    }

    #[test]
    fn sizes_that_wrap_are_refused() {
        assert_eq!(Range::sized(u64::MAX, 2), None);
        assert_eq!(Range::sized(0x1000, 0x10), Some(Range::new(0x1000, 0x1010)));
    }

    #[test]
    fn widening_covers_and_a_full_list_says_so() {
        let wide = Range::new(0x1001, 0x20_0001).widened(1 << 21);
        assert_eq!(wide, Range::new(0, 0x40_0000));
        let mut full = Ranges::new();
        for _ in 0..Ranges::MOST {
            assert!(full.push(wide));
        }
        assert!(!full.push(wide));
        assert!(full.push(Range::new(5, 5)));
    }
}
