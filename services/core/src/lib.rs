//! What every service shares: [`Instant`] and [`Duration`], [`RateLimit`], the [`Counters`] that
//! a node reports, text in JSON ([`Quoted`]), and [`Session`], the shape of everything served over a byte stream.
#![no_std]
#![forbid(unsafe_code)]

mod counters;
mod json;
mod limit;
mod session;
mod time;

pub use counters::{CounterName, Counters, total};
pub use json::Quoted;
pub use limit::RateLimit;
pub use session::Session;
pub use time::{Duration, Instant};
