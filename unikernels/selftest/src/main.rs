//! Boots to ring 3, computes with SSE, sleeps by the timer, says that it is ready and powers the
//! machine off. Whether an accelerator runs the unikernels is found out by booting this.
//!
//! Its boot module may hold one word that makes it show something else about the machine: a number
//! of milliseconds to sleep between its two lines, `panic`, `recurse` or `exhaust`.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use machine::Machine;
use service_console::Event;
use service_core::Duration;

machine::entry!(main);

const NODE: &str = "selftest";
/// How long it sleeps unless told otherwise.
const NAP: Duration = Duration::from_millis(1);

fn main(machine: Machine) -> ! {
    machine::set_node(NODE);
    node::say(&Event::Boot { node: NODE, kind: NODE, topology: "", config: None });
    let seed = machine::random_seed();
    let root = core::hint::black_box(seed as f64) / 3.0;
    assert!(root.is_finite(), "floating point does not work");

    match core::str::from_utf8(machine.module()).unwrap_or_default().trim() {
        "" => sleep(NAP),
        "panic" => panic!("as told"),
        "recurse" => sleep(Duration::from_micros(recurse(seed))),
        "exhaust" => exhaust(),
        word => match word.parse() {
            Ok(millis) => sleep(Duration::from_millis(millis)),
            Err(_) => machine::die(format_args!("unknown word in the boot module: {word}")),
        },
    }
    node::say(&Event::Ready { node: NODE, kind: NODE });
    machine::power_off()
}

fn sleep(nap: Duration) {
    let end = node::now() + nap;
    while node::now() < end {
        machine::idle(Some(end.micros()));
    }
}

/// Runs into the page below the stack.
#[expect(unconditional_recursion, reason = "that is what it is for")]
fn recurse(depth: u64) -> u64 {
    let frame = core::hint::black_box([depth; 64]);
    frame[depth as usize % 64] ^ recurse(depth.wrapping_add(1))
}

/// Takes memory until there is none.
fn exhaust() {
    let mut taken = Vec::new();
    loop {
        taken.push(core::hint::black_box(alloc::vec![0u8; 65536]));
    }
}
