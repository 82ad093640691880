//! What the filter decides.

mod classifier;
mod connections;
mod ipv6;
mod packets;
mod verdicts;
