//! Forwards between the machine's network interfaces: the loop around `service-route`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod ports;

use machine::{Machine, Purpose};
use node::{Node, Totals, sooner};
use service_config::Kind;
use service_core::Instant;
use service_route::Forwarder;

use ports::{NicPorts, Wire};

/// Frames that one interface may bring in before the others have their turn.
const BUDGET: usize = 64;

fn totals<'a>(forwarder: &'a Forwarder<Wire>, ports: &'a NicPorts) -> Totals<'a> {
    Totals { service: forwarder, nics: &ports.nics, frames_counted: true }
}

/// Forwards for ever, as a node of this kind.
pub fn forward(machine: Machine, kind: Kind) -> ! {
    let (mut node, mut forwarder) = Node::boot_compiled(machine, kind, |config| {
        let forwarder = Forwarder::<Wire>::new(config, machine::random_seed())
            .unwrap_or_else(|error| machine::die(format_args!("forwarder: {error}")));
        // Compiled by now; thousands of rules would hold memory.
        config.filter = None;
        forwarder
    });
    // Packet buffers take their share of what routes and rules have left.
    let mut ports = NicPorts { nics: node.open_nics(Purpose::Forwarding) };
    forwarder.announce(node::now(), &mut ports);
    ports.flush();
    node.ready();

    let mut wake = None;
    loop {
        let now = node::now();
        for port in 0..ports.nics.len() {
            for _ in 0..BUDGET {
                if !ports.have_room() {
                    break;
                }
                let Some(frame) = ports.nics[port].receive() else { break };
                forwarder.receive(now, port, Wire(frame), &mut ports);
            }
        }
        if wake.is_none_or(|wake| wake <= now) {
            wake = forwarder.poll(now, &mut ports);
        }
        ports.flush();
        while let Some(event) = forwarder.take_drop_event() {
            if let Some(event) = forwarder.describe(&event) {
                node::say(&event);
            }
        }
        node.report(now, &totals(&forwarder, &ports));
        let room = ports.have_room();
        if room && ports.have_frames() {
            continue;
        }
        // What arrived may have begun to wait for something.
        wake = forwarder.poll(now, &mut ports);
        ports.flush();
        let report = node.report_deadline(&totals(&forwarder, &ports));
        if ports.arm(room) {
            machine::idle(sooner(wake, report).map(Instant::micros));
        }
    }
}
