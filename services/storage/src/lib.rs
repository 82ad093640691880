//! Timed, checked reads of local storage: which to make, and what came of them.
//!
//! Whoever has a device and a clock makes the reads of [`Offsets`] and tells [`Measurement`] of
//! each.
#![no_std]
#![forbid(unsafe_code)]

mod measurement;
mod offsets;

pub use measurement::Measurement;
pub use offsets::{Offsets, TooSmall};
