//! The router node as a unikernel: joins segments, and filters where its configuration says so.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use machine::Machine;
use node::Node;
use service_config::Kind;

machine::entry!(main);

fn main(machine: Machine) -> ! {
    forwarder::forward(Node::boot(machine, Kind::Router))
}
