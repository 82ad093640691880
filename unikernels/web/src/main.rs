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
    let node = Node::boot(machine, Kind::Web);
    let Some(web) = &node.config().web else {
        machine::die(format_args!("the configuration has no web part"))
    };
    let site = match Site::new(web) {
        Ok(site) => site,
        Err(error) => machine::die(format_args!("web: {error}")),
    };
    let port = web.port;
    endpoint::serve::<Connection>(node, port, site, Counters::default(), None)
}
