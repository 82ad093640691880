//! The lines that a node writes about itself: one JSON object a line, keys in a fixed order, the
//! same on a unikernel's console and in a container's console file.
//!
//! Formatting only: an [`Event`] displays as its line, without the line feed.
#![no_std]
#![forbid(unsafe_code)]

mod event;
mod report;

pub use event::{Dropped, Event, Protocol, REVERSE_PATH, Timed};
pub use report::{Report, Why};
pub use service_core::RateLimit;
