//! What the figures are taken with, shared with the test that makes every service.
#![forbid(unsafe_code)]

pub mod packets;
