//! The DNS node as a unikernel: authoritative for the zones in its configuration.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use machine::Machine;
use node::Node;
use service_config::Kind;
use service_dns::{Connection, Counters, Server, UDP_PAYLOAD};

use endpoint::Datagrams;

machine::entry!(main);

fn main(machine: Machine) -> ! {
    let node = Node::boot(machine, Kind::Dns);
    let Some(dns) = &node.config().dns else {
        machine::die(format_args!("the configuration has no dns part"))
    };
    let server = match Server::new(dns) {
        Ok(server) => server,
        Err(error) => machine::die(format_args!("dns: {error}")),
    };
    let port = dns.port;
    let datagrams: Datagrams<Connection> = Datagrams {
        longest: UDP_PAYLOAD,
        answer: |server, counters, client, now, query, out| {
            server.answer_datagram(counters, client, now, query, out)
        },
    };
    endpoint::serve(node, port, server, Counters::default(), Some(datagrams))
}
