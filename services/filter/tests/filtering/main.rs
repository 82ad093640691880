//! What the filter decides.

mod classifier;
mod connections;
mod echoes;
mod ipv6;
mod packets;
mod verdicts;
