//! An authoritative DNS server as a container's init.
#![no_std]
#![no_main]

use linux::events::Events;
use linux::network::{self, Use};
use linux::node::Node;
use linux::privileges;
use linux::rustix::thread::CapabilitySet;
use linux::seccomp::{COMMON, DATAGRAMS, STREAMS};
use linux::serve::datagram::Datagrams;
use linux::serve::metrics::Metrics;
use linux::serve::stream::Streams;
use linux::{Fatal, init};
use service_config::Kind;
use service_dns::{Connection, Counters, Server, UDP_PAYLOAD};

/// The first token of the UDP sockets, where no connection's token is.
const UDP: u64 = 1 << 62;

init!(run);

fn run() -> Result<(), Fatal> {
    let mut node = Node::load(Kind::Dns)?;
    let dns = node.config.dns.as_ref().ok_or(Fatal::new("the configuration has no dns section"))?;
    let server = Server::new(dns).map_err(Fatal::display)?;
    network::set_up(&node.config, Use::Host)?;
    let mut events = Events::new()?;
    let mut datagrams = Datagrams::bind(node.addresses(), dns.port, &events, UDP)?;
    let mut streams = Streams::<Connection>::listen(server, node.addresses(), dns.port, &events)?;
    let mut metrics = Metrics::listen(&node, &events)?;
    privileges::drop_all_but(CapabilitySet::empty(), &[COMMON, DATAGRAMS, STREAMS])?;
    node.ready();

    let mut counters = Counters::default();
    loop {
        let now = node.clock.now();
        let deadlines = [
            streams.poll(&mut counters, now),
            metrics.poll(&mut counters, now),
            node.report(now, &counters),
        ];
        let woken = events.wait(&node.clock, deadlines.into_iter().flatten().min())?;
        let now = node.clock.now();
        for (token, flags) in events.ready() {
            if (UDP..2 * UDP).contains(&token) {
                datagrams.handle((token - UDP) as usize, |client, query, output| {
                    let output = &mut output[..UDP_PAYLOAD];
                    streams.service().answer_datagram(&mut counters, client, now, query, output)
                });
            } else if !metrics.handle(&mut counters, now, &events, token, flags) {
                streams.handle(&mut counters, now, &events, token, flags);
            }
        }
        if node.heed(woken) {
            return Ok(());
        }
    }
}
