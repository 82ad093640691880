//! What filter and router are held against: references that are slow and obvious, and share
//! nothing with them but the configuration and the reading of headers.
#![forbid(unsafe_code)]

mod linear;
mod longest;
pub mod neighbours;

pub use linear::Linear;
pub use longest::longest;
