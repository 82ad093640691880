//! A value for every number, the same for all numbers of a stretch.

use alloc::vec::Vec;

/// A function on all numbers of `K` that is constant between few boundaries: sorted boundaries,
/// found by halving.
///
/// ```
/// use service_core::Intervals;
///
/// let mut ports = Intervals::new('-');
/// ports.append(80u16, 'w');
/// ports.append(81, '-');
/// assert_eq!((ports.get(79), ports.get(80), ports.get(u16::MAX)), ('-', 'w', '-'));
/// ```
#[derive(Debug)]
pub struct Intervals<K, V> {
    /// The value before the first boundary.
    before: V,
    starts: Vec<K>,
    values: Vec<V>,
}

impl<K: Copy + Ord, V: Copy + PartialEq> Intervals<K, V> {
    /// The same value everywhere.
    pub const fn new(value: V) -> Self {
        Self { before: value, starts: Vec::new(), values: Vec::new() }
    }

    /// Sets the value from `start` on, which is no less than any boundary before.
    pub fn append(&mut self, start: K, value: V) {
        debug_assert!(self.starts.last().is_none_or(|last| *last <= start));
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.values.pop();
        }
        if self.last() != value {
            self.starts.push(start);
            self.values.push(value);
        }
    }

    /// The value of the greatest numbers.
    pub fn last(&self) -> V {
        self.values.last().copied().unwrap_or(self.before)
    }

    /// The value at `key`.
    pub fn get(&self, key: K) -> V {
        match self.starts.partition_point(|start| *start <= key) {
            0 => self.before,
            index => self.values[index - 1],
        }
    }

    /// Gives back the memory that growing has set aside.
    pub fn shrink(&mut self) {
        self.starts.shrink_to_fit();
        self.values.shrink_to_fit();
    }
}
