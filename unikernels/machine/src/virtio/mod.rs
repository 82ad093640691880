//! Virtio devices.

mod net;
mod queue;
mod transport;

pub(crate) use net::open_all;
pub use net::{Mac, Nic, Purpose};
