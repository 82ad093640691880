//! A web server as a container's init.
#![no_std]
#![no_main]

use linux::events::Events;
use linux::network::{self, Use};
use linux::node::Node;
use linux::privileges;
use linux::rustix::thread::CapabilitySet;
use linux::seccomp::{COMMON, STREAMS};
use linux::serve::metrics::Metrics;
use linux::serve::stream::Streams;
use linux::{Fatal, init};
use service_config::Kind;
use service_web::{Connection, Counters, Site};

init!(run);

fn run() -> Result<(), Fatal> {
    let mut node = Node::load(Kind::Web)?;
    let web = node.config.web.take().ok_or(Fatal::new("the configuration has no web section"))?;
    let site = Site::new(web.resources).map_err(Fatal::display)?;
    network::set_up(&node.config, Use::Host)?;
    let mut events = Events::new()?;
    let mut streams = Streams::<Connection>::listen(site, node.addresses(), web.port, &events)?;
    let mut metrics = Metrics::listen(&node, &events)?;
    privileges::drop_all_but(CapabilitySet::empty(), &[COMMON, STREAMS])?;
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
            if !metrics.handle(&mut counters, now, &events, token, flags) {
                streams.handle(&mut counters, now, &events, token, flags);
            }
        }
        if node.heed(woken) {
            return Ok(());
        }
    }
}
