//! Forwarders at work: frame by frame, and between hosts.

mod frames;
mod ports;
mod through;
mod world;
