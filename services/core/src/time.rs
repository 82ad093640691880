//! Time as the services see it: microseconds since boot, passed in by whoever has a clock.

use core::ops::{Add, AddAssign};

/// A moment, in microseconds since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

/// A span of time, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(u64);

impl Instant {
    /// Boot.
    pub const ZERO: Self = Self(0);

    /// The moment `micros` microseconds after boot.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since boot.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// The time since `earlier`, zero if that lies in the future.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }
}

impl Duration {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// `seconds` seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds * 1_000_000)
    }

    /// `millis` milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * 1_000)
    }

    /// `micros` microseconds.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// The span in microseconds.
    pub const fn micros(self) -> u64 {
        self.0
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, span: Duration) {
        *self = *self + span;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_saturate_instead_of_wrapping() {
        let early = Instant::from_micros(5);
        let late = Instant::ZERO + Duration::from_millis(1);
        assert_eq!(late.since(early), Duration::from_micros(995));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!((Instant::from_micros(u64::MAX) + Duration::from_secs(1)).micros(), u64::MAX);
    }
}
