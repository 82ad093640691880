//! The web node as a unikernel: HTTP for the resources in its configuration.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use machine::Machine;
use node::Node;
use service_config::Kind;
use service_web::{Connection, Counters, Site};

machine::entry!(main);

fn main(machine: Machine) -> ! {
    let (node, (port, site)) = Node::boot_compiled(machine, Kind::Web, |config| {
        let Some(web) = config.web.take() else {
            machine::die(format_args!("the configuration has no web part"))
        };
        match Site::new(web.resources) {
            Ok(site) => (web.port, site),
            Err(error) => machine::die(format_args!("web: {error}")),
        }
    });
    endpoint::serve::<Connection>(node, port, site, Counters::default(), None)
}
