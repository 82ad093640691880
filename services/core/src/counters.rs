//! What a node counts and reports.

use core::fmt;

/// A counter's name: a fixed part and, for counters of configured things, the thing's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CounterName<'a> {
    fixed: &'static str,
    own: &'a str,
}

impl<'a> CounterName<'a> {
    /// A name that the code knows, `forwarded`.
    pub const fn fixed(name: &'static str) -> Self {
        Self { fixed: name, own: "" }
    }

    /// A name that ends in one from the configuration, `rule.` and `web-in`.
    pub const fn of(prefix: &'static str, name: &'a str) -> Self {
        Self { fixed: prefix, own: name }
    }

    /// Whether it counts a configured thing, of which there may be thousands.
    pub const fn is_own(&self) -> bool {
        !self.own.is_empty()
    }

    /// The fixed part and the thing's name, which may be empty.
    pub const fn parts(self) -> (&'static str, &'a str) {
        (self.fixed, self.own)
    }
}

impl fmt::Display for CounterName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.fixed)?;
        f.write_str(self.own)
    }
}

/// A set of counters; each only ever rises.
pub trait Counters {
    /// Calls `visit` with each counter, always in the same order.
    fn visit(&self, visit: &mut dyn FnMut(CounterName<'_>, u64));
}

/// The sum of all counters: it changes exactly when one of them does.
pub fn total(counters: &dyn Counters) -> u64 {
    let mut sum = 0u64;
    counters.visit(&mut |_, value| sum = sum.wrapping_add(value));
    sum
}
