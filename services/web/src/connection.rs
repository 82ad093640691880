//! One connection.

use service_core::{Instant, Session};

use crate::{Counters, Site};

/// One connection of a client.
#[derive(Debug)]
pub struct Connection {
    deadline: Instant,
}

impl Session for Connection {
    type Service = Site;
    type Counters = Counters;

    fn open(counters: &mut Counters, now: Instant) -> Self {
        counters.connections += 1;
        Self { deadline: now }
    }

    fn receive(&mut self, _: &Site, _: &mut Counters, _: Instant, input: &[u8]) -> usize {
        input.len()
    }

    fn transmit<'a>(&'a self, _: &'a Site) -> &'a [u8] {
        &[]
    }

    fn sent(&mut self, _: &Site, _: Instant, _: usize) {}

    fn close_after_flush(&self) -> bool {
        false
    }

    fn deadline(&self) -> Instant {
        self.deadline
    }
}
