//! The router node as a unikernel: joins segments, and filters where its configuration says so.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use machine::Machine;
use service_config::Kind;

machine::entry!(main);

fn main(machine: Machine) -> ! {
    forwarder::forward(machine, Kind::Router)
}
