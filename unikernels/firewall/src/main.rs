//! The firewall node as a unikernel: forwards what its policy permits.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use machine::Machine;
use service_config::Kind;

machine::entry!(main);

fn main(machine: Machine) -> ! {
    forwarder::forward(machine, Kind::Firewall)
}
