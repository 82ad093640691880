//! Reads the machine's disk as its boot module says, writes what came of it, powers off.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

use machine::Machine;
use service_config::Trial;
use service_console::Event;
use service_storage::{Measurement, Offsets};

machine::entry!(main);

const NODE: &str = "storage";

fn main(mut machine: Machine) -> ! {
    machine::set_node(NODE);
    node::say(&Event::Boot { node: NODE, kind: NODE, topology: "", config: None });
    let trial = match Trial::parse(machine.module()) {
        Ok(trial) => trial,
        Err(error) => machine::die(format_args!("trial: {error}")),
    };
    let mut disk = machine.open_disk();
    let offsets = match Offsets::new(trial, disk.size()) {
        Ok(offsets) => offsets,
        Err(error) => machine::die(format_args!("{error}")),
    };
    node::say(&Event::Ready { node: NODE, kind: NODE });

    let mut buffer = alloc::vec![0; trial.block as usize];
    let mut measurement = Measurement::new();
    let start = node::now();
    let mut before = start;
    for offset in offsets {
        if let Err(error) = disk.read(offset, &mut buffer) {
            machine::die(format_args!("at {offset}: {error}"));
        }
        let after = node::now();
        measurement.count(offset, &buffer, after.since(before));
        before = after;
    }
    measurement.finish(node::now().since(start));
    node::say(&Event::Counters { node: NODE, counters: &measurement });
    machine::power_off()
}
