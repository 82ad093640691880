//! Forwarding, by whoever the node's configuration says: the kernel, or the services' own code over packet sockets.

mod kernel;
mod shared;

use service_config::{Dataplane, Kind};

use crate::Fatal;
use crate::node::Node;

/// Runs a node that forwards until it is asked to stop.
pub fn run(kind: Kind) -> Result<(), Fatal> {
    let node = Node::load(kind)?;
    match node.config.dataplane {
        Some(Dataplane::Shared) => shared::run(node),
        Some(Dataplane::Kernel) | None => kernel::run(node),
    }
}
