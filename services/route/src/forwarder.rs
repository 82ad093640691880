//! The forwarder.

use core::fmt;
use core::marker::PhantomData;
use service_config::NodeConfig;
use service_console::Event;
use service_core::{CounterName, Counters, Instant};

use crate::{Frame, Ports};

/// Forwards between the interfaces of one node.
#[derive(Debug)]
pub struct Forwarder<F> {
    pending: PhantomData<F>,
}

/// A packet that the filter dropped and that is worth a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DropEvent {
    ingress: usize,
}

impl<F: Frame> Forwarder<F> {
    /// A forwarder for `config`; `seed` is a number that outsiders cannot guess.
    pub fn new(_config: &NodeConfig, _seed: u64) -> Result<Self, RouteError> {
        Ok(Self { pending: PhantomData })
    }

    /// Tells the neighbours where the node's addresses are (gratuitous ARP); once, when the ports
    /// are up.
    pub fn announce<P: Ports<Frame = F>>(&mut self, _now: Instant, _ports: &mut P) {}

    /// Takes a frame that came in by `port`.
    pub fn receive<P: Ports<Frame = F>>(
        &mut self,
        _now: Instant,
        _port: usize,
        frame: F,
        ports: &mut P,
    ) {
        ports.discard(frame);
    }

    /// Does what is due; returns when to call again at the latest, `None` when nothing waits.
    pub fn poll<P: Ports<Frame = F>>(&mut self, _now: Instant, _ports: &mut P) -> Option<Instant> {
        None
    }

    /// The next dropped packet for the console, oldest first; already limited in rate.
    pub fn take_drop_event(&mut self) -> Option<DropEvent> {
        None
    }

    /// The line for a dropped packet.
    pub fn describe<'a>(&'a self, _event: &DropEvent) -> Option<Event<'a>> {
        None
    }
}

impl<F> Counters for Forwarder<F> {
    fn visit(&self, _visit: &mut dyn FnMut(CounterName<'_>, u64)) {}
}

/// A configuration that cannot be forwarded by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteError(&'static str);

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl core::error::Error for RouteError {}
