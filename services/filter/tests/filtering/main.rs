//! What the filter decides.

mod classifier;
mod packets;
mod verdicts;
