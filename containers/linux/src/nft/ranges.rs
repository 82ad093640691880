//! Sets of numbers as sorted ranges that neither overlap nor touch.

use alloc::vec::Vec;

/// Both ends inclusive.
pub type Range = (u128, u128);

/// Sorts ranges and joins those that overlap or touch.
#[must_use]
pub fn merge(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.sort_unstable();
    let mut merged: Vec<Range> = Vec::with_capacity(ranges.len());
    for (low, high) in ranges {
        match merged.last_mut() {
            Some((_, last)) if last.checked_add(1).is_none_or(|next| low <= next) => {
                *last = high.max(*last)
            }
            _ => merged.push((low, high)),
        }
    }
    merged
}

/// The number of leading bits that all of a range's `bits`-bit numbers share, if they are all such numbers.
#[must_use]
pub fn prefix_length((low, high): Range, bits: u32) -> Option<u32> {
    let differing = low ^ high;
    let free = u128::BITS - differing.leading_zeros();
    let whole = low & differing == 0 && differing.count_ones() == free;
    (whole && free <= bits).then(|| bits - free)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_overlap_or_touch_are_one() {
        assert_eq!(merge([(5, 9), (1, 2), (3, 4), (20, 30), (22, 23)].into()), [(1, 9), (20, 30)]);
        assert_eq!(merge([(0, u128::MAX), (7, 8)].into()), [(0, u128::MAX)]);
        assert_eq!(merge(Vec::new()), []);
    }

    #[test]
    fn a_prefix_is_a_range_of_a_power_of_two() {
        assert_eq!(prefix_length((0x0a00_0000, 0x0aff_ffff), 32), Some(8));
        assert_eq!(prefix_length((7, 7), 32), Some(32));
        assert_eq!(prefix_length((0, u128::MAX), 128), Some(0));
        assert_eq!(prefix_length((0, u32::MAX.into()), 32), Some(0));
        assert_eq!(prefix_length((1, 2), 32), None);
        assert_eq!(prefix_length((2, 5), 32), None);
    }
}
