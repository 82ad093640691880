//! The forwarder that unikernels run, over packet sockets: the kernel's own stack sees no frame.

use alloc::vec::Vec;

use rustix::rand::{GetRandomFlags, getrandom};
use rustix::thread::CapabilitySet;
use service_core::{CounterName, Counters};
use service_route::Forwarder;

use crate::events::{EventFlags, Events};
use crate::network::{self, Use, names};
use crate::node::Node;
use crate::packet::{BATCH, PacketCounters, PacketFrame, PacketPorts};
use crate::privileges;
use crate::seccomp::{COMMON, DATAGRAMS};
use crate::{Fatal, console, nft};

/// Batches from one port before others are served again.
const BATCHES: usize = 4;

/// The forwarder's counters, then the ports'.
struct Both<'a>(&'a Forwarder<PacketFrame>, &'a PacketCounters);

impl Counters for Both<'_> {
    fn visit(&self, visit: &mut dyn FnMut(CounterName<'_>, u64)) {
        self.0.visit(visit);
        self.1.visit(visit);
    }
}

/// Runs the node until it is asked to stop.
pub fn run(mut node: Node) -> Result<(), Fatal> {
    let mut forwarder = Forwarder::new(&node.config, seed()?).map_err(Fatal::display)?;
    let interfaces = network::set_up(&node.config, Use::Bare)?;
    nft::deafen(&names(&node.config.interfaces))?;
    let mut ports = PacketPorts::open(&interfaces)?;
    let mut events = Events::new()?;
    for port in 0..interfaces.len() {
        let watched = events.watch(ports.socket(port), port as u64, EventFlags::IN);
        watched.map_err(|error| Fatal::system("watch packet socket", error))?;
    }
    privileges::drop_all_but(CapabilitySet::empty(), &[DATAGRAMS, COMMON])?;
    forwarder.announce(node.clock.now(), &mut ports);
    ports.flush();
    node.ready();

    let mut frames: Vec<PacketFrame> = Vec::with_capacity(BATCH);
    loop {
        let now = node.clock.now();
        let next = forwarder.poll(now, &mut ports);
        ports.flush();
        let report = node.report(now, &Both(&forwarder, ports.counters()));
        let woken = events.wait(&node.clock, [next, report].into_iter().flatten().min())?;
        let now = node.clock.now();
        for (token, _) in events.ready() {
            let port = token as usize;
            for _ in 0..BATCHES {
                let more = ports.receive(port, &mut frames);
                for frame in frames.drain(..) {
                    forwarder.receive(now, port, frame, &mut ports);
                }
                ports.flush();
                if !more {
                    break;
                }
            }
        }
        while let Some(event) = forwarder.take_drop_event() {
            if let Some(line) = forwarder.describe(&event) {
                console::line(now, &line);
            }
        }
        if node.heed(woken) {
            return Ok(());
        }
    }
}

/// A number that outsiders cannot guess.
fn seed() -> Result<u64, Fatal> {
    let mut bytes = [0; 8];
    match getrandom(&mut bytes, GetRandomFlags::empty()) {
        Ok(8) => Ok(u64::from_ne_bytes(bytes)),
        Ok(_) => Err(Fatal::new("no random numbers")),
        Err(error) => Err(Fatal::system("random numbers", error)),
    }
}
