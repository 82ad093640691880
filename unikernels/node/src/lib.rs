//! What every unikernel does around its service: it reads its configuration, says who it is and
//! that it is ready, and reports what it counts.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod totals;

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;

use machine::{Machine, Nic, Purpose};
use service_config::{Kind, NodeConfig};
use service_console::{Event, Report, Why};
use service_core::{Counters, Instant};

pub use totals::Totals;

/// A node that has read its configuration.
pub struct Node {
    machine: Machine,
    config: &'static NodeConfig,
    report: Report,
}

impl Node {
    /// Reads the configuration from the boot module. Ends the program when there is none, when it is
    /// wrong, or when it is another kind's.
    #[must_use]
    pub fn boot(machine: Machine, kind: Kind) -> Self {
        Self::boot_compiled(machine, kind, |_| ()).0
    }

    /// Like [`boot`](Self::boot): `compile` makes of the configuration what the node does, and takes
    /// from it what would hold memory for nothing from then on.
    #[must_use]
    pub fn boot_compiled<T>(
        machine: Machine,
        kind: Kind,
        compile: impl FnOnce(&mut NodeConfig) -> T,
    ) -> (Self, T) {
        let mut config = read(&machine, kind);
        let compiled = compile(&mut config);
        (Self { machine, config: Box::leak(Box::new(config)), report: Report::new() }, compiled)
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &'static NodeConfig {
        self.config
    }

    /// Bytes of heap that are left.
    #[must_use]
    pub fn free_memory(&self) -> usize {
        self.machine.heap().free()
    }

    /// Starts all interfaces of the configuration, in its order.
    #[must_use]
    pub fn open_nics(&mut self, purpose: Purpose) -> Vec<Nic> {
        let addresses: Vec<_> =
            self.config.interfaces.iter().map(|interface| interface.mac.octets()).collect();
        self.machine.open_nics(&addresses, purpose)
    }

    /// Says that the node serves.
    pub fn ready(&self) {
        let kind = self.config.kind.name();
        say(&Event::Ready { node: &self.config.node, kind });
    }

    /// Writes the counters if it is time to, or somebody typed something on the console.
    pub fn report(&mut self, now: Instant, counters: &dyn Counters) {
        if machine::asked() {
            self.report.ask();
        }
        match self.report.due(now, counters) {
            None => return,
            Some(Why::Changed) => {}
            Some(Why::Asked) => machine::answered(),
        }
        say(&Event::Counters { node: &self.config.node, counters });
    }

    /// When [`report`](Self::report) has something to do, if it has.
    #[must_use]
    pub fn report_deadline(&self, counters: &dyn Counters) -> Option<Instant> {
        self.report.deadline(counters)
    }
}

/// The configuration of a node of this kind; says that it was read.
fn read(machine: &Machine, kind: Kind) -> NodeConfig {
    if machine.module().is_empty() {
        machine::die(format_args!("there is no boot module with a configuration"));
    }
    let config = match NodeConfig::parse_for(kind, machine.module()) {
        Ok(config) => config,
        Err(error) => machine::die(format_args!("configuration: {error}")),
    };
    machine::set_node(config.node.clone().leak());
    say(&Event::Boot {
        node: &config.node,
        kind: kind.name(),
        topology: &config.topology,
        config: None,
    });
    config
}

/// The time.
#[must_use]
pub fn now() -> Instant {
    Instant::from_micros(machine::now())
}

/// The sooner of two moments that may never come.
#[must_use]
pub fn sooner(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Writes a line to the console, in one piece, with the time.
pub fn say(event: &Event<'_>) {
    let mut line = event.at(now()).to_string();
    line.push('\n');
    machine::Console.write(line.as_bytes());
}
