//! Boots to ring 3, computes with SSE, sleeps once by the timer, says that it is ready and powers
//! the machine off. Whether an accelerator runs the unikernels is found out by booting this.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::fmt::Write;

use machine::{Console, Machine};
use service_console::Event;
use service_core::Instant;

machine::entry!(main);

const NODE: &str = "selftest";
/// How long it sleeps, in microseconds.
const NAP: u64 = 1000;

fn main(_machine: Machine) -> ! {
    machine::set_node(NODE);
    let seed = machine::random_seed();
    let root = core::hint::black_box(seed as f64).abs() / 3.0;
    assert!(root.is_finite(), "floating point does not work");

    let start = machine::now();
    while machine::now() < start + NAP {
        machine::idle(Some(start + NAP));
    }
    let ready =
        Event::Ready { node: NODE, kind: NODE, uptime: Instant::from_micros(machine::now()) };
    // The serial line takes everything.
    let _ = writeln!(Console, "{ready}");
    machine::power_off()
}
