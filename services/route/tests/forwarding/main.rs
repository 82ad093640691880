//! Forwarders at work: frame by frame, and between hosts.

mod discovery6;
mod frames;
mod frames6;
mod groups;
mod ports;
mod through;
mod world;
