//! The Linux side of a container: what a service needs around it when it is process 1, static,
//! without a C library, on a read-only root.
//!
//! [`init!`](crate::init) makes a program of a function. What it does before and after that function runs
//! (configuration, console, network, privileges) is in the modules, in the order of [`node`].
#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod address;
pub mod console;
pub mod events;
pub mod fatal;
pub mod forward;
pub mod netlink;
pub mod network;
pub mod nflog;
pub mod nft;
pub mod node;
pub mod packet;
pub mod privileges;
pub mod seccomp;
pub mod serve;
pub mod snmp;
pub mod start;
pub mod sys;
pub mod sysctl;

pub use fatal::Fatal;
pub use freestanding::{self, Heap};
pub use rustix;
