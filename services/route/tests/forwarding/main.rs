//! Forwarders at work: frame by frame, and between hosts.

mod frames;
mod frames6;
mod ports;
mod through;
mod world;
