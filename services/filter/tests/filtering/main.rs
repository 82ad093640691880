//! What the filter decides.

mod classifier;
mod connections;
mod packets;
mod verdicts;
