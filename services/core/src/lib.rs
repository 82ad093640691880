//! What every service shares: [`Instant`] and [`Duration`], [`RateLimit`], the [`Counters`] that
//! a node reports, text in JSON ([`Quoted`]), [`Session`], the shape of everything served over a byte stream, and
//! [`Intervals`], by which rules and routes are looked up.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod counters;
mod intervals;
mod json;
mod limit;
mod session;
mod time;

pub use counters::{CounterName, Counters, total};
pub use intervals::Intervals;
pub use json::Quoted;
pub use limit::RateLimit;
pub use session::Session;
pub use time::{Duration, Instant};
