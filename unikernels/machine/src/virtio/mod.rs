//! Virtio devices.

mod blk;
mod net;
mod queue;
mod registers;
mod transport;

pub use blk::{Disk, ReadError};
pub(crate) use net::open_all;
pub use net::{Mac, Nic, Purpose};
