//! A firewall as a container's init.
#![no_std]
#![no_main]

use linux::node::Node;
use linux::{Fatal, forward, init};
use service_config::Kind;

init!(run);

fn run(node: Node) -> Result<(), Fatal> {
    forward::run(node, Kind::Firewall)
}
