//! The page of what a node counts, beside what the node serves.

use service_core::{Counters, Instant};
use service_metrics::{Connection, Page};

use super::stream::Streams;
use crate::Fatal;
use crate::events::{EventFlags, Events};
use crate::node::Node;

/// The page's server; nothing where the configuration has none.
pub struct Metrics<C: Counters>(Option<Streams<Connection<C>>>);

impl<C: Counters> Metrics<C> {
    /// Listens on the node's own addresses, if the configuration says so.
    pub fn listen(node: &Node, events: &Events) -> Result<Self, Fatal> {
        let Some(metrics) = &node.config.metrics else { return Ok(Self(None)) };
        let page = Page::new(&node.config, metrics);
        Streams::listen_beside(page, node.addresses(), metrics.port, events).map(Some).map(Self)
    }

    /// Takes an event, if it is one of this server's: whether it was.
    pub fn handle(
        &mut self,
        counters: &mut C,
        now: Instant,
        events: &Events,
        token: u64,
        flags: EventFlags,
    ) -> bool {
        let Some(streams) = self.0.as_mut().filter(|streams| streams.owns(token)) else {
            return false;
        };
        streams.handle(counters, now, events, token, flags);
        true
    }

    /// What `Streams::poll` says.
    pub fn poll(&mut self, counters: &mut C, now: Instant) -> Option<Instant> {
        self.0.as_mut()?.poll(counters, now)
    }
}
