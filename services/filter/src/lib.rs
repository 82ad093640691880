//! A stateful packet filter: ordered rules on what IP packets say, established flows let back.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod filter;
mod packet;

pub use filter::{Cause, Filter, FilterError, Verdict};
pub use packet::{Malformed, Packet, Transport};
